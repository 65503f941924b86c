/*-------------------------------------------------------------------------
 *
 * read/fill.c
 *	  Fills under way: concurrent misses of one key compute once.
 *
 * There is a fixed array of latches, one of which the hash of a key selects.  A
 * backend that computes an entry holds its latch.  Backends that miss the same key
 * meanwhile sleep on the latch's condition variable, for a bounded time, and look
 * again.  A latch that another key holds is no reason to wait: the second fill goes
 * on without one.
 *
 * Nothing here is needed for exactness.  A fill that never ends delays others for
 * a bounded time only, so that waiting cannot deadlock with the heavyweight locks
 * that a fill may wait for.
 *
 * Invariants: a latch is zero or the hash of the key that is being computed;
 * only its holder resets it.  A backend holds one latch at most.
 *
 * Locks: those inside of ConditionVariable.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "read/fill.h"

#include "pgstat.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "utils/timestamp.h"

#define NUM_LATCHES		256

typedef struct FillLatch
{
	pg_atomic_uint64 hash;
	ConditionVariable done;
} FillLatch;

static FillLatch *latches = NULL;
static FillLatch *my_latch = NULL;

static Size
shmem_size(void)
{
	return NUM_LATCHES * sizeof(FillLatch);
}

static void
attach(void *memory, Size size, LWLockPadded *locks, bool init)
{
	latches = memory;
	if (!init)
		return;
	for (int i = 0; i < NUM_LATCHES; i++)
	{
		pg_atomic_init_u64(&latches[i].hash, 0);
		ConditionVariableInit(&latches[i].done);
	}
}

const CextShmemPart cext_fill_shmem = {.size = shmem_size, .attach = attach};

static inline FillLatch *
latch_of(uint64 hash)
{
	return &latches[hash % NUM_LATCHES];
}

/*
 * Announce that this backend computes the entry of the given hash.  Returns
 * false if it need not announce it, because it is busy with another fill, or
 * cannot; then cext_fill_wait tells whether to wait.  Where it returns true
 * the caller must call cext_fill_end, in an error as well and at exit.
 */
bool
cext_fill_begin(uint64 hash)
{
	FillLatch  *latch = latch_of(hash);
	uint64		none = 0;

	if (my_latch != NULL || hash == 0)
		return false;
	if (!pg_atomic_compare_exchange_u64(&latch->hash, &none, hash))
		return false;
	my_latch = latch;
	return true;
}

/*
 * This backend's fill is over, whatever came of it.
 */
void
cext_fill_end(void)
{
	FillLatch  *latch = my_latch;

	Assert(latch != NULL);
	my_latch = NULL;

	/*
	 * The exchange is a full barrier: a backend that finds the latch free
	 * finds the entry that was stored before.
	 */
	(void) pg_atomic_exchange_u64(&latch->hash, 0);
	ConditionVariableBroadcast(&latch->done);
}

/*
 * After cext_fill_begin returned false: wait until the backend that computes the
 * entry of the given hash is through, but not beyond the deadline.  Returns
 * whether it is worth looking again, and trying cext_fill_begin again.  Can be
 * interrupted: throws what a cancelled query throws.
 */
bool
cext_fill_wait(uint64 hash, TimestampTz deadline)
{
	FillLatch  *latch = latch_of(hash);
	uint64		holder = pg_atomic_read_u64(&latch->hash);
	long		remaining = 1;

	if (my_latch != NULL || (holder != hash && holder != 0))
		return false;

	ConditionVariablePrepareToSleep(&latch->done);
	while (pg_atomic_read_u64(&latch->hash) == hash)
	{
		remaining = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
													deadline);
		if (remaining <= 0)
			break;
		(void) ConditionVariableTimedSleep(&latch->done, remaining,
										   PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return remaining > 0;
}
