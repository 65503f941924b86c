/*-------------------------------------------------------------------------
 *
 * config/compute.h
 *	  Reading a configuration, and computing it.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_COMPUTE_H
#define CEXT_COMPUTE_H

#include "config/kind.h"
#include "read/read.h"

/*
 * A configuration, or a piece of it, that is asked for: set the key's space, id and
 * name, as the caller gave them, and the path.
 */
typedef struct CextConfigRequest
{
	CextRequest read;
	uint64		loads;			/* of cext_sources, at which the key was made */
	CextString	given_id;		/* what the key's strings were made of, if it */
	CextString	given_name;		/* was something else */
} CextConfigRequest;

extern struct varlena *cext_config_read(CextConfigRequest *request);
extern bool cext_config_usable(Snapshot snapshot, uint64 *any, CextCounter *reason);
extern bool cext_config_prepare(CextConfigRequest *request, Snapshot snapshot, uint64 *any,
								CextCounter *reason);
extern struct varlena *cext_config_compute(CextConfigRequest *request);
extern void cext_config_fill(CextRequest *request, Snapshot snapshot, bool usable,
							 CextComputed *computed);
extern bool cext_config_is_own(const CextConfigRequest *request);

/*
 * Set what a request is for.
 */
static inline void
cext_config_ask(CextConfigRequest *request, CextConfigSpace space, CextString id,
				CextString name)
{
	request->read.key.space = space;
	request->read.key.parts[CEXT_ID] = id;
	request->read.key.parts[CEXT_NAME] = name;
}

#endif							/* CEXT_COMPUTE_H */
