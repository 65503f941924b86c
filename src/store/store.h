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
#include "core/clock.h"
#include "protocol/slice.h"
#include "store/key.h"

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

extern const CextShmemPart cext_store_shmem;

extern Size cext_store_max_value(void);
extern void cext_store_put(const CextKey *key, const CextEntry *entry);
extern void cext_store_usage(CextStoreUsage *usage);

#endif							/* CEXT_STORE_H */
