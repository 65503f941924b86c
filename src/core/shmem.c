/*-------------------------------------------------------------------------
 *
 * core/shmem.c
 *	  The shared memory segment: size, layout, attaching.
 *
 * One allocation of cache_ext.memory bytes in the main segment holds, in this
 * order, the control struct, the line of the start, the slots, the counters, the
 * latches of fills, the latest invalidations and, in all that is left, the store.
 * Nothing in it is a pointer.  It starts empty, whenever the postmaster starts or
 * starts over after a crash.
 *
 * The lock order of the whole extension: heavyweight locks of the sources,
 * then one partition lock of the store; the mutex of a slot, the condition
 * variable of a fill and the lock of the latest invalidations are never held
 * together with anything else of ours.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "core/shmem.h"

#include "core/guc.h"
#include "core/stats.h"
#include "protocol/slot.h"
#include "protocol/start.h"
#include "read/fill.h"
#include "store/key.h"
#include "store/store.h"
#include "write/log.h"

#include "access/parallel.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "replication/logicalworker.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#define TRANCHE		"cache_ext"

typedef struct CextControl
{
	uint64		seed;			/* of all hashes; never changes */
} CextControl;

CextLayout	cext_layout;
bool		cext_attached = false;
bool		cext_is_worker = false;

static char *segment = NULL;

static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;

/*
 * Reserve size bytes at the end of what is laid out so far.
 */
static Size
lay_out(Size *end, Size size)
{
	Size		offset = *end;

	*end = add_size(offset, CACHELINEALIGN(size));
	return offset;
}

/*
 * Divide cache_ext.memory.  A pure function of settings that are fixed once
 * the postmaster has read them.
 */
static void
compute_layout(void)
{
	CextLayout *l = &cext_layout;
	Size		end = 0;

	l->total = (Size) cext_memory_kb * 1024;
	(void) lay_out(&end, sizeof(CextControl));
	l->start_offset = lay_out(&end, cext_start_shmem_size());

	l->nslots = pg_nextpower2_32(cext_slots);
	l->slots_size = cext_slot_shmem_size(l->nslots);
	l->slots_offset = lay_out(&end, l->slots_size);
	l->counters_size = cext_stats_shmem_size();
	l->counters_offset = lay_out(&end, l->counters_size);
	l->fills_size = cext_fill_shmem_size();
	l->fills_offset = lay_out(&end, l->fills_size);

	l->log_size = cext_log_shmem_size();
	l->log_offset = lay_out(&end, l->log_size);

	l->store_offset = end;
	if (add_size(end, CEXT_STORE_MIN_SIZE) > l->total)
		ereport(FATAL,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("cache_ext.memory is too small for cache_ext.slots and max_connections"),
				 errhint("Raise cache_ext.memory to at least %zukB, or lower cache_ext.slots.",
						 (end + CEXT_STORE_MIN_SIZE) / 1024 + 1)));
	l->store_size = TYPEALIGN_DOWN(PG_CACHE_LINE_SIZE, l->total - end);
}

static void
shmem_request(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();

	compute_layout();
	RequestAddinShmemSpace(cext_layout.total);
	RequestNamedLWLockTranche(TRANCHE,
							  1 + cext_store_partitions(cext_layout.store_size));
}

static void
shmem_startup(void)
{
	CextControl *control;
	LWLockPadded *locks;
	bool		found;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();

	compute_layout();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	segment = ShmemInitStruct("cache_ext", cext_layout.total, &found);
	control = (CextControl *) segment;
	if (!found && !pg_strong_random(&control->seed, sizeof(control->seed)))
		ereport(FATAL,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate a random hash seed")));

	cext_key_seed(control->seed);
	cext_start_attach(segment + cext_layout.start_offset, !found);
	cext_slot_attach(segment + cext_layout.slots_offset,
					 cext_layout.nslots, !found);
	cext_stats_attach(segment + cext_layout.counters_offset, !found);
	cext_fill_attach(segment + cext_layout.fills_offset, !found);
	locks = GetNamedLWLockTranche(TRANCHE);
	cext_log_attach(segment + cext_layout.log_offset, &locks[0].lock, !found);
	cext_store_attach(segment + cext_layout.store_offset,
					  cext_layout.store_size, locks + 1, !found);
	LWLockRelease(AddinShmemInitLock);
}

/*
 * Ask for the shared memory; called from _PG_init, and only while the
 * postmaster loads its libraries.
 */
void
cext_shmem_install_hooks(void)
{
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = shmem_request;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = shmem_startup;
}

/*
 * Complete attaching this process, which inherited the addresses; false where
 * there is no shared memory because the library was not preloaded.
 */
bool
cext_shmem_attach_process(void)
{
	if (segment == NULL || MyProc == NULL)
		return false;
	cext_stats_attach_process();
	cext_start_attach_process();
	cext_is_worker = IsParallelWorker() || IsLogicalWorker();
	cext_attached = true;
	return true;
}
