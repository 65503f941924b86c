/*-------------------------------------------------------------------------
 *
 * cext_test.c
 *	  What tests and benchmarks need to look into, or hold up, a server.
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
 * It can stop a reader wherever it first touches a page of cache_ext's shared
 * memory: the pages are protected in that process alone, and the handler of the
 * signal that a touch raises lets go of them one by one, up to the one at which
 * it waits for another session to release it.  So a test can go through all the
 * places at which something may happen in the middle of a read.  A timer can
 * protect them again, for places that come back to a page.
 *
 * It can keep others from removing files, and so stop a commit, of a prepared
 * transaction too, that dropped a table: between leaving the proc array and its
 * invalidation messages.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "access/xact.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
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
PG_FUNCTION_INFO_V1(cext_test_watch);
PG_FUNCTION_INFO_V1(cext_test_changed_lines);
PG_FUNCTION_INFO_V1(cext_test_corrupt);
PG_FUNCTION_INFO_V1(cext_test_replace);
PG_FUNCTION_INFO_V1(cext_test_flip);
PG_FUNCTION_INFO_V1(cext_test_save);
PG_FUNCTION_INFO_V1(cext_test_forge);
PG_FUNCTION_INFO_V1(cext_test_keep_files);
PG_FUNCTION_INFO_V1(cext_test_stop);
PG_FUNCTION_INFO_V1(cext_test_is_stopped);
PG_FUNCTION_INFO_V1(cext_test_release);
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

static char *watched = NULL;
static char *watched_copy = NULL;
static Size watched_size;

/* A record that was saved. */
static char *saved = NULL;
static char *saved_from;
static uint32 saved_size;

/* Of the process that stops, and between it and who releases it. */
static char *stop_start = NULL;
static char *stop_end;
static volatile sig_atomic_t touches = 0;
static volatile sig_atomic_t stop_at = 0;
static volatile sig_atomic_t *stopped = NULL;	/* shared */

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
 * cext_test_watch(bigint): remember cache_ext's shared memory, of that size, as
 * it is.
 */
Datum
cext_test_watch(PG_FUNCTION_ARGS)
{
	bool		found;

	watched_size = PG_GETARG_INT64(0);
	watched = ShmemInitStruct("cache_ext", watched_size, &found);
	if (!found)
		elog(ERROR, "cache_ext has no shared memory");
	if (watched_copy == NULL)
		watched_copy = MemoryContextAllocHuge(TopMemoryContext, watched_size);
	memcpy(watched_copy, watched, watched_size);
	PG_RETURN_VOID();
}

/*
 * cext_test_changed_lines() returns bigint: cache lines written since.
 */
Datum
cext_test_changed_lines(PG_FUNCTION_ARGS)
{
	int64		changed = 0;

	for (Size i = 0; i + LINE <= watched_size; i += LINE)
	{
		if (memcmp(watched + i, watched_copy + i, LINE) != 0)
			changed++;
	}
	PG_RETURN_INT64(changed);
}

/*
 * cext_test_corrupt(bigint, text) returns bigint: in cache_ext's shared memory,
 * of that size, spoil the records whose key has a user id that begins with the
 * text; tells how many.  The id stands 40 bytes behind the start of its record,
 * whose number of slices is at byte 30.
 */
Datum
cext_test_corrupt(PG_FUNCTION_ARGS)
{
	Size		size = PG_GETARG_INT64(0);
	text	   *id = PG_GETARG_TEXT_PP(1);
	Size		len = VARSIZE_ANY_EXHDR(id);
	bool		found;
	char	   *memory = ShmemInitStruct("cache_ext", size, &found);
	int64		n = 0;

	for (Size i = 40; found && i + len < size; i += 8)
	{
		if (memcmp(memory + i, VARDATA_ANY(id), len) == 0)
		{
			memory[i - 10] = (char) 0xFF;
			n++;
		}
	}
	PG_RETURN_INT64(n);
}

/*
 * cext_test_replace(bigint, text, text) returns bigint: in cache_ext's shared
 * memory, of that size, put one text in another's place, which is as long; tells
 * how often.
 */
