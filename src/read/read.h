/*-------------------------------------------------------------------------
 *
 * read/read.h
 *	  The read path, of any kind: whether the cache may be used, and misses.
 *
 * A kind's own function reads, so that a hit is inlined: it asks whether the cache
 * may be used, makes the key, and looks it up with cext_entry_look_up.  What it does
 * not find it leaves to cext_read_miss.  cext_read does all this for kinds whose
 * keys depend on nothing but the request.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_READ_H
#define CEXT_READ_H

#include "core/guc.h"
#include "core/kind.h"
#include "core/shmem.h"
#include "protocol/start.h"
#include "read/entry.h"
#include "read/sample.h"
#include "write/xact.h"

#include "access/xact.h"

extern void cext_read_warn_not_preloaded(void);
extern bool cext_read_own_rules_out(CextCounter *reason);
extern bool cext_read_worker_may(CextCounter *reason);
extern PGDLLEXPORT struct varlena *cext_read(const CextKindInfo *kind, CextRequest *request);
extern struct varlena *cext_read_piece(const CextRequest *request, struct varlena *value);
extern struct varlena *cext_read_miss(const CextKindInfo *kind, CextRequest *request,
									  Snapshot snapshot);

/*
 * May a read under this snapshot use the cache?  If not, says why.
 */
static inline bool
cext_read_usable(Snapshot snapshot, CextCounter *reason)
{
	if (!cext_shmem_available())
	{
		cext_read_warn_not_preloaded();
		*reason = CEXT_COUNT_RT_NOT_PRELOADED;
	}
	else if (!cext_enabled)
		*reason = CEXT_COUNT_RT_DISABLED;
	else if (unlikely(cext_xact_own != 0) && cext_read_own_rules_out(reason))
		return false;
	else if (snapshot->snapshot_type != SNAPSHOT_MVCC)
		*reason = CEXT_COUNT_RT_SNAPSHOT;
	else if (snapshot->takenDuringRecovery)
		*reason = CEXT_COUNT_RT_RECOVERY;
	else if (!cext_start_passed(snapshot))
		*reason = CEXT_COUNT_RT_START;
	else if (IsolationIsSerializable())
	{
		/* Its reads have to reach the tables, to take predicate locks. */
		*reason = CEXT_COUNT_RT_SERIALIZABLE;
	}
	else if (unlikely(cext_is_worker))
		return cext_read_worker_may(reason);
	else
		return true;
	return false;
}

/*
 * Read by way of the cache, which the read may use, for a complete key and the
 * generation of ANY: a hit, or what cext_read_miss does.
 */
static pg_attribute_always_inline struct varlena *
cext_read_cached(const CextKindInfo *kind, CextRequest *request, Snapshot snapshot,
				 uint64 any)
{
	struct varlena *value;

	if (likely(cext_entry_look_up(request, snapshot, any, &value)))
	{
		cext_count_hit(&request->key);
		return value;
	}
	cext_count(CEXT_COUNT_MISSES);
	return cext_read_miss(kind, request, snapshot);
}

#endif							/* CEXT_READ_H */
