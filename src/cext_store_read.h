/*-------------------------------------------------------------------------
 *
 * cext_store_read.h
 *	  The readers' side of the store, which a hit consists of: all inline.
 *
 * Readers take no lock.  What keeps them safe:
 *
 *	- Directory, partitions and segment descriptors are type-stable, and
 *	  readers write to nothing else: they raise the frequency in a cell.
 *	- Records are not: a segment that is reclaimed is filled anew.  Its epoch
 *	  changes then, and every cell that led there was changed before.  A reader
 *	  takes the cell, the epoch, and the cell again.  If the cell is the same,
 *	  it was there after the epoch was read, so that the epoch is the one in
 *	  which the record was written, or else has moved on, which the check at
 *	  the end finds.  So no byte of one entry's value is ever taken for
 *	  another's record, whatever that value contains.
 *	- A record that is filled again is overwritten in place where it fits.  Its
 *	  change count is odd meanwhile, and never goes back.
 *	- Bytes are copied out first and count only if epoch and change count are
 *	  what they were.  Lengths are checked before they are used.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_STORE_READ_H
#define CEXT_STORE_READ_H

#include "cext_store_layout.h"

/*
 * An entry in place, found without a lock.  Whatever was read by way of it
 * counts only once cext_store_unchanged has said so, and until then may be
 * garbage; slices and value always lie within one segment.
 *
 * Out-of-line functions take it by value, so that on the way of a hit it never
 * needs an address and stays in registers.
 */
typedef struct CextRef
{
	uint64		stamp;
	TimestampTz expires;
	const char *value;			/* in shared memory */
	const uint64 *slices;		/* likewise */
	uint32		value_len;		/* 0: absence */
	uint8		nslices;

	/* for the store */
	pg_atomic_uint64 *cell;
	uint64		cell_value;
	CextRecord *record;
	CextSegment *segment;
	uint32		change;
	uint32		epoch;
} CextRef;

extern void cext_store_stamp(uint64 hash, CextRef ref, uint64 stamp);
extern void cext_store_drop_corrupt(uint64 hash, CextRef ref);

typedef enum CextRefState
{
	CEXT_REF_FOUND,
	CEXT_REF_OTHER,				/* another key, or it changed under us */
	CEXT_REF_CORRUPT
} CextRefState;

/*
 * Is everything that was read by way of the reference the entry's?
 */
static pg_attribute_always_inline bool
cext_store_unchanged(const CextRef *ref)
{
	/* The bytes were read before the counts are read again. */
	pg_read_barrier();
	return pg_atomic_read_u32(&ref->record->change) == ref->change &&
		pg_atomic_read_u32(&ref->segment->epoch) == ref->epoch;
}

/*
 * Are the record's lengths possible at that place, for a key that is?
 */
static pg_attribute_always_inline bool
cext_record_is_sane(uint32 location, uint32 capacity, const CextKey *key,
					const CextRef *ref)
{
	uint32		offset = ((Size) location * RECORD_ALIGN) & (SEGMENT_SIZE - 1);

	return capacity <= SEGMENT_SIZE - offset &&
		RECORD_SIZE((Size) key->len, (Size) ref->value_len, ref->nslices) <= capacity;
}

/*
 * Look at the record that the reference's cell, which has the right tag, leads
 * to.
 */
static pg_attribute_always_inline CextRefState
cext_store_open(const CextKey *key, CextRef *ref)
{
	uint32		location = CELL_LOCATION(ref->cell_value);
	uint32		segment = segment_of(location);
	CextRecord *record;
	uint32		capacity;

	if (unlikely(segment >= cext_store.all_segments))
		return CEXT_REF_CORRUPT;
	record = record_at(location);
	ref->record = record;
	ref->segment = &cext_store.segments[segment];

	/*
	 * Cell, epoch, cell, record, in this order: see the head of the file for
	 * why, and cext_evict.c for the stores that these barriers pair with.
	 */
	pg_read_barrier();
	ref->epoch = pg_atomic_read_u32(&ref->segment->epoch);
	pg_read_barrier();
	if ((ref->epoch & 1) != 0 ||
		!same_cell(pg_atomic_read_u64(ref->cell), ref->cell_value))
		return CEXT_REF_OTHER;
	pg_read_barrier();
	ref->change = pg_atomic_read_u32(&ref->record->change);
	if ((ref->change & 1) != 0)
		return CEXT_REF_OTHER;
	pg_read_barrier();

	capacity = record->capacity;
	if (record->key_len != key->len)
		return CEXT_REF_OTHER;
	ref->stamp = pg_atomic_read_u64(&record->stamp);
	ref->expires = record->expires;
	ref->nslices = record->nslices;
	ref->value_len = record->value_len;
	if (unlikely(!cext_record_is_sane(location, capacity, key, ref)))
		return cext_store_unchanged(ref) ? CEXT_REF_CORRUPT : CEXT_REF_OTHER;
	if (!cext_key_equals(key, RECORD_KEY(record)))
		return CEXT_REF_OTHER;

	ref->value = RECORD_VALUE(record, key->len);
	ref->slices = RECORD_SLICES(record, key->len, ref->value_len);
	return CEXT_REF_FOUND;
}

/*
 * Search both buckets of a key, with the partition's lock or without.  For
 * CEXT_REF_CORRUPT, cell and cell_value of the reference say where.
 */
static pg_attribute_always_inline CextRefState
cext_store_search(const CextKey *key, CextRef *ref)
{
	uint64		tag = cell_tag(key->hash);

	for (int choice = 0; choice < 2; choice++)
	{
		CextBucket *bucket = bucket_of(key->hash, choice);

		for (int i = 0; i < CELLS_PER_BUCKET; i++)
		{
			CextRefState state;

			ref->cell = &bucket->cells[i];
			ref->cell_value = pg_atomic_read_u64(ref->cell);
			if ((ref->cell_value & CELL_TAG_MASK) != tag)
				continue;
			state = cext_store_open(key, ref);
			if (state != CEXT_REF_OTHER)
				return state;
		}
	}
	return CEXT_REF_OTHER;
}

/*
 * Find the entry of a key.  Needs no lock and takes none, but to drop a record
 * that is corrupt.  See CextRef for what can be done with the result.
 */
static pg_attribute_always_inline bool
cext_store_find(const CextKey *key, CextRef *ref)
{
	CextRefState state = cext_store_search(key, ref);

	if (unlikely(state == CEXT_REF_CORRUPT))
		cext_store_drop_corrupt(key->hash, *ref);
	return state == CEXT_REF_FOUND;
}

/*
 * Note that the entry was hit.  The frequency saturates, so that a hot entry's
 * cell is not written to.  An exchange that fails is a hit not noted.
 */
static pg_attribute_always_inline void
cext_store_touch(const CextRef *ref)
{
	uint64		value = ref->cell_value;

	if ((value & CELL_FREQ_MASK) != CELL_FREQ_MASK)
		(void) pg_atomic_compare_exchange_u64(ref->cell, &value,
											  value + CELL_FREQ_ONE);
}

#endif							/* CEXT_STORE_READ_H */
