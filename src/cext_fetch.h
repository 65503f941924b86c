/*-------------------------------------------------------------------------
 *
 * cext_fetch.h
 *	  Reading from the sources what contributes to a configuration.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_FETCH_H
#define CEXT_FETCH_H

#include "cext.h"
#include "cext_merge.h"

#include "utils/snapshot.h"

/* What the tables say of a user and a name. */
typedef struct CextFetched
{
	CextStrategy strategy;
	int64		ttl_ms;			/* 0: the definition has none */
	CextString	domain_key;		/* what the domain was looked up by, if it was */
	CextString	domain;			/* null where the user has none */
	int			ndocs;
	Jsonb	  **docs;			/* lowest rank first */
} CextFetched;

extern void cext_fetch(Snapshot snapshot, CextString user, CextString name,
					   CextFetched *fetched);

#endif							/* CEXT_FETCH_H */
