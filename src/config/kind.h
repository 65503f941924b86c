/*-------------------------------------------------------------------------
 *
 * config/kind.h
 *	  Configurations, as a kind of what is cached.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_CONFIG_KIND_H
#define CEXT_CONFIG_KIND_H

#include "core/kind.h"
#include "protocol/slice.h"

#define CEXT_KIND_CONFIG	1

/* The parts of a key, and of a slice. */
#define CEXT_ID				0	/* a user's or a domain's */
#define CEXT_NAME			1

#define CEXT_CONFIG_SPACES			CEXT_SPACE_OF(CEXT_KIND_CONFIG, 0)
#define CEXT_CONFIG_SLICES			CEXT_SLICE_OF(CEXT_KIND_CONFIG, 0)

/* What an entry's value is. */
typedef enum CextConfigSpace
{
	CEXT_SPACE_JSONB = CEXT_CONFIG_SPACES,	/* a user's merge */
		CEXT_SPACE_JSON,			/* the same, rendered */
	CEXT_SPACE_PUBLIC,			/* the merge before login; without an id */
	CEXT_SPACE_PUBLIC_JSON,		/* the same, rendered */
	CEXT_SPACE_BASE,			/* what a domain's users share; of its id */
	CEXT_SPACE_COMMON			/* what everybody shares; without an id */
} CextConfigSpace;

/* Is it what anybody may be given, without an id? */
#define CEXT_SPACE_IS_PUBLIC(space) \
	((space) == CEXT_SPACE_PUBLIC || (space) == CEXT_SPACE_PUBLIC_JSON)

/* Is it text? */
#define CEXT_SPACE_IS_JSON(space) \
	((space) == CEXT_SPACE_JSON || (space) == CEXT_SPACE_PUBLIC_JSON)

/* Is it for fills, and no document that anybody asks for? */
#define CEXT_SPACE_IS_BASE(space)	((space) >= CEXT_SPACE_BASE)

/*
 * An application's ids are hashed without saying whether they name a user or a
 * domain, so that exactness never depends on what a scope type was keyed by when a
 * trigger ran.  It costs next to nothing that a user and a domain of one name are
 * invalidated together.  The distinction is kept for views and for listeners.
 */
typedef enum CextConfigSlice
{
	CEXT_SLICE_NAME = CEXT_CONFIG_SLICES,
	CEXT_SLICE_DOMAIN,
	CEXT_SLICE_DOMAIN_NAME,
	CEXT_SLICE_USER,
	CEXT_SLICE_USER_NAME
} CextConfigSlice;

extern const CextKindInfo cext_config_kind;

extern uint64 cext_config_hash(CextConfigSlice type, CextString id, CextString name);
extern CextSlice cext_config_slice(CextConfigSlice type, CextString id, CextString name);

#endif							/* CEXT_CONFIG_KIND_H */
