/*-------------------------------------------------------------------------
 *
 * protocol/slice.c
 *	  Slices: sets of entries that one change can invalidate.
 *
 * A slice has no object: it is a hash, which leads to a slot (protocol/slot.c).
 * Every database has two slices of its own.  EVERYTHING is a slice of each entry,
 * and of all that backends remember of the sources.  ANY is a slice of no entry:
 * each invalidation in the database goes through it as well, so that a reader that
 * finds it unchanged need not look at others.
 *
 * Locks: none.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "protocol/slice.h"

#include "core/hash.h"

#include "miscadmin.h"

bool		cext_slots_known = false;
uint32		cext_any;
uint64		cext_everything;

/*
 * Hash a slice.  A part that it does not have is CEXT_NULL_STRING.
 *
 * The parts are folded one after another, each hashed with the hash so far as
 * its seed, so that no length is bounded here and ("a", "bc") differs from
 * ("ab", "c").
 */
uint64
cext_slice_hash(Oid db, int type, CextString a, CextString b)
{
	uint64		head = ((uint64) db << 32) | type;
	uint64		hash;

	hash = cext_hash_bytes((CextString) {(const char *) &head, sizeof(head)},
						   cext_hash_seed);
	if (a.data)
		hash = cext_hash_bytes(a, hash);
	if (b.data)
		hash = cext_hash_bytes(b, hash);
	return hash;
}

/*
 * All that is cached of a database.
 */
CextSlice
cext_slice_everything(Oid db)
{
	CextSlice	slice = {.type = CEXT_SLICE_EVERYTHING};

	slice.hash = cext_slice_hash(db, slice.type, CEXT_NULL_STRING, CEXT_NULL_STRING);
	return slice;
}

/*
 * Find what is the same for all reads of this database.
 */
void
cext_slice_find(void)
{
	cext_any = cext_slot_of(cext_slice_hash(MyDatabaseId, CEXT_SLICE_ANY,
											CEXT_NULL_STRING, CEXT_NULL_STRING));
	cext_everything = cext_slice_everything(MyDatabaseId).hash;
	cext_slots_known = true;
}