Datum
cext_test_replace(PG_FUNCTION_ARGS)
{
	Size		size = PG_GETARG_INT64(0);
	text	   *old = PG_GETARG_TEXT_PP(1);
	text	   *new = PG_GETARG_TEXT_PP(2);
	Size		len = VARSIZE_ANY_EXHDR(old);
	bool		found;
	char	   *memory = ShmemInitStruct("cache_ext", size, &found);
	int64		n = 0;

	if (VARSIZE_ANY_EXHDR(new) != len)
		elog(ERROR, "the texts differ in length");
	for (Size i = 0; found && i + len < size; i++)
	{
		if (memcmp(memory + i, VARDATA_ANY(old), len) == 0)
		{
			memcpy(memory + i, VARDATA_ANY(new), len);
			n++;
		}
	}
	PG_RETURN_INT64(n);
}

/*
 * cache_ext's shared memory, and the first place in it, or behind another, of a
 * text, which is that of a record's key if it begins at a multiple of eight
 * bytes.  NULL if there is none.
 */
static char *
find_key(char *memory, Size size, const char *after, text *key)
{
	Size		len = VARSIZE_ANY_EXHDR(key);
	char	   *end = memory + size;
	char	   *p = after == NULL ? memory : unconstify(char *, after) + 1;

	while ((p = memmem(p, end - p, VARDATA_ANY(key), len)) != NULL &&
		   (p - memory) % 8 != 0)
		p++;
	return p;
}

static char *
get_memory(Size size)
{
	bool		found;
	char	   *memory = ShmemInitStruct("cache_ext", size, &found);

	if (!found)
		elog(ERROR, "cache_ext has no shared memory");
	return memory;
}

/*
 * cext_test_flip(bigint, text, integer) returns bigint: in cache_ext's shared
 * memory, of that size, flip a bit of the byte at so many bytes from each place
 * where a key has that text, user and name without a gap; tells how many.
 */
Datum
cext_test_flip(PG_FUNCTION_ARGS)
{
	Size		size = PG_GETARG_INT64(0);
	text	   *key = PG_GETARG_TEXT_PP(1);
	char	   *memory = get_memory(size);
	char	   *next = find_key(memory, size, NULL, key);
	int64		n = 0;

	while (next != NULL)
	{
		char	   *place = next;

		next = find_key(memory, size, place, key);
		place[PG_GETARG_INT32(2)] ^= 1;
		n++;
	}
	PG_RETURN_INT64(n);
}

/*
 * cext_test_save(bigint, text) returns bigint: remember the one record whose key
 * has that text, and its place; tells its size, which stands at its fourth byte.
 */
Datum
cext_test_save(PG_FUNCTION_ARGS)
{
	Size		size = PG_GETARG_INT64(0);
	char	   *memory = get_memory(size);
	char	   *key = find_key(memory, size, NULL, PG_GETARG_TEXT_PP(1));

	if (key == NULL)
		elog(ERROR, "there is no such record");
	saved_from = key - 40;
	memcpy(&saved_size, saved_from + 4, sizeof(saved_size));
	if (saved != NULL)
		pfree(saved);
	saved = MemoryContextAlloc(TopMemoryContext, saved_size);
	memcpy(saved, saved_from, saved_size);
	PG_RETURN_INT64(saved_size);
}

/*
 * cext_test_forge(text, text) returns bigint: put the record that was saved back
 * to where it was, whatever is there now, with one text in another's place, which
 * is as long; tells how often.
 */
Datum
cext_test_forge(PG_FUNCTION_ARGS)
{
	text	   *old = PG_GETARG_TEXT_PP(0);
	text	   *new = PG_GETARG_TEXT_PP(1);
	Size		len = VARSIZE_ANY_EXHDR(old);
	char	   *p = saved;
	int64		n = 0;

	if (saved == NULL || VARSIZE_ANY_EXHDR(new) != len)
		elog(ERROR, "nothing was saved, or the texts differ in length");
	while ((p = memmem(p, saved + saved_size - p, VARDATA_ANY(old), len)) != NULL)
	{
		memcpy(p, VARDATA_ANY(new), len);
		n++;
	}
	memcpy(saved_from, saved, saved_size);
	PG_RETURN_INT64(n);
}

/*
 * Wait for another session to release this one.
 */
static void
stop(void)
{
	*stopped = 1;
	while (*stopped)
		usleep(200);
}

/*
 * A page that is protected was touched.
 */
