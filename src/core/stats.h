/*-------------------------------------------------------------------------
 *
 * core/stats.h
 *	  Counters.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_STATS_H
#define CEXT_STATS_H

#include "core/kind.h"
#include "core/shmem.h"

#include "port/atomics.h"
#include "utils/timestamp.h"

/* The order is that of the table in core/stats.c, and of the view. */
typedef enum CextCounter
{
	CEXT_COUNT_HITS,
	CEXT_COUNT_MISSES,
	CEXT_COUNT_FILLS,
	CEXT_COUNT_FILL_WAITS,
	CEXT_COUNT_BASE_HITS,
	CEXT_COUNT_BASE_FILLS,

	/* why a read computed its result and did not store it */
	CEXT_COUNT_RT_NOT_PRELOADED,
	CEXT_COUNT_RT_DISABLED,
	CEXT_COUNT_RT_UNDER_WAY,
	CEXT_COUNT_RT_OWN_CHANGE,
	CEXT_COUNT_RT_SERIALIZABLE,
	CEXT_COUNT_RT_SNAPSHOT,
	CEXT_COUNT_RT_RECOVERY,
	CEXT_COUNT_RT_START,
	CEXT_COUNT_RT_PARALLEL,
	CEXT_COUNT_RT_APPLY,
	CEXT_COUNT_RT_UNSETTLED,
	CEXT_COUNT_RT_SUSPENDED,
	CEXT_COUNT_RT_TOO_LARGE,
	CEXT_COUNT_RT_ABSENT,

	CEXT_COUNT_EVICTIONS,
	CEXT_COUNT_EXPIRATIONS,
	CEXT_COUNT_CORRUPTIONS,
	CEXT_COUNT_NOTIFICATIONS_LOST,

	CEXT_COUNT_INVALIDATIONS,	/* the first of those of each type of slice */

	CEXT_NUM_COUNTERS = CEXT_COUNT_INVALIDATIONS + CEXT_SLICE_TYPES
} CextCounter;

/* How far a prewarm_all has come. */
typedef enum CextProgress
{
	CEXT_PROGRESS_PID,			/* of the backend that runs it; 0: none does */
	CEXT_PROGRESS_TOTAL,
	CEXT_PROGRESS_DONE,
	CEXT_PROGRESS_RESULTS,

	CEXT_NUM_PROGRESS
} CextProgress;

typedef struct CextCounters
{
	pg_atomic_uint64 value[CEXT_NUM_COUNTERS];
	pg_atomic_uint64 progress[CEXT_NUM_PROGRESS];
} CextCounters;

/* This backend's own, or process-local ones where there is no shared memory. */
extern CextCounters *cext_my_counters;

typedef struct CextCounterInfo
{
	const char *name;
	const char *description;
	const char *reason;			/* of reading through, or NULL */
} CextCounterInfo;

/* Of those that are no invalidations. */
extern const CextCounterInfo cext_counter_info[CEXT_COUNT_INVALIDATIONS];

extern const CextShmemPart cext_stats_shmem;

extern uint64 cext_stats_sum(CextCounter counter);
extern void cext_stats_reset(void);
extern TimestampTz cext_stats_since(void);
extern void cext_progress_set(CextProgress what, uint64 value);
extern bool cext_progress_get(int procno, uint64 progress[CEXT_NUM_PROGRESS]);

/*
 * Count.  Only this backend writes the counter, so that no locked instruction
 * is needed; the store is atomic for backends that sum.
 */
static inline void
cext_count_many(CextCounter counter, uint64 n)
{
	pg_atomic_uint64 *value = &cext_my_counters->value[counter];

	pg_atomic_write_u64(value, pg_atomic_read_u64(value) + n);
}

static inline void
cext_count(CextCounter counter)
{
	cext_count_many(counter, 1);
}

#endif							/* CEXT_STATS_H */
