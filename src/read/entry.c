/*-------------------------------------------------------------------------
 *
 * read/entry.c
 *	  Entries of the cache, held to the protocol of the slots.
 *
 * An entry is taken if all of its slices are settled for the reader's snapshot at
 * the generation that the entry recorded (protocol/slot.c says why that is enough).
 *
 * Most of the time nothing changed since the entry was last found valid, and
 * one slot tells: ANY, which every invalidation in the database goes through.
 * The entry's stamp is a generation at which ANY was settled before the
 * entry's slices were found valid.  If ANY is settled at that generation for
 * our snapshot too, then all writers that ever completed are seen by our
 * snapshot and were seen by that check, and those that have not marked ANY yet
 * have not committed.
 *
 * What was computed under a snapshot is stored if at the moment of storing all
 * slices are settled for that snapshot.  A writer that comes later than this
 * check bumps a generation that the entry has recorded.
 *
 * What this transaction itself has changed is in no slot before it commits.  Its
 * own set of slots is complete whenever reads may use the cache at all
 * (sources/frame.c).  So an entry that has a slot of the set is neither taken nor
 * stored, and ANY, which says nothing of the set, is not asked.
 *
 * Locks: see store/store.c.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "read/entry.h"

#include "core/guc.h"
#include "store/store.h"

/*
 * Look the request up where every entry is found; true if the cache answers,
 * with NULL for absence.
 */
bool
cext_entry_look_up_by_directory(const CextRequest *request, Snapshot snapshot,
								uint64 any, struct varlena **value)
{
	CextRef		ref;

	/* An entry can only change so often between two looks. */
	for (int tries = 0; tries < 3; tries++)
	{
		if (!cext_store_find(&request->key, &ref))
			return false;
		switch (cext_entry_take(request, snapshot, any, &ref, value))
		{
			case CEXT_TAKEN:
				return true;
			case CEXT_EXPIRED:
				if (!request->is_inner)
					cext_count(CEXT_COUNT_EXPIRATIONS);
				return false;
			case CEXT_STALE:
				return false;
			case CEXT_CHANGED:
				break;
		}
	}
	return false;
}

/*
 * Does a copy of an entry hold for the snapshot, given the generation of ANY?  Its
 * time to live is not looked at.
 */
bool
cext_seen_holds(const CextSeen *seen, Snapshot snapshot, uint64 any)
{
	CextRef		ref = {.stamp = seen->stamp, .slices = seen->slices, .nslices = seen->nslices};
	uint64		stamp;

	return cext_entry_holds(&ref, snapshot, any, &stamp);
}

/*
 * Has this transaction changed what a copy of an entry depends on?
 */
bool
cext_seen_is_own(const CextSeen *seen)
{
	for (int i = 0; i < seen->nslices; i++)
	{
		if (cext_xact_owns(CEXT_PACKED_SLOT(seen->slices[i]) & cext_slot_mask))
			return true;
	}
	return false;
}

/*
 * Record the generations of an entry's slices.  False, with the reason, if the entry
 * cannot be stored: if one of the slices is not settled for the snapshot that it
 * was computed under, or is one of this transaction's own.
 */
static bool
record_slices(CextEntry *entry, const CextComputed *computed, Snapshot snapshot,
			  CextCounter *reason)
{
	uint64		any = cext_entry_any(snapshot);

	entry->stamp = any == CEXT_NO_GENERATION ? 0 : any;
	pg_read_barrier();			/* as in cext_entry_holds */

	Assert(computed->slices[0] == cext_everything_hash());
	entry->nslices = computed->nslices;
	for (int i = 0; i < entry->nslices; i++)
	{
		uint32		slot = cext_slot_of(computed->slices[i]);
		uint64		generation;

		*reason = CEXT_COUNT_RT_OWN_CHANGE;
		if (cext_xact_owns(slot))
			return false;
		*reason = CEXT_COUNT_RT_UNSETTLED;
		if (!cext_slot_settled(slot, snapshot, &generation))
			return false;
		entry->slices[i] = CEXT_PACK_SLICE(slot, generation);
	}
	return true;
}

/*
 * The largest value that is stored.
 */
Size
cext_entry_limit(void)
{
	return Min((Size) cext_max_entry_kb * 1024, cext_store_max_value());
}

/*
 * When an entry that is filled now expires; none before its time to live is over.
 */
static CextSeconds
expiry(int64 ttl_ms)
{
	int64		expires;

	if (ttl_ms == 0)
		ttl_ms = (int64) cext_default_ttl_s * 1000;
	if (ttl_ms == 0)
		return 0;
	/* Of this second nobody knows how much is left. */
	expires = cext_seconds(cext_now()) + 1 + (ttl_ms - 1) / 1000 + 1;
	return expires > PG_UINT32_MAX ? 0 : (CextSeconds) expires;
}

/*
 * Is the value one that is stored, as far as the settings say?  If not, says why.
 */
bool
cext_entry_is_wanted(struct varlena *value, CextCounter *reason)
{
	if (value == NULL && !cext_cache_absent)
		*reason = CEXT_COUNT_RT_ABSENT;
	else if (value != NULL && VARSIZE(value) > cext_entry_limit())
		*reason = CEXT_COUNT_RT_TOO_LARGE;
	else
		return true;
	return false;
}

/*
 * Store what was computed under the snapshot.  False, with the reason, if it cannot
 * be.
 */
bool
cext_entry_store(const CextRequest *request, Snapshot snapshot,
				 const CextComputed *computed, CextCounter *reason)
{
	CextEntry	entry = {0};

	entry.value = computed->value;
	entry.value_len = computed->value == NULL ? 0 : VARSIZE(computed->value);
	entry.expires = expiry(computed->ttl_ms);

	if (computed->suspended)
		*reason = CEXT_COUNT_RT_SUSPENDED;
	else if (cext_entry_is_wanted(computed->value, reason) &&
			 record_slices(&entry, computed, snapshot, reason))
	{
		cext_store_put(&request->key, &entry);
		return true;
	}
	return false;
}
