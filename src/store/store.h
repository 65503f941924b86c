/*-------------------------------------------------------------------------
 *
 * store/store.h
 *	  The store: keys and bytes in shared memory, bounded.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_STORE_H
#define CEXT_STORE_H

#include "core/cext.h"
#include "store/key.h"

#include "port/atomics.h"
#include "storage/lwlock.h"
#include "utils/timestamp.h"

/* The smallest store that is worth having. */
#define CEXT_STORE_MIN_SIZE		((Size) 2 * 1024 * 1024)

/*
 * A slice as an entry records it: the slot and the low bits of its generation
 * at fill.  2^44 invalidations of one slot do not happen between two starts of
 * a server.
 */
#define CEXT_SLOT_BITS			20
#define CEXT_PACK_SLICE(slot, generation) \
	(((uint64) (generation) << CEXT_SLOT_BITS) | (slot))
#define CEXT_PACKED_SLOT(packed) \
	((uint32) ((packed) & ((1 << CEXT_SLOT_BITS) - 1)))

/*
 * A moment as entries keep it: a TimestampTz in whole seconds, which suffice until
 * the year 2136.  0 is none.
 */
typedef uint32 CextSeconds;

static inline CextSeconds
cext_seconds(TimestampTz t)
{
	return (CextSeconds) (t / USECS_PER_SEC);
}

/* What is stored under a key. */
typedef struct CextEntry
{
	uint64		stamp;			/* generation of the database's ANY slot when
								 * all slices were last found settled, or 0 */
	CextSeconds expires;		/* or 0 */
	uint8		nslices;
	uint64		slices[CEXT_MAX_SLICES];
	const void *value;			/* a varlena with a four-byte header */
	uint32		value_len;		/* 0: absence */
} CextEntry;

typedef struct CextStoreUsage
{
	uint64		directory_bytes;	/* buckets, ghosts, segment descriptors */
	uint64		segment_bytes;	/* room for records */
	uint64		free_bytes;		/* segments that hold nothing */
	uint64		used_bytes;		/* records that can be found */
	uint64		entries;
} CextStoreUsage;

extern uint32 cext_store_partitions(Size size);
extern void cext_store_attach(void *memory, Size size,
							  LWLockPadded *locks, bool init);
extern Size cext_store_max_value(void);
extern void cext_store_put(const CextKey *key, const CextEntry *entry);
extern TimestampTz cext_store_now(void);

/* Is the moment, if there is one, over? */
static inline bool
cext_expired(CextSeconds expires)
{
	return unlikely(expires != 0) && expires <= cext_seconds(cext_store_now());
}

extern void cext_store_usage(CextStoreUsage *usage);

#endif							/* CEXT_STORE_H */
