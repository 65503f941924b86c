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
 * (sources/frame.c).  So an entry of which a slot is in the set is neither taken nor
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

#include "miscadmin.h"

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
				if (request->key.kind < CEXT_KIND_BASE)
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
	CextRef		ref = {.stamp = seen->stamp,.slices = seen->slices,.nslices = seen->nslices};
	uint64		stamp;

	return cext_entry_holds(&ref, snapshot, any, &stamp);
}

/* Where EVERYTHING is among an entry's slices. */
#define EVERYTHING_INDEX	0

/*
 * The hashes of the slices that an entry depends on.  The domain of a base is
 * in the user's place, where it gives the slices that it should: those of an id.
 */
static int
get_slices(const CextRequest *request, const CextComputed *computed,
		   uint64 hashes[CEXT_MAX_SLICES])
{
	CextString	domain = computed->domain;
	CextString	name = request->key.name;
	int			n = 0;

#define SLICE(kind, id, name) \
	(hashes[n++] = cext_slice_hash(MyDatabaseId, kind, id, name))

	SLICE(CEXT_SLICE_EVERYTHING, CEXT_NULL_STRING, CEXT_NULL_STRING);
	SLICE(CEXT_SLICE_NAME, CEXT_NULL_STRING, name);
	if (request->key.user.data != NULL)
	{
		SLICE(CEXT_SLICE_USER, request->key.user, CEXT_NULL_STRING);
		SLICE(CEXT_SLICE_USER_NAME, request->key.user, name);
	}
	if (domain.data != NULL)
	{
		SLICE(CEXT_SLICE_DOMAIN, domain, CEXT_NULL_STRING);
		SLICE(CEXT_SLICE_DOMAIN_NAME, domain, name);
	}
	if (computed->domain_key.data != NULL)
		SLICE(CEXT_SLICE_DOMAIN, computed->domain_key, CEXT_NULL_STRING);
#undef SLICE
	return n;
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
 * Has it changed what any result of the request depends on, whatever the domain?
 */
bool
cext_entry_is_own(const CextRequest *request)
{
	const CextComputed nothing = {0};
	uint64		hashes[CEXT_MAX_SLICES];
	int			n = get_slices(request, &nothing, hashes);

	for (int i = 0; i < n; i++)
	{
		if (cext_xact_owns(cext_slot_of(hashes[i])))
			return true;
	}
	return false;
}

/*
 * Record the generations of an entry's slices.  Returns what to count if the
 * entry can be stored: not if one of the slots is not settled for the snapshot
 * that it was computed under, or is one of this transaction's own, nor if the
 * sources are no longer those that the key was made for.
 */
static CextCounter
record_slices(CextEntry *entry, const CextRequest *request,
			  const CextComputed *computed, Snapshot snapshot)
{
	uint64		hashes[CEXT_MAX_SLICES];
	uint64		any = cext_entry_any(snapshot);

	entry->stamp = any == CEXT_NO_GENERATION ? 0 : any;
	pg_read_barrier();			/* as in cext_entry_holds */

	entry->nslices = get_slices(request, computed, hashes);
	for (int i = 0; i < entry->nslices; i++)
	{
		uint32		slot = cext_slot_of(hashes[i]);
		uint64		generation;

		if (cext_xact_owns(slot))
			return CEXT_COUNT_RT_OWN_CHANGE;
		if (!cext_slot_settled(slot, snapshot, &generation))
			return CEXT_COUNT_RT_UNSETTLED;
		if (i == EVERYTHING_INDEX && generation != request->generation)
			return CEXT_COUNT_RT_UNSETTLED;
		entry->slices[i] = CEXT_PACK_SLICE(slot, generation);
	}
	return CEXT_COUNT_FILLS;
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
 * Store what was computed under the snapshot.  Returns what to count.
 */
CextCounter
cext_entry_store(const CextRequest *request, Snapshot snapshot,
				 const CextComputed *computed)
{
	CextEntry	entry = {0};
	CextCounter counter;

	entry.value = computed->value;
	entry.value_len = computed->value == NULL ? 0 : VARSIZE(computed->value);
	entry.expires = expiry(computed->ttl_ms);

	if (computed->value == NULL && !cext_cache_absent)
		return CEXT_COUNT_RT_ABSENT;
	if (entry.value_len > (Size) cext_max_entry_kb * 1024 ||
		entry.value_len > cext_store_max_value())
		return CEXT_COUNT_RT_TOO_LARGE;
	counter = record_slices(&entry, request, computed, snapshot);
	if (counter == CEXT_COUNT_FILLS)
		cext_store_put(&request->key, &entry);
	return counter;
}
