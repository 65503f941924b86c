/*-------------------------------------------------------------------------
 *
 * cext_memory.c
 *	  What tests and benchmarks need to look into cache_ext's shared memory, to
 *	  spoil it, and to stop whoever reads it.
 *
 * A reader can be stopped wherever it first touches a page of cache_ext's shared
 * memory: the pages are protected in that process alone, and the handler of the
 * signal that a touch raises lets go of them one by one, up to the one at which
 * it waits for another session to release it.  So a test can go through all the
 * places at which something may happen in the middle of a read.  A timer can
 * protect them again, for places that come back to a page.
 *
 * Others can be kept from removing files, which stops a commit, of a prepared
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

#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "../../src/core/compat.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

PG_FUNCTION_INFO_V1(cext_memory_watch);
PG_FUNCTION_INFO_V1(cext_memory_changed_lines);
PG_FUNCTION_INFO_V1(cext_memory_corrupt);
PG_FUNCTION_INFO_V1(cext_memory_replace);
PG_FUNCTION_INFO_V1(cext_memory_flip);
PG_FUNCTION_INFO_V1(cext_memory_save);
PG_FUNCTION_INFO_V1(cext_memory_forge);
PG_FUNCTION_INFO_V1(cext_memory_keep_files);
PG_FUNCTION_INFO_V1(cext_memory_stop);
PG_FUNCTION_INFO_V1(cext_memory_is_stopped);
PG_FUNCTION_INFO_V1(cext_memory_release);

#define LINE	64

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

/*
 * cext_memory_watch(bigint): remember cache_ext's shared memory, of that size, as
 * it is.
 */
Datum
cext_memory_watch(PG_FUNCTION_ARGS)
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
 * cext_memory_changed_lines() returns bigint: cache lines written since.
 */
Datum
cext_memory_changed_lines(PG_FUNCTION_ARGS)
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
 * cext_memory_corrupt(bigint, text) returns bigint: in cache_ext's shared memory,
 * of that size, spoil the records whose key has a user id that begins with the
 * text; tells how many.  The id stands 40 bytes behind the start of its record,
 * whose number of slices is at byte 30.
 */
Datum
cext_memory_corrupt(PG_FUNCTION_ARGS)
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
 * cext_memory_replace(bigint, text, text) returns bigint: in cache_ext's shared
 * memory, of that size, put one text in another's place, which is as long; tells
 * how often.
 */
Datum
cext_memory_replace(PG_FUNCTION_ARGS)
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
 * cext_memory_flip(bigint, text, integer) returns bigint: in cache_ext's shared
 * memory, of that size, flip a bit of the byte at so many bytes from each place
 * where a key has that text, user and name without a gap; tells how many.
 */
Datum
cext_memory_flip(PG_FUNCTION_ARGS)
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
 * cext_memory_save(bigint, text) returns bigint: remember the one record whose key
 * has that text, and its place; tells its size, which stands at its fourth byte.
 */
Datum
cext_memory_save(PG_FUNCTION_ARGS)
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
 * cext_memory_forge(text, text) returns bigint: put the record that was saved back
 * to where it was, whatever is there now, with one text in another's place, which
 * is as long; tells how often.
 */
Datum
cext_memory_forge(PG_FUNCTION_ARGS)
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
 * cext_memory_stop(bigint, integer, integer) returns integer: from now on stop at the
 * touch of this number of a page of cache_ext's shared memory, which is of that size,
 * or, if it is zero, do not; tells how many there were since the last call.  What was
 * touched is forgotten every so many microseconds, or never if there are none.
 */
Datum
cext_memory_stop(PG_FUNCTION_ARGS)
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
 * cext_memory_keep_files(): until another session releases this one no backend removes
 * a file.  It would tell the checkpointer to forget it, for which there is a lock.
 */
Datum
cext_memory_keep_files(PG_FUNCTION_ARGS)
{
	if (stopped == NULL)
		elog(ERROR, "the library was not preloaded");
	LWLockAcquire(CheckpointerCommLock, LW_EXCLUSIVE);
	stop();
	LWLockRelease(CheckpointerCommLock);
	PG_RETURN_VOID();
}

/*
 * cext_memory_is_stopped() returns boolean: has some process stopped?
 */
Datum
cext_memory_is_stopped(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(stopped != NULL && *stopped);
}

/*
 * cext_memory_release(): it may go on.
 */
Datum
cext_memory_release(PG_FUNCTION_ARGS)
{
	if (stopped != NULL)
		*stopped = 0;
	PG_RETURN_VOID();
}

void
_PG_init(void)
{
	if (process_shared_preload_libraries_in_progress)
	{
		void	   *shared = mmap(NULL, sizeof(*stopped), PROT_READ | PROT_WRITE,
								  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		if (shared != MAP_FAILED)
			stopped = shared;
	}
}
