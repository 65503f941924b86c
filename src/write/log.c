/*-------------------------------------------------------------------------
 *
 * write/log.c
 *	  The latest invalidations, for the view.
 *
 * A ring of fixed records in shared memory, written when a transaction has
 * committed and its slots are completed: only other users of the ring wait for
 * that.  Nothing is allocated for it, and nothing can fail.
 *
 * Locks: one LWLock protects the ring; shared to read it.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "write/log.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/guc.h"

typedef struct CextLog
{
	uint64		written;		/* records ever */
	CextLogRecord records[CEXT_LOG_RECORDS];
} CextLog;

static CextLog *invalidations = NULL;
static LWLock *log_lock;

static Size
shmem_size(void)
{
	return sizeof(CextLog);
}

static void
attach(void *memory, Size size, LWLockPadded *locks, bool init)
{
	invalidations = memory;
	log_lock = &locks[0].lock;
	if (init)
		invalidations->written = 0;
}

const CextShmemPart cext_log_shmem = {
	.size = shmem_size, .nlocks = cext_shmem_one_lock, .attach = attach
};

/*
 * Copy what fits of a string, in whole characters; false if it is null.
 */
static bool
keep_string(char *kept, CextString s)
{
	int			len;

	kept[0] = '\0';
	if (s.data == NULL)
		return false;
	len = pg_mbcliplen(s.data, s.len, CEXT_LOG_STRING - 1);
	memcpy(kept, s.data, len);
	kept[len] = '\0';
	return true;
}

static CextLogRecord *
next_record(const CextLogRecord *common)
{
	CextLogRecord *record = &invalidations->records[invalidations->written++ % CEXT_LOG_RECORDS];

	*record = *common;
	return record;
}

/*
 * Add what this transaction, which has committed, invalidated.  Takes the lock.
 */
void
cext_log_append(FullTransactionId xid, Oid role)
{
	CextLogRecord common = {
		.at = GetCurrentTransactionStopTimestamp(),
		.xid = xid,
		.db = MyDatabaseId,
		.role = role
	};

	(void) keep_string(common.application,
					   cext_string(application_name == NULL ? "" : application_name));
	LWLockAcquire(log_lock, LW_EXCLUSIVE);
	for (int i = 0; i < cext_changes.n; i++)
	{
		const CextChange *change = &cext_changes.changes[i];
		CextLogRecord *record = next_record(&common);

		record->type = change->slice.type;
		record->cause = change->cause;
		record->relid = change->relid;
		for (int k = 0; k < CEXT_SLICE_PARTS; k++)
			record->has_part[k] = keep_string(record->parts[k], change->slice.parts[k]);
	}
	if (cext_changes.overflow > 0)
		next_record(&common)->is_more = true;
	LWLockRelease(log_lock);
}

/*
 * A copy of the ring, the oldest first, in the current context.  Takes the lock
 * for as long as the copy takes.
 */
CextLogRecord *
cext_log_copy(int *n)
{
	CextLogRecord *copy = palloc(sizeof(CextLogRecord) * CEXT_LOG_RECORDS);
	uint64		first;

	LWLockAcquire(log_lock, LW_SHARED);
	*n = Min(invalidations->written, CEXT_LOG_RECORDS);
	first = invalidations->written - *n;
	for (int i = 0; i < *n; i++)
		copy[i] = invalidations->records[(first + i) % CEXT_LOG_RECORDS];
	LWLockRelease(log_lock);
	return copy;
}
