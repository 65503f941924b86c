/*-------------------------------------------------------------------------
 *
 * store/read.h
 *	  The readers' side of the store, which a hit consists of: all inline.
 *
 * Readers take no lock.  What keeps them safe:
 *
 *	- Directory, partitions and segment descriptors are type-stable, and readers
 *	  write to nothing else without a lock: they raise the frequency in a cell.
 *	- Records are not: a segment that is reclaimed is filled anew.  Its epoch
 *	  changes then, and every cell that led there was changed before.  A reader
 *	  takes the cell, the epoch, and the cell again.  If the cell is the same,
 *	  it was there after the epoch was read, so that the epoch is the one in
 *	  which the record was written, or else has moved on, which the check at
 *	  the end finds.  So no byte of one entry's value is ever taken for
 *	  another's record, whatever that value contains.
 *	- A place is a location with an epoch in which a record began there.  For as
 *	  long as the epoch lasts nothing but this record is written there.  So a
 *	  process may keep places of its own and go back to them past the directory.
 *	  A record that the directory has given up is not wrong because of that:
 *	  its slices say whether it holds.  What does not hold is looked up again by
 *	  the directory.
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

#include "store/key.h"
#include "store/layout.h"

/*
 * An entry in place, found without a lock.  Whatever was read by way of it
 * counts only once cext_store_unchanged has said so, and until then may be
 * garbage; slices and value always lie within one segment.
 *
 * On the way of a hit only functions that are inlined are given its address, so that
 * it stays in registers.
 */
typedef struct CextRef
{
	uint64		stamp;
	CextSeconds expires;
	const char *value;			/* in shared memory */
	const uint64 *slices;		/* likewise */
	uint32		value_len;		/* 0: absence */
	uint8		nslices;

	/* for the store */
	CextRecord *record;
	CextSegment *segment;
	uint32		change;
	uint32		epoch;
} CextRef;

/*
 * Where a record began, and in which epoch of the segment.  No segment is in use
 * in epoch 0, so that a place of zeros is nowhere.
 */
typedef struct CextPlace
{
	uint32		location;
	uint32		epoch;
} CextPlace;

/*
 * The places of entries that this process reads often, found by a glance at their
 * keys.  Only entries whose frequency is saturated are here, so that their cells
 * need not be looked at to raise it.  It goes down only when a record moves.
 */
#define CEXT_HOT_BITS		12

typedef struct CextHot
{
	CextPlace	place;
	uint32		glance;			/* spares most looks at a wrong record */
} CextHot;

extern CextHot cext_store_hot[1 << CEXT_HOT_BITS];

extern pg_atomic_uint64 *cext_store_cell(const CextKey *key);
extern bool cext_store_find(const CextKey *key, CextRef *ref);
extern void cext_store_stamp(const CextKey *key, CextRef ref, uint64 stamp);

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
	return capacity <= room_at(location) &&
		RECORD_SIZE((Size) key->len, (Size) ref->value_len, ref->nslices) <= capacity;
}

/*
 * Where a cell of that value leads.  CEXT_REF_OTHER if it changed, CEXT_REF_CORRUPT
 * if it leads nowhere.
 */
static inline CextRefState
cext_store_follow(pg_atomic_uint64 *cell, uint64 value, CextPlace *place)
{
	uint32		segment;

	place->location = CELL_LOCATION(value);
	segment = segment_of(place->location);
	if (unlikely(segment >= cext_store.all_segments))
		return CEXT_REF_CORRUPT;

	/*
	 * Cell, epoch, cell, record, in this order: see the head of the file for
	 * why, and store/evict.c for the stores that these barriers pair with.
	 */
	pg_read_barrier();
	place->epoch = pg_atomic_read_u32(&cext_store.segments[segment].epoch);
	pg_read_barrier();
	if ((place->epoch & 1) != 0 || !same_cell(pg_atomic_read_u64(cell), value))
		return CEXT_REF_OTHER;
	pg_read_barrier();
	return CEXT_REF_FOUND;
}

/*
 * Begin to read the record at a place; false if it is being written, or if the
 * epoch of the place is over.
 */
static pg_attribute_always_inline bool
cext_store_begin(CextPlace place, CextRef *ref)
{
	ref->record = record_at(place.location);
	ref->segment = &cext_store.segments[segment_of(place.location)];
	ref->epoch = place.epoch;
	if (unlikely(pg_atomic_read_u32(&ref->segment->epoch) != place.epoch))
		return false;
	ref->change = pg_atomic_read_u32(&ref->record->change);
	if (unlikely((ref->change & 1) != 0))
		return false;
	/* The count was read before the bytes are. */
	pg_read_barrier();
	return true;
}

/*
 * Look at the record at a place.
 */
static pg_attribute_always_inline CextRefState
cext_store_open(const CextKey *key, CextPlace place, CextRef *ref)
{
	CextRecord *record;
	uint32		capacity;

	if (!cext_store_begin(place, ref))
		return CEXT_REF_OTHER;
	record = ref->record;
	capacity = record->capacity;
	if (record->key_len != key->len)
		return CEXT_REF_OTHER;
	ref->stamp = pg_atomic_read_u64(&record->stamp);
	ref->expires = record->expires;
	ref->nslices = record->nslices;
	ref->value_len = record->value_len;
	if (unlikely(!cext_record_is_sane(place.location, capacity, key, ref)))
		return cext_store_unchanged(ref) ? CEXT_REF_CORRUPT : CEXT_REF_OTHER;
	if (!cext_key_equals(key, RECORD_KEY(record)))
		return CEXT_REF_OTHER;

	ref->value = RECORD_VALUE(record, key->len);
	ref->slices = RECORD_SLICES(record, key->len, ref->value_len);
	return CEXT_REF_FOUND;
}

static inline CextHot *
cext_store_hot_of(uint32 glance)
{
	return &cext_store_hot[glance >> (32 - CEXT_HOT_BITS)];
}

/*
 * Find the entry of a key if it is where this process finds it often.  Needs no
 * lock.  See CextRef for what can be done with the result.
 */
static pg_attribute_always_inline bool
cext_store_find_hot(const CextKey *key, CextRef *ref)
{
	uint32		glance = cext_key_glance(key);
	const CextHot *hot = cext_store_hot_of(glance);

	return likely(hot->glance == glance) &&
		cext_store_open(key, hot->place, ref) == CEXT_REF_FOUND;
}

#endif							/* CEXT_STORE_READ_H */
