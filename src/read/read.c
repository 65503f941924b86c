/*-------------------------------------------------------------------------
 *
 * read/read.c
 *	  The read path, of any kind: whether the cache may be used, and misses.
 *
 * A read first asks whether it may use the cache at all: its transaction, its
 * isolation level or its snapshot may rule that out, and then it computes its
 * result from the tables.  Otherwise it looks the entry up.  A miss computes the
 * result under the same snapshot and stores it if that can be done exactly
 * (read/entry.c).  If several backends miss one entry, one of them computes it.
 *
 * Locks: see store/store.c, and read/fill.c for the waiting.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "read/read.h"

#include "read/fill.h"

#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "storage/ipc.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/*
 * Why a session is not served from the cache is said once.
 */
void
cext_read_warn_not_preloaded(void)
{
	static bool warned = false;

	if (warned)
		return;
	warned = true;
	ereport(WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("configurations are computed at each read because cache_ext is not preloaded"),
			 errhint("Add cache_ext to shared_preload_libraries and restart the server.")));
}

/*
 * Does what this transaction did itself rule the cache out, whatever is read?
 * Says why.
 */
bool
cext_read_own_rules_out(CextCounter *reason)
{
	if (cext_xact_own & CEXT_OWN_QUERY)
		*reason = CEXT_COUNT_RT_UNDER_WAY;
	else if (cext_xact_own & (CEXT_OWN_EVERYTHING | CEXT_OWN_CATALOGS))
		*reason = CEXT_COUNT_RT_OWN_CHANGE;
	else
		return false;
	return true;
}

/*
 * May a worker's read use the cache?  If not, says why.
 */
bool
cext_read_worker_may(CextCounter *reason)
{
	if (IsLogicalWorker())
	{
		/* It writes rows without firing statement triggers. */
		*reason = CEXT_COUNT_RT_APPLY;
		return false;
	}
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
	{
		/* Whether the leader wrote to a source is not known here. */
		*reason = CEXT_COUNT_RT_PARALLEL;
		return false;
	}
	return true;
}

/*
 * Compute the value and store it if that can be done exactly.
 */
static void
fill(const CextKindInfo *kind, CextRequest *request, Snapshot snapshot,
	 CextComputed *computed)
{
	CextCounter reason;

	kind->compute(request, snapshot, true, computed);
	if (cext_entry_store(request, snapshot, computed, &reason))
		reason = CEXT_COUNT_FILLS;
	cext_count(reason);
}

static void
end_fill(int code, Datum arg)
{
	cext_fill_end();
}

/*
 * Take the part that the request wants of a value that is our own.
 */
struct varlena *
cext_read_piece(const CextRequest *request, struct varlena *value)
{
	JEntry		type = JENTRY_ISCONTAINER;
	struct varlena *copy;

	if (value == NULL || request->npath == 0)
		return value;
	copy = cext_entry_copy(request, (char *) value, VARSIZE(value), &type);
	return cext_entry_finish(request, copy, type);
}

/*
 * No entry holds for the snapshot, which is the active one: fill, unless someone
 * else is about to.  Returns what the request wants, in the current context, or NULL.
 * Throws what the kind's compute can.
 */
struct varlena *
cext_read_miss(const CextKindInfo *kind, CextRequest *request, Snapshot snapshot)
{
	uint64		hash = cext_key_hash(&request->key);
	CextComputed computed;
	TimestampTz deadline = 0;
	struct varlena *value;

	/* What is not sure to be stored is not worth waiting for. */
	if (cext_xact_own != 0)
	{
		fill(kind, request, snapshot, &computed);
		return cext_read_piece(request, computed.value);
	}

	while (!cext_fill_begin(hash))
	{
		if (deadline == 0)
		{
			deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
												   cext_fill_wait_ms);
			cext_count(CEXT_COUNT_FILL_WAITS);
		}
		if (!cext_fill_wait(hash, deadline))
		{
			fill(kind, request, snapshot, &computed);
			return cext_read_piece(request, computed.value);
		}
		if (cext_entry_look_up(request, snapshot, cext_entry_any(snapshot), &value))
		{
			cext_count_hit(&request->key);
			return value;
		}
	}

	PG_ENSURE_ERROR_CLEANUP(end_fill, (Datum) 0);
	{
		fill(kind, request, snapshot, &computed);
	}
	PG_END_ENSURE_ERROR_CLEANUP(end_fill, (Datum) 0);
	cext_fill_end();
	return cext_read_piece(request, computed.value);
}

/*
 * Is what is asked for too long to be a key?
 */
static bool
is_too_long(const CextKey *key)
{
	for (int i = 0; i < CEXT_KEY_PARTS; i++)
	{
		if (key->parts[i].len > CEXT_MAX_ID)
			return true;
	}
	return false;
}

/*
 * Read under the active snapshot, for a kind whose keys depend on nothing but the
 * request.  Set the request's space, parts and path before.  The result is like that
 * of cext_read_miss.  What has strings that are too long for a key is computed.
 */
struct varlena *
cext_read(const CextKindInfo *kind, CextRequest *request)
{
	Snapshot	snapshot = GetActiveSnapshot();
	CextComputed computed;
	CextCounter reason;
	uint64		generation;
	bool		usable = cext_read_usable(snapshot, &reason);

	if (usable && is_too_long(&request->key))
	{
		reason = CEXT_COUNT_RT_TOO_LARGE;
		usable = false;
	}
	else if (usable &&
			 !cext_slot_settled(cext_slot_of(cext_everything_hash()), snapshot, &generation))
	{
		reason = CEXT_COUNT_RT_UNSETTLED;
		usable = false;
	}
	if (!usable)
	{
		cext_count(reason);
		kind->compute(request, snapshot, false, &computed);
		return cext_read_piece(request, computed.value);
	}
	cext_key_complete(&request->key, MyDatabaseId);
	return cext_read_cached(kind, request, snapshot, cext_entry_any(snapshot));
}
