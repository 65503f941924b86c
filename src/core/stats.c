/*-------------------------------------------------------------------------
 *
 * core/stats.c
 *	  Counters.
 *
 * Each backend counts in a block of its own that no other writes, padded to
 * whole cache lines, so that counting a hit shares nothing.  A backend that takes
 * the process number of one that ended goes on with its counts, so that the sum
 * over all blocks is what happened since the server started.  No backend can set
 * another's counters to zero: a reset keeps their sums, which are subtracted from
 * then on.
 *
 * Locks: none.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "core/stats.h"

#include "miscadmin.h"
#include "storage/proc.h"
#include "storage/shmem.h"

#define COUNTERS_SIZE	TYPEALIGN(PG_CACHE_LINE_SIZE, sizeof(CextCounters))

/* A read that was not stored, and why. */
#define READ_THROUGH(name, reason) \
	{"read_through_" name, "computed, not stored: " reason, reason}

const CextCounterInfo cext_counter_info[CEXT_COUNT_INVALIDATIONS] = {
	[CEXT_COUNT_HITS] = {"hits", "reads answered from shared memory"},
	[CEXT_COUNT_MISSES] = {"misses", "reads that found no entry for their snapshot"},
	[CEXT_COUNT_FILLS] = {"fills", "results computed and stored"},
	[CEXT_COUNT_FILL_WAITS] = {"fill_waits", "reads that waited for another session's fill"},
	[CEXT_COUNT_BASE_HITS] = {"base_hits", "fills that found cached what others share"},
	[CEXT_COUNT_BASE_FILLS] = {"base_fills", "results computed and stored of what others share"},
	[CEXT_COUNT_RT_NOT_PRELOADED] = {"read_through_not_preloaded",
		"computed, not stored: there is no shared memory (this session's count)",
	"there is no shared memory"},
	[CEXT_COUNT_RT_DISABLED] = READ_THROUGH("disabled", "cache_ext.enabled is off"),
	[CEXT_COUNT_RT_UNDER_WAY] = READ_THROUGH("under_way", "a query that writes a source is under way"),
	[CEXT_COUNT_RT_OWN_CHANGE] = READ_THROUGH("own_change", "the transaction changed what it depends on"),
	[CEXT_COUNT_RT_SERIALIZABLE] = READ_THROUGH("serializable", "isolation level serializable"),
	[CEXT_COUNT_RT_SNAPSHOT] = READ_THROUGH("snapshot", "the snapshot is of another kind"),
	[CEXT_COUNT_RT_RECOVERY] = READ_THROUGH("recovery", "the server is a standby"),
	[CEXT_COUNT_RT_START] = READ_THROUGH("start", "a transaction of before the server's start had not ended"),
	[CEXT_COUNT_RT_PARALLEL] = READ_THROUGH("parallel", "worker of a transaction that may have written"),
	[CEXT_COUNT_RT_APPLY] = READ_THROUGH("apply", "logical replication worker"),
	[CEXT_COUNT_RT_UNSETTLED] = READ_THROUGH("unsettled", "a writer had not completed for the snapshot"),
	[CEXT_COUNT_RT_SUSPENDED] = READ_THROUGH("suspended", "a source's triggers are not whole"),
	[CEXT_COUNT_RT_TOO_LARGE] = READ_THROUGH("too_large", "larger than cache_ext.max_entry_size"),
	[CEXT_COUNT_RT_ABSENT] = READ_THROUGH("absent", "absent, and cache_ext.cache_absent is off"),
	[CEXT_COUNT_EVICTIONS] = {"evictions", "entries dropped to make room"},
	[CEXT_COUNT_EXPIRATIONS] = {"expirations", "entries found past their ttl"},
	[CEXT_COUNT_CORRUPTIONS] = {"corruptions", "entries dropped because their record made no sense"},
	[CEXT_COUNT_NOTIFICATIONS_LOST] = {"notifications_lost", "transactions not told to listeners: the NOTIFY queue was nearly full"},
};

