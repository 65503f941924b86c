/*-------------------------------------------------------------------------
 *
 * cext_stats.c
 *	  Counters.
 *
 * Each backend counts in a block of its own that no other writes, padded to
 * whole cache lines, so that counting a hit shares nothing.  Who takes a
 * process number over from a backend that ended goes on with its counts; the
 * sum over all blocks is what happened since the server started.
 *
 * Locks: none.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "cext_stats.h"

#include "miscadmin.h"

#define COUNTERS_SIZE	TYPEALIGN(PG_CACHE_LINE_SIZE, sizeof(CextCounters))

const CextCounterInfo cext_counter_info[CEXT_NUM_COUNTERS] = {
	[CEXT_COUNT_HITS] = {"hits", "reads answered from shared memory"},
	[CEXT_COUNT_MISSES] = {"misses", "reads that found no entry for their snapshot"},
	[CEXT_COUNT_FILLS] = {"fills", "results computed and stored"},
	[CEXT_COUNT_FILL_WAITS] = {"fill_waits", "reads that waited for another session's fill"},
	[CEXT_COUNT_BASE_HITS] = {"base_hits", "fills that found cached what users of a domain share"},
	[CEXT_COUNT_BASE_FILLS] = {"base_fills", "results computed and stored of what users of a domain share"},
	[CEXT_COUNT_RT_NOT_PRELOADED] = {"read_through_not_preloaded", "computed, not stored: there is no shared memory (this session's count)"},
	[CEXT_COUNT_RT_DISABLED] = {"read_through_disabled", "computed, not stored: cache_ext.enabled is off"},
	[CEXT_COUNT_RT_OWN_WRITE] = {"read_through_own_write", "computed, not stored: the transaction wrote a source"},
	[CEXT_COUNT_RT_SERIALIZABLE] = {"read_through_serializable", "computed, not stored: isolation level serializable"},
	[CEXT_COUNT_RT_SNAPSHOT] = {"read_through_snapshot", "computed, not stored: the snapshot is of another kind"},
	[CEXT_COUNT_RT_RECOVERY] = {"read_through_recovery", "computed, not stored: the server is a standby"},
	[CEXT_COUNT_RT_PARALLEL] = {"read_through_parallel", "computed, not stored: worker of a transaction that may have written"},
	[CEXT_COUNT_RT_APPLY] = {"read_through_apply", "computed, not stored: logical replication worker"},
	[CEXT_COUNT_RT_UNSETTLED] = {"read_through_unsettled", "computed, not stored: a writer had not completed for the snapshot"},
	[CEXT_COUNT_RT_SUSPENDED] = {"read_through_suspended", "computed, not stored: a source's triggers are not whole"},
	[CEXT_COUNT_RT_TOO_LARGE] = {"read_through_too_large", "computed, not stored: larger than cache_ext.max_entry_size"},
	[CEXT_COUNT_RT_ABSENT] = {"read_through_absent", "computed, not stored: absent, and cache_ext.cache_absent is off"},
	[CEXT_COUNT_EVICTIONS] = {"evictions", "entries dropped to make room"},
	[CEXT_COUNT_EXPIRATIONS] = {"expirations", "entries found past their ttl"},
	[CEXT_COUNT_CORRUPTIONS] = {"corruptions", "entries dropped because their record made no sense"},
	[CEXT_COUNT_INV_EVERYTHING] = {"invalidations_everything", "committed invalidations of a whole database"},
	[CEXT_COUNT_INV_NAME] = {"invalidations_name", "committed invalidations of a config name"},
	[CEXT_COUNT_INV_DOMAIN] = {"invalidations_domain", "committed invalidations of a domain"},
	[CEXT_COUNT_INV_DOMAIN_NAME] = {"invalidations_domain_name", "committed invalidations of a domain's config name"},
	[CEXT_COUNT_INV_USER] = {"invalidations_user", "committed invalidations of a user"},
	[CEXT_COUNT_INV_USER_NAME] = {"invalidations_user_name", "committed invalidations of a user's config name"},
};

static CextCounters local_counters;
static char *all_counters = NULL;

CextCounters *cext_my_counters = &local_counters;

/*
 * Shared memory that the counters need.  MaxBackends must be known.
 */
Size
cext_stats_shmem_size(void)
{
	return mul_size(CEXT_NUM_PROCS, COUNTERS_SIZE);
}

/* The counters of one process. */
static inline CextCounters *
counters_of(int procno)
{
	return (CextCounters *) (all_counters + procno * COUNTERS_SIZE);
}

/*
 * Point this process to the counters, and initialise them if asked to.
 */
void
cext_stats_attach(void *memory, bool init)
{
	all_counters = memory;
	if (init)
	{
		for (int i = 0; i < CEXT_NUM_PROCS; i++)
		{
			CextCounters *c = counters_of(i);

			for (int k = 0; k < CEXT_NUM_COUNTERS; k++)
				pg_atomic_init_u64(&c->value[k], 0);
		}
	}
}

/*
 * Count in shared memory from now on; called once in each process that has a
 * PGPROC.
 */
void
cext_stats_attach_process(void)
{
	cext_my_counters = counters_of(CextMyProcNumber());
}

/*
 * The sum of one counter over all backends.
 */
uint64
cext_stats_sum(CextCounter counter)
{
	uint64		sum = 0;

	if (all_counters == NULL)
		return pg_atomic_read_u64(&local_counters.value[counter]);
	for (int i = 0; i < CEXT_NUM_PROCS; i++)
		sum += pg_atomic_read_u64(&counters_of(i)->value[counter]);
	return sum;
}
