/*-------------------------------------------------------------------------
 *
 * protocol/start.c
 *	  Transactions that were there before the server started.
 *
 * A prepared transaction outlives the server, which may have run without the
 * library when it was prepared: what it did to a source, or to its triggers, is
 * then in no slot, and its commit completes none.  So a fresh start knows nothing
 * of the transactions that were there before it, and waits for their end: a
 * snapshot uses the cache only if it sees that all of them have ended.
 *
 * Which transactions these are is not known when shared memory is made, since that
 * is before recovery.  So each process draws a line before its first command,
 * unless there is one: the next transaction id of that moment.  A snapshot whose
 * xmin is not below the line sees the end of all transactions before it, and those
 * after it had the library.
 *
 * Once no snapshot in the cluster can be older than the line nothing is compared
 * any more.
 *
 * The messages of a prepared transaction's commit are sent after it has left the
 * proc array.  So what a process knows of the catalogs at its first snapshot
 * beyond the line may be old, and no generation of a slot would tell.  So it is
 * forgotten then.  A process that starts later never knew it.
 *
 * Locks: none of its own.  The line is drawn once, by compare and exchange, so that
 * a process that finds a line finds the final one.  The flag is set and never
 * reset, and says nothing about other memory.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "protocol/start.h"

#include "access/transam.h"
#include "access/xlog.h"
#include "port/atomics.h"
#include "storage/procarray.h"
#include "utils/inval.h"

/* Snapshots between two looks whether the start is over for all. */
#define LOOK_INTERVAL	64

typedef struct CextStart
{
	pg_atomic_uint64 line;		/* a full transaction id; 0: not drawn */
	pg_atomic_uint32 over;		/* no snapshot can be older than the line */
} CextStart;

bool		cext_start_over = false;
bool		cext_start_noted = false;

static CextStart *start = NULL;
static bool renewed = false;
static uint32 passed = 0;

static Size
shmem_size(void)
{
	return sizeof(CextStart);
}

/*
 * Point this process to the line, and initialise it if asked to.
 */
static void
attach(void *memory, Size size, LWLockPadded *locks, bool init)
{
	start = memory;
	if (!init)
		return;
	pg_atomic_init_u64(&start->line, 0);
	pg_atomic_init_u32(&start->over, 0);
}

/*
 * The line, drawn if it is not yet.
 */
static uint64
get_line(void)
{
	uint64		line = pg_atomic_read_u64(&start->line);
	uint64		none = 0;

	if (line != 0)
		return line;
	line = U64FromFullTransactionId(ReadNextFullTransactionId());
	if (pg_atomic_compare_exchange_u64(&start->line, &none, line))
		return line;
	return none;
}

/*
 * What cext_start_note does the first time.
 */
void
cext_start_draw(void)
{
	if (start == NULL)
		cext_start_noted = true;
	else if (!RecoveryInProgress())
	{
		(void) get_line();
		cext_start_noted = true;
	}
}

/*
 * This process begins to use shared memory, before it reads anything.
 */
static void
attach_process(void)
{
	cext_start_over = pg_atomic_read_u32(&start->over) != 0;
}

const CextShmemPart cext_start_shmem = {
	.size = shmem_size, .attach = attach, .attach_process = attach_process
};

/*
 * What cext_start_passed does until the start is over.
 */
bool
cext_start_look(Snapshot snapshot)
{
	TransactionId line = (TransactionId) get_line();

	/* No transaction is 2 billion older than another one. */
	if (TransactionIdPrecedes(snapshot->xmin, line))
		return false;
	if (!renewed)
	{
		renewed = true;
		InvalidateSystemCaches();
	}
	if (passed++ % LOOK_INTERVAL == 0 &&
		!TransactionIdPrecedes(GetOldestNonRemovableTransactionId(NULL), line))
	{
		pg_atomic_write_u32(&start->over, 1);
		cext_start_over = true;
	}
	return true;
}
