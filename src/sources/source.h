/*-------------------------------------------------------------------------
 *
 * sources/source.h
 *	  The sources, as a snapshot or a writer sees them.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_SOURCE_H
#define CEXT_SOURCE_H

#include "core/cext.h"
#include "config/kind.h"
#include "protocol/slice.h"
#include "sources/mapping.h"

#include "utils/snapshot.h"

/* What a scope type's fragments are keyed by. */
typedef enum CextKeyedBy
{
	CEXT_KEYED_BY_NONE,
	CEXT_KEYED_BY_DOMAIN,
	CEXT_KEYED_BY_USER
} CextKeyedBy;

typedef struct CextScopeType
{
	CextString	name;
	CextKeyedBy keyed_by;
	int64		default_rank;
} CextScopeType;

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

typedef struct CextSources
{
	bool		current;		/* no invalidation came since they were loaded */
	uint64		loads;			/* how often they were */
	MemoryContext context;		/* of all that they point to */
	CextSource	source[CEXT_NUM_ROLES];
	int			nscope_types;
	CextScopeType *scope_types;
	CextType	user_type;		/* of user ids that callers give */
	CextType	name_type;		/* of config names that they give */
	const CextSource *suspended;	/* one that has a problem, or NULL */
	List	   *watched;		/* OIDs of relations */
	uint64		generation;		/* of EVERYTHING, at which all this holds */
	CextSnapshotId snapshot;	/* that it was loaded under */
	uint64		any;			/* of ANY, at which that was last found so */
} CextSources;

extern CextSources cext_sources;

extern void cext_source_init(void);
extern void cext_source_forget(void);
extern bool cext_source_refresh(Snapshot snapshot, uint64 any);
extern const CextSource *cext_source_of_writer(Oid relid);
extern const CextScopeType *cext_source_scope_type(const CextSources *sources,
												   CextString name);
extern CextConfigSlice cext_source_fragment_slice(CextString scope_type);

/*
 * Make cext_sources hold for the active snapshot, for which ANY is settled at a
 * generation, or CEXT_NO_GENERATION.  False if a source is suspended, or if they
 * change all the time, so that nothing cached may be used.  Reads tables after something changed, and throws
 * what that can throw.
 */
static inline bool
cext_source_require(Snapshot snapshot, uint64 any)
{
	if (likely(any == cext_sources.any && cext_sources.current &&
			   any != CEXT_NO_GENERATION))
		return true;
	return cext_source_refresh(snapshot, any);
}

#endif							/* CEXT_SOURCE_H */
