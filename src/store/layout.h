/*-------------------------------------------------------------------------
 *
 * store/layout.h
 *	  How the store lies in shared memory: for the store's own files.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_STORE_LAYOUT_H
#define CEXT_STORE_LAYOUT_H

#include "core/cext.h"
#include "core/clock.h"

#include "port/atomics.h"
#include "storage/lwlock.h"

/*
 * A cell of the directory: zero, or where the record is, how often it was hit,
 * and a tag of the key's hash.
 *
 *	bits 0-31	location of the record in units of RECORD_ALIGN, plus one
 *	bits 32-33	frequency
 *	bits 34-63	tag
 *
 * Readers change the frequency, by compare and exchange; all else is written
 * under the partition's lock.
 */
#define CELLS_PER_BUCKET	8
#define RECORD_ALIGN		16
#define CELL_FREQ_ONE		(UINT64CONST(1) << 32)
#define CELL_FREQ_MASK		(UINT64CONST(3) << 32)
#define CELL_TAG_MASK		(~UINT64CONST(0) << 34)
#define CELL_LOCATION(c)	((uint32) (c) - 1)

/* One cache line. */
typedef struct CextBucket
{
	pg_atomic_uint64 cells[CELLS_PER_BUCKET];
} CextBucket;

/*
 * A record: the bytes of an entry.  After this header come the key and the value,
 * each padded to eight bytes, and the slices.  So the place of the value is known
 * from the key that is looked for, and a hit need not wait for the header before it
 * begins to copy.  capacity, key_len and the key are written before the record can
 * be found, and stay as they are for as long as the segment's epoch does.  The rest
 * is overwritten in place when the entry is filled again, and change is odd
 * meanwhile.  stamp may also be moved alone.
 */
typedef struct CextRecord
{
	pg_atomic_uint32 change;
	uint32		capacity;		/* bytes, of all the record */
	pg_atomic_uint64 stamp;
	CextSeconds expires;
	CextSeconds filled;
	uint32		value_len;		/* 0: absence */
	uint16		key_len;
	uint8		nslices;
	uint8		unused;
} CextRecord;

#define RECORD_KEY(r)		((char *) (r) + sizeof(CextRecord))
#define RECORD_VALUE(r, key_len) \
	(RECORD_KEY(r) + TYPEALIGN(8, key_len))
#define RECORD_SLICES(r, key_len, value_len) \
	((uint64 *) (RECORD_VALUE(r, key_len) + TYPEALIGN(8, value_len)))
#define RECORD_SIZE(key_len, value_len, nslices) \
	TYPEALIGN(RECORD_ALIGN, sizeof(CextRecord) + TYPEALIGN(8, key_len) + \
			  TYPEALIGN(8, value_len) + (nslices) * sizeof(uint64))

#define NO_SEGMENT			PG_UINT32_MAX

/*
 * A segment's descriptor.  epoch is odd while the segment is free.  All is
 * protected by the partition's lock, but readers look at epoch without.
 */
typedef struct CextSegment
{
	pg_atomic_uint32 epoch;
	uint32		used;			/* bytes */
	uint32		next;			/* towards the head of its queue */
	bool		in_main;
} CextSegment;

/* Segments in the order in which they were opened. */
typedef struct CextQueue
{
	uint32		tail;			/* the oldest */
	uint32		head;			/* the one that takes records */
	uint32		nsegments;
} CextQueue;

/* A fingerprint of a key that was evicted, and when. */
typedef struct CextGhost
{
	uint32		fingerprint;
	uint32		clock;
} CextGhost;

/* A partition: a cache of its own.  Protected by its lock. */
typedef struct CextPartition
{
	CextQueue	small;
	CextQueue	main;
	uint32		free;			/* linked by next */
	uint32		nfree;
	uint32		ghost_clock;	/* ghosts ever made */
	uint64		entries;
	uint64		bytes;			/* capacity of the records of entries */
} CextPartition;

/* Where everything is; the same in all processes but for the addresses. */
typedef struct CextStore
{
	uint32		npartitions;	/* a power of two */
	uint32		nbuckets;		/* of one partition, as the following */
	uint32		nghosts;
	uint32		nsegments;
	uint32		all_segments;	/* of all partitions */
	uint32		segment_shift;	/* log2 of the size of a segment */
	LWLockPadded *locks;
	char	   *partitions;		/* CextPartition, padded to cache lines */
	CextBucket *buckets;
	CextGhost  *ghosts;
	CextSegment *segments;
	char	   *data;
} CextStore;

extern CextStore cext_store;

#define SEGMENT_SIZE		((uint32) 1 << cext_store.segment_shift)
#define PARTITION_SIZE		CACHELINEALIGN(sizeof(CextPartition))

static inline uint32
partition_of(uint64 hash)
{
	return hash & (cext_store.npartitions - 1);
}

static inline CextPartition *
get_partition(uint32 p)
{
	return (CextPartition *) (cext_store.partitions + p * PARTITION_SIZE);
}

static inline CextRecord *
record_at(uint32 location)
{
	return (CextRecord *) (cext_store.data + (Size) location * RECORD_ALIGN);
}

/* Bytes from a location to the end of its segment. */
static inline uint32
room_at(uint32 location)
{
	return SEGMENT_SIZE - (((Size) location * RECORD_ALIGN) & (SEGMENT_SIZE - 1));
}

static inline uint32
location_of(const void *record)
{
	return ((const char *) record - cext_store.data) / RECORD_ALIGN;
}

static inline uint32
segment_of(uint32 location)
{
	return ((Size) location * RECORD_ALIGN) >> cext_store.segment_shift;
}

static inline char *
segment_data(uint32 segment)
{
	return cext_store.data + ((Size) segment << cext_store.segment_shift);
}

/*
 * A key may be in either of two buckets of its partition.  The first is chosen
 * by the high half of the hash, the second by a multiple of all of it.
 */
static inline CextBucket *
bucket_of(uint64 hash, int choice)
{
	uint32		bits = (choice == 0 ? hash : hash * UINT64CONST(0x9E3779B97F4A7C15)) >> 32;

	return &cext_store.buckets[(Size) partition_of(hash) * cext_store.nbuckets +
							   (((uint64) bits * cext_store.nbuckets) >> 32)];
}

/*
 * The tag is taken from bits that hardly choose partition or bucket.  Its
 * highest bit is always set, so that an empty cell has no key's tag.
 */
static inline uint64
cell_tag(uint64 hash)
{
	return ((hash << 30) & CELL_TAG_MASK) | (UINT64CONST(1) << 63);
}

static inline uint64
make_cell(uint64 hash, const CextRecord *record)
{
	return cell_tag(hash) | ((uint64) location_of(record) + 1);
}

/* Do two values of cells lead to the same record of the same tag? */
static inline bool
same_cell(uint64 a, uint64 b)
{
	return ((a ^ b) & ~CELL_FREQ_MASK) == 0;
}

extern void cext_layout_compute(Size size);
extern void cext_layout_attach(void *memory, Size size, LWLockPadded *locks, bool init);

#endif							/* CEXT_STORE_LAYOUT_H */