static void
touched(int signal_number, siginfo_t *info, void *context)
{
	int			save_errno = errno;
	Size		page = sysconf(_SC_PAGESIZE);
	char	   *place = (char *) TYPEALIGN_DOWN(page, (uintptr_t) info->si_addr);

	if (place < stop_start || place >= stop_end)
	{
		/* Not ours: it will be raised again. */
		signal(SIGSEGV, SIG_DFL);
		return;
	}
	if (++touches == stop_at)
	{
		mprotect(stop_start, stop_end - stop_start, PROT_READ | PROT_WRITE);
		stop();
	}
	else
		mprotect(place, page, PROT_READ | PROT_WRITE);
	errno = save_errno;
}

/*
 * Protect all pages again, unless it has stopped.
 */
static void
protect_again(int signal_number)
{
	if (touches < stop_at)
		mprotect(stop_start, stop_end - stop_start, PROT_NONE);
}

/*
 * Let the timer run out every so many microseconds, or not if there are none.
 */
static void
set_timer(int interval_us)
{
	static timer_t timer;
	static bool created = false;
	struct itimerspec spec = {{0, interval_us * 1000}, {0, interval_us * 1000}};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
	struct sigaction action = {.sa_handler = protect_again, .sa_flags = SA_RESTART};

	sigemptyset(&action.sa_mask);
	if (!created && (sigaction(SIGRTMIN, &action, NULL) != 0 ||
					 timer_create(CLOCK_MONOTONIC, &event, &timer) != 0))
		elog(ERROR, "could not create a timer: %m");
	created = true;
	timer_settime(timer, 0, &spec, NULL);
}

/*
 * cext_test_stop(bigint, integer, integer) returns integer: from now on stop at the
 * touch of this number of a page of cache_ext's shared memory, which is of that size,
 * or, if it is zero, do not; tells how many there were since the last call.  What was
 * touched is forgotten every so many microseconds, or never if there are none.
 */
Datum
cext_test_stop(PG_FUNCTION_ARGS)
{
	Size		size = PG_GETARG_INT64(0);
	Size		page = sysconf(_SC_PAGESIZE);
	char	   *memory = get_memory(size);
	struct sigaction action = {.sa_sigaction = touched, .sa_flags = SA_SIGINFO};
	int			n = touches;

	if (stopped == NULL)
		elog(ERROR, "the library was not preloaded");
	stop_start = (char *) TYPEALIGN(page, (uintptr_t) memory);
	stop_end = (char *) TYPEALIGN_DOWN(page, (uintptr_t) memory + size);
	stop_at = PG_GETARG_INT32(1);
	touches = 0;
	set_timer(0);
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGSEGV, &action, NULL) != 0 ||
		mprotect(stop_start, stop_end - stop_start,
				 stop_at == 0 ? PROT_READ | PROT_WRITE : PROT_NONE) != 0)
		elog(ERROR, "could not protect shared memory: %m");
	set_timer(stop_at == 0 ? 0 : PG_GETARG_INT32(2));
	PG_RETURN_INT32(n);
}

/*
 * cext_test_keep_files(): until another session releases this one no backend removes
 * a file.  It would tell the checkpointer to forget it, for which there is a lock.
 */
Datum
cext_test_keep_files(PG_FUNCTION_ARGS)
{
	if (stopped == NULL)
		elog(ERROR, "the library was not preloaded");
	LWLockAcquire(CheckpointerCommLock, LW_EXCLUSIVE);
	stop();
	LWLockRelease(CheckpointerCommLock);
	PG_RETURN_VOID();
}

/*
 * cext_test_is_stopped() returns boolean: has some process stopped?
 */
Datum
cext_test_is_stopped(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(stopped != NULL && *stopped);
}

/*
 * cext_test_release(): it may go on.
 */
Datum
cext_test_release(PG_FUNCTION_ARGS)
{
	if (stopped != NULL)
		*stopped = 0;
	PG_RETURN_VOID();
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
	if (process_shared_preload_libraries_in_progress)
	{
		void	   *shared = mmap(NULL, sizeof(*stopped), PROT_READ | PROT_WRITE,
								  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		if (shared != MAP_FAILED)
			stopped = shared;
	}
	RegisterXactCallback(late_callback, NULL);
	RegisterResourceReleaseCallback(release_callback, NULL);
}
