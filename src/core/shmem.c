/*-------------------------------------------------------------------------
 *
 * core/shmem.c
 *	  The shared memory segment: size, layout, attaching.
 *
 * One allocation of cache_ext.memory bytes in the main segment holds the parts
 * that cache_ext.c lists, one behind another.  The last one has all that the others
 * leave.  Nothing in it is a pointer.  It starts empty, whenever the postmaster
 * starts or starts over after a crash.
 *
 * The lock order of the whole extension: heavyweight locks first, then one lock of
 * ours at a time.  These are the partition locks of the store, the mutexes of the
 * slots, those inside the condition variables of fills, and the lock of the latest
 * invalidations.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "core/shmem.h"

#include "core/guc.h"

#include "access/parallel.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"

#define TRANCHE		"cache_ext"
#define MAX_PARTS	16

bool		cext_attached = false;
bool		cext_is_worker = false;

static const CextShmemPart *const *parts = NULL;	/* ends with NULL */
static Size offsets[MAX_PARTS];
static Size sizes[MAX_PARTS];
static char *segment = NULL;

static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;

/*
 * Divide cache_ext.memory.
 */
static void
compute_layout(void)
{
	Size		total = (Size) cext_memory_kb * 1024;
	Size		end = 0;

	for (int i = 0; parts[i] != NULL; i++)
	{
		bool		is_rest = parts[i]->size == NULL;

		Assert(i < MAX_PARTS && is_rest == (parts[i + 1] == NULL));
		offsets[i] = end;
		if (is_rest && add_size(end, parts[i]->min_size) > total)
			ereport(FATAL,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("cache_ext.memory is too small for cache_ext.slots and max_connections"),
					 errhint("Raise cache_ext.memory to at least %zukB, or lower cache_ext.slots.",
							 (end + parts[i]->min_size) / 1024 + 1)));
		sizes[i] = is_rest ? TYPEALIGN_DOWN(PG_CACHE_LINE_SIZE, total - end) : parts[i]->size();
		end = add_size(end, CACHELINEALIGN(sizes[i]));
	}
}

static int
count_locks(int i)
{
	return parts[i]->nlocks == NULL ? 0 : parts[i]->nlocks(sizes[i]);
}

static void
shmem_request(void)
{
	int			nlocks = 0;

	if (prev_shmem_request_hook)
		prev_shmem_request_hook();

	compute_layout();
	for (int i = 0; parts[i] != NULL; i++)
		nlocks += count_locks(i);
	RequestAddinShmemSpace((Size) cext_memory_kb * 1024);
	RequestNamedLWLockTranche(TRANCHE, nlocks);
}

static void
shmem_startup(void)
{
	LWLockPadded *locks;
	bool		found;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();

	compute_layout();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	segment = ShmemInitStruct("cache_ext", (Size) cext_memory_kb * 1024, &found);
	locks = GetNamedLWLockTranche(TRANCHE);
	for (int i = 0; parts[i] != NULL; i++)
	{
		parts[i]->attach(segment + offsets[i], sizes[i], locks, !found);
		locks += count_locks(i);
	}
	LWLockRelease(AddinShmemInitLock);
}

/*
 * Ask for the shared memory, of which the parts end with NULL; called from
 * _PG_init, and only while the postmaster loads its libraries.
 */
void
cext_shmem_init(const CextShmemPart *const *all_parts)
{
	parts = all_parts;
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = shmem_request;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = shmem_startup;
}

/*
 * Complete attaching this process, which inherited the addresses.  False if it has
 * no PGPROC, or if there is no shared memory because the library was not preloaded.
 */
bool
cext_shmem_attach_process(void)
{
	if (segment == NULL || MyProc == NULL)
		return false;
	for (int i = 0; parts[i] != NULL; i++)
	{
		if (parts[i]->attach_process != NULL)
			parts[i]->attach_process();
	}
	cext_is_worker = IsParallelWorker() || IsLogicalWorker();
	cext_attached = true;
	return true;
}

/*
 * The nlocks of a part that has one lock for all of it.
 */
int
cext_shmem_one_lock(Size size)
{
	return 1;
}

/*
 * How large a part is, after cext_shmem_available has returned true.
 */
Size
cext_shmem_size_of(const CextShmemPart *part)
{
	int			i = 0;

	while (parts[i] != part)
		i++;
	return sizes[i];
}
