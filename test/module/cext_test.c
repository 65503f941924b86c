/*-------------------------------------------------------------------------
 *
 * cext_test.c
 *	  What tests and benchmarks need to hold up a server, and to compare with.
 *
 * It can wait in the windows of a writer's commit: after cache_ext marked its
 * slots and before the commit record; after the writer left the proc array and
 * before cache_ext completes its slots; and after that, before invalidation
 * messages go out.  There it waits a random time, to make races likely, or, in
 * the second and the third, while a file exists, to hold a writer.
 *
 * Callbacks run in the reverse order of their registration.  So this library is
 * preloaded before cache_ext, which makes its first callback run after
 * cache_ext's, and registers the second one from there, which makes that run
 * before.  The first also runs a statement, for writes that come late, or an
 * error after the marks.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/mman.h>
#include <unistd.h>

#include "access/xact.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/lwlock.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "../../src/core/compat.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

PG_FUNCTION_INFO_V1(cext_test_set);
PG_FUNCTION_INFO_V1(cext_test_copy);
PG_FUNCTION_INFO_V1(cext_test_probe);

#define LINE	64

static int	delay_before_us = 0;
static int	delay_after_us = 0;
static int	delay_messages_us = 0;
static char *hold_file = NULL;
static char *hold_messages = NULL;
static char *at_commit = NULL;

#define MAX_DOCUMENTS	64

static struct varlena *documents[MAX_DOCUMENTS];
static int	ndocuments = 0;
static int	next_document = 0;

static void
random_wait(int longest_us)
{
	if (longest_us > 0)
		pg_usleep(pg_prng_uint64_range(&pg_global_prng_state, 0, longest_us));
}

static void
wait_while_there(const char *file)
{
	while (file != NULL && file[0] != '\0' && access(file, F_OK) == 0)
		pg_usleep(1000);
}

/*
 * Runs before cache_ext's.
 */
static void
early_callback(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT ||
		!TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return;
	random_wait(delay_after_us);
	wait_while_there(hold_file);
}

static void
run_at_commit(void)
{
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	if (SPI_execute(at_commit, false, 0) < 0)
		elog(ERROR, "could not run \"%s\"", at_commit);
	SPI_finish();
	PopActiveSnapshot();
}

/*
 * Runs after cache_ext's.
 */
static void
late_callback(XactEvent event, void *arg)
{
	static bool registered = false;

	if (event != XACT_EVENT_PRE_COMMIT)
		return;
	if (!registered)
		RegisterXactCallback(early_callback, NULL);
	registered = true;
	if (at_commit != NULL && at_commit[0] != '\0')
		run_at_commit();
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		random_wait(delay_before_us);
}

/*
 * Runs before invalidation messages are sent.
 */
static void
release_callback(ResourceReleasePhase phase, bool is_commit, bool is_top_level,
				 void *arg)
{
	if (phase != RESOURCE_RELEASE_BEFORE_LOCKS || !is_commit || !is_top_level ||
		!TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return;
	random_wait(delay_messages_us);
	wait_while_there(hold_messages);
}

/*
 * cext_test_set(jsonb): remember one more document for cext_test_copy.
 */
Datum
cext_test_set(PG_FUNCTION_ARGS)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	if (ndocuments == MAX_DOCUMENTS)
		elog(ERROR, "no room for more than %d documents", MAX_DOCUMENTS);
	documents[ndocuments++] = (struct varlena *)
		PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(0));
	MemoryContextSwitchTo(old);
	PG_RETURN_VOID();
}

/*
 * cext_test_copy(text, text, boolean) returns jsonb: the least that a function
 * which returns a document must do.  It returns those remembered one after
 * another.
 */
Datum
cext_test_copy(PG_FUNCTION_ARGS)
{
	struct varlena *document;
	struct varlena *copy;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || ndocuments == 0)
		PG_RETURN_NULL();
	document = documents[next_document];
	if (++next_document == ndocuments)
		next_document = 0;
	copy = palloc(VARSIZE(document));
	memcpy(copy, document, VARSIZE(document));
	PG_RETURN_POINTER(copy);
}

