/*-------------------------------------------------------------------------
 *
 * sources/source.h
 *	  What a backend remembers of sources, and for which snapshots it holds.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_SOURCE_H
#define CEXT_SOURCE_H

#include "core/cext.h"
#include "protocol/slice.h"
#include "sources/mapping.h"

#include "utils/snapshot.h"

/*
 * What tells one snapshot of this backend from another.
 */
typedef struct CextSnapshotId
{
	bool		valid;
	bool		in_recovery;
	TransactionId xmin;
	TransactionId xmax;
	uint32		xcnt;
	int32		subxcnt;
	CommandId	curcid;
} CextSnapshotId;

/*
 * Sources that are loaded together, and how long what was found holds.  What embeds
 * this has the rest.
 */
typedef struct CextSourceSet
{
	bool		current;		/* no invalidation came since they were loaded */
	uint64		any;			/* of ANY, at which they were last found so */
	uint64		generation;		/* of EVERYTHING, at which all this holds */
	CextSnapshotId snapshot;	/* that it was loaded under */
	uint64		loads;			/* which load it was, of all in this backend */
	MemoryContext context;		/* of all that it points to */
	const CextSource *suspended;	/* one that has a problem, or NULL */
	List	   *watched;		/* OIDs of relations */

	/* Load them under the active snapshot; returns the relations to watch. */
	List	   *(*load) (struct CextSourceSet *set);
	struct CextSourceSet *next; /* of all sets that were ever loaded */
} CextSourceSet;

#define CEXT_SOURCE_SET(function) \
	{.generation = CEXT_NO_GENERATION, .any = CEXT_NO_GENERATION, .load = function}

extern void cext_source_init(void);
extern void cext_source_forget(void);
extern void cext_source_load(CextSourceSet *set);
extern bool cext_source_refresh(CextSourceSet *set, Snapshot snapshot, uint64 any);

/*
 * Make a set hold for the active snapshot, for which ANY is settled at a generation,
 * or CEXT_NO_GENERATION.  False if nothing cached may be used: a source is suspended,
 * EVERYTHING is not settled, or the sources change all the time.  Reads tables after
 * something changed, and throws what that can throw.
 */
static inline bool
cext_source_require(CextSourceSet *set, Snapshot snapshot, uint64 any)
{
	if (likely(any == set->any && set->current && any != CEXT_NO_GENERATION))
		return true;
	return cext_source_refresh(set, snapshot, any);
}

#endif							/* CEXT_SOURCE_H */