static CextCounters local_counters;
static char *all_counters = NULL;

CextCounters *cext_my_counters = &local_counters;

/* The sums at the last reset, in the block after the last process's. */
typedef struct Reset
{
	pg_atomic_uint64 sums[CEXT_NUM_COUNTERS];
	pg_atomic_uint64 at;		/* a TimestampTz; at first, the server's start */
} Reset;

StaticAssertDecl(sizeof(Reset) <= COUNTERS_SIZE, "a reset fits a block");

/*
 * Shared memory that the counters need.  MaxBackends must be known.
 */
static Size
shmem_size(void)
{
	return mul_size(CEXT_NUM_PROCS + 1, COUNTERS_SIZE);
}

/* The counters of one process. */
static inline CextCounters *
counters_of(int procno)
{
	return (CextCounters *) (all_counters + procno * COUNTERS_SIZE);
}

static inline Reset *
last_reset(void)
{
	return (Reset *) counters_of(CEXT_NUM_PROCS);
}

static void
attach(void *memory, Size size, LWLockPadded *locks, bool init)
{
	all_counters = memory;
	if (!init)
		return;
	for (int i = 0; i < CEXT_NUM_PROCS; i++)
	{
		CextCounters *c = counters_of(i);

		for (int k = 0; k < CEXT_NUM_COUNTERS; k++)
			pg_atomic_init_u64(&c->value[k], 0);
		for (int k = 0; k < CEXT_NUM_PROGRESS; k++)
			pg_atomic_init_u64(&c->progress[k], 0);
	}
	for (int k = 0; k < CEXT_NUM_COUNTERS; k++)
		pg_atomic_init_u64(&last_reset()->sums[k], 0);
	pg_atomic_init_u64(&last_reset()->at, GetCurrentTimestamp());
}

/*
 * Count in shared memory from now on.
 */
static void
attach_process(void)
{
	cext_my_counters = counters_of(CextMyProcNumber());
}

const CextShmemPart cext_stats_shmem = {
	.size = shmem_size, .attach = attach, .attach_process = attach_process
};

static uint64
sum_all(CextCounter counter)
{
	uint64		sum = 0;

	for (int i = 0; i < CEXT_NUM_PROCS; i++)
		sum += pg_atomic_read_u64(&counters_of(i)->value[counter]);
	return sum;
}

/*
 * The sum of one counter over all backends, since the last reset.
 */
uint64
cext_stats_sum(CextCounter counter)
{
	if (all_counters == NULL)
		return pg_atomic_read_u64(&local_counters.value[counter]);
	return sum_all(counter) - pg_atomic_read_u64(&last_reset()->sums[counter]);
}

/*
 * Let all counters start from zero.
 */
void
cext_stats_reset(void)
{
	if (all_counters == NULL)
		return;
	for (int k = 0; k < CEXT_NUM_COUNTERS; k++)
		pg_atomic_write_u64(&last_reset()->sums[k], sum_all(k));
	pg_atomic_write_u64(&last_reset()->at, GetCurrentTimestamp());
}

/*
 * When they did; zero without shared memory.
 */
TimestampTz
cext_stats_since(void)
{
	return all_counters == NULL ? 0 : pg_atomic_read_u64(&last_reset()->at);
}

/*
 * Tell how far this backend's prewarming has come.
 */
void
cext_progress_set(CextProgress what, uint64 value)
{
	pg_atomic_write_u64(&cext_my_counters->progress[what], value);
}

/*
 * Read how far a process's has come; false if it does none, or has ended without
 * saying so.
 */
bool
cext_progress_get(int procno, uint64 progress[CEXT_NUM_PROGRESS])
{
	for (int i = 0; i < CEXT_NUM_PROGRESS; i++)
		progress[i] = pg_atomic_read_u64(&counters_of(procno)->progress[i]);
	return progress[CEXT_PROGRESS_PID] != 0 &&
		progress[CEXT_PROGRESS_PID] == GetPGProcByNumber(procno)->pid;
}