/*
 * cext_test_probe(bigint, bigint) returns float8: nanoseconds for each of so many
 * probes of a plain hash table with so many lines.  Which line comes next depends
 * on what the last one held, so that none is fetched ahead; the memory is of the
 * kind that a server's shared memory is.
 */
Datum
cext_test_probe(PG_FUNCTION_ARGS)
{
	uint64		nlines = PG_GETARG_INT64(0);
	int64		nprobes = PG_GETARG_INT64(1);
	uint64		hash = 1;
	instr_time	start;
	instr_time	end;
	uint64	   *lines = mmap(NULL, nlines * LINE, PROT_READ | PROT_WRITE,
							 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (lines == MAP_FAILED)
		elog(ERROR, "no memory for %lu lines", (unsigned long) nlines);
	for (uint64 i = 0; i < nlines; i++)
		lines[i * (LINE / sizeof(uint64))] = i & 1;
	INSTR_TIME_SET_CURRENT(start);
	for (int64 i = 0; i < nprobes; i++)
	{
		uint64		line = (uint64) (((unsigned __int128) hash * nlines) >> 64);

		hash = (hash + lines[line * (LINE / sizeof(uint64))] + i) * UINT64CONST(0x9E3779B97F4A7C15);
		hash ^= hash >> 29;
	}
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	munmap(lines, nlines * LINE);
	PG_RETURN_FLOAT8(INSTR_TIME_GET_DOUBLE(end) * 1e9 / nprobes + (hash == 0));
}

PG_FUNCTION_INFO_V1(cext_test_interval_ms);
PG_FUNCTION_INFO_V1(cext_test_interrupt);
PG_FUNCTION_INFO_V1(cext_test_move_notify_queue);

/*
 * cext_test_interval_ms(interval) returns bigint: as cache_ext converts it.
 */
Datum
cext_test_interval_ms(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(cext_interval_ms(PG_GETARG_INTERVAL_P(0)));
}

/*
 * cext_test_interrupt(anyelement) returns anyelement: as if the query were
 * cancelled while this function runs, which gives its argument back.  What comes
 * next is interrupted the first time that it looks.
 */
Datum
cext_test_interrupt(PG_FUNCTION_ARGS)
{
	QueryCancelPending = true;
	InterruptPending = true;
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/*
 * cext_test_move_notify_queue(bigint, integer): move the head of the NOTIFY queue
 * on by so many pages, or back, as if they had been written.  The size is that of
 * async.c's shared memory, which begins with the number of the page; its type
 * differs between versions, but not its lower half.
 */
Datum
cext_test_move_notify_queue(PG_FUNCTION_ARGS)
{
	bool		found;
	int32	   *head = ShmemInitStruct("Async Queue Control", PG_GETARG_INT64(0), &found);

	LWLockAcquire(NotifyQueueLock, LW_EXCLUSIVE);
#ifdef WORDS_BIGENDIAN
	head++;
#endif
	*head += PG_GETARG_INT32(1);
	LWLockRelease(NotifyQueueLock);
	PG_RETURN_VOID();
}

void
_PG_init(void)
{
	DefineCustomIntVariable("cext_test.delay_before",
							"Longest random wait between marks and commit record, in microseconds.",
							NULL, &delay_before_us, 0, 0, 1000000,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("cext_test.delay_after",
							"Longest random wait between leaving the proc array and completing, in microseconds.",
							NULL, &delay_after_us, 0, 0, 1000000,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("cext_test.delay_messages",
							"Longest random wait between completing and invalidation messages, in microseconds.",
							NULL, &delay_messages_us, 0, 0, 1000000,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("cext_test.hold_file",
							   "A commit does not complete while this file exists.",
							   NULL, &hold_file, "",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("cext_test.hold_messages",
							   "Invalidation messages do not go out while this file exists.",
							   NULL, &hold_messages, "",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("cext_test.at_commit",
							   "A statement that each commit runs after cache_ext marked its slots.",
							   NULL, &at_commit, "",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	RegisterXactCallback(late_callback, NULL);
	RegisterResourceReleaseCallback(release_callback, NULL);
}
