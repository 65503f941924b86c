/*-------------------------------------------------------------------------
 *
 * read/sample.h
 *	  Which entries hits are of, by a sample.
 *
 * read/sample.c says what is kept.  Here is what a hit does.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_SAMPLE_H
#define CEXT_SAMPLE_H

#include "core/shmem.h"
#include "core/stats.h"
#include "store/key.h"

/* One hit in so many is taken, and counts for all of them. */
#define CEXT_SAMPLE_BITS	10
#define CEXT_SAMPLE_WEIGHT	(1 << CEXT_SAMPLE_BITS)

/* The part of a key that hits are counted by. */
#define CEXT_SAMPLE_PART	1

/* Most that are kept. */
#define CEXT_SAMPLE_CELLS	256

/* The hits of one value of that part, in one database. */
typedef struct CextSample
{
	Oid			db;
	int			kind;
	uint64		weight;			/* hits, and those taken over */
	uint64		taken_over;		/* from another, whose place this one has */
	int			len;
	char		value[CEXT_MAX_ID];
} CextSample;

extern const CextShmemPart cext_sample_shmem;

extern void cext_sample_take(const CextKey *key);
extern CextSample *cext_sample_copy(int *n);
extern void cext_sample_reset(void);

/*
 * Count a hit.  The counter's own value says whether it is one to take: multiplied by
 * the golden ratio, its fraction falls evenly into any range, also of every second, or
 * fourth, or so many-th hit only.  So what is read in turns is not taken in turns.
 */
static inline void
cext_count_hit(const CextKey *key)
{
	pg_atomic_uint64 *value = &cext_my_counters->value[CEXT_COUNT_HITS];
	uint64		n = pg_atomic_read_u64(value) + 1;

	pg_atomic_write_u64(value, n);
	if (unlikely((n * UINT64CONST(0x9E3779B97F4A7C15)) >> (64 - CEXT_SAMPLE_BITS) == 0))
		cext_sample_take(key);
}

#endif							/* CEXT_SAMPLE_H */
