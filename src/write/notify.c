/*-------------------------------------------------------------------------
 *
 * write/notify.c
 *	  Telling listeners what a transaction changed.
 *
 * One NOTIFY on channel cache_ext, with what the transaction changed as JSON:
 *
 *	{"v":1,"xid":"731","slices":[{...},{...}]}
 *
 * where each slice is told by its kind; or, if that would not fit into a payload,
 *
 *	{"v":1,"xid":"731","all":true}
 *
 * It is handed over before the commit and so delivered with it: a listener that
 * reads when it hears of it reads the new state.
 *
 * A write does not fail because listeners cannot be told.  What NOTIFY would
 * refuse is found out before: a payload that is too long is not written, and where
 * the queue is nearly full nothing is added to it, with a warning.
 *
 * A slice says which cached results may differ.  One that another one contains is
 * left out; if its detail is another, that one is told without one.
 *
 * Locks: the one that PostgreSQL takes for each transaction of the cluster that
 * notifies, from its commit's beginning until its end.  It is taken here already, so
 * that no other transaction fills the queue between our look at it and our commit.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "write/notify.h"

#include "core/stats.h"
#include "write/change.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "commands/async.h"
#include "lib/stringinfo.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"

#define CHANNEL		"cache_ext"

/* PostgreSQL's limit, which async.c keeps to itself; not reached. */
#define MAX_PAYLOAD	(BLCKSZ - NAMEDATALEN - 128)

/*
 * Share of the queue beyond which nothing is added.  The smallest queue has 64
 * pages, and a notification takes two at most: what is left is enough for ours
 * and for some of the transaction's own.
 */
#define MAX_QUEUE_USAGE	0.9

static const CextKindInfo *
kind_of(const CextSlice *slice)
{
	return cext_kinds[slice->type / CEXT_SLICES_PER_KIND];
}

static bool
contains(const CextSlice *a, const CextSlice *b)
{
	return kind_of(a) == kind_of(b) && kind_of(a)->contains(a, b);
}

static bool
is_contained(const CextSlice *slice)
{
	for (int i = 0; i < cext_changes.n; i++)
	{
		if (contains(&cext_changes.changes[i].slice, slice))
			return true;
	}
	return false;
}

/*
 * Append a slice, which stands for those that it contains as well.
 */
static void
append_slice(StringInfo payload, CextSlice slice)
{
	for (int i = 0; i < cext_changes.n && slice.detail.data != NULL; i++)
	{
		const CextSlice *other = &cext_changes.changes[i].slice;

		if (contains(&slice, other) && !cext_string_same(slice.detail, other->detail))
			slice.detail = CEXT_NULL_STRING;
	}
	kind_of(&slice)->tell(payload, &slice);
}

/*
 * Append the slices; false if they do not fit, or cannot be told one by one.
 */
static bool
append_slices(StringInfo payload)
{
	const char *separator = "";

	if (cext_changes.overflow > 0)
		return false;
	appendStringInfoString(payload, ",\"slices\":[");
	for (int i = 0; i < cext_changes.n; i++)
	{
		const CextChange *change = &cext_changes.changes[i];

		if (change->slice.type == CEXT_SLICE_EVERYTHING || change->clipped)
			return false;
		if (is_contained(&change->slice))
			continue;
		appendStringInfo(payload, "%s{", separator);
		append_slice(payload, change->slice);
		appendStringInfoChar(payload, '}');
		separator = ",";
		/* What follows has two bytes. */
		if (payload->len + 2 >= MAX_PAYLOAD)
			return false;
	}
	appendStringInfoString(payload, "]}");
	return true;
}

/*
 * Is there room in the queue?  If not, that is said once a session, until there
 * is again.
 */
static bool
queue_has_room(void)
{
	static bool warned = false;
	double		usage;

	LockSharedObject(DatabaseRelationId, InvalidOid, 0, AccessExclusiveLock);
	usage = DatumGetFloat8(OidFunctionCall0(F_PG_NOTIFICATION_QUEUE_USAGE));
	if (usage <= MAX_QUEUE_USAGE)
	{
		warned = false;
		return true;
	}
	cext_count(CEXT_COUNT_NOTIFICATIONS_LOST);
	if (!warned)
		ereport(WARNING,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("listeners are not notified of changes because the NOTIFY queue is %.0f%% full",
						usage * 100),
				 errhint("End the session that listens and does not read, often one idle in transaction; then call cache_ext.invalidate_all(), so that caches outside the database forget what they have.")));
	warned = true;
	return false;
}

/*
 * Hand over a notification of the changes; before the commit.
 */
void
cext_notify_send(void)
{
	StringInfoData payload;
	int			start;

	if (!queue_has_room())
		return;
	initStringInfo(&payload);
	appendStringInfo(&payload, "{\"v\":1,\"xid\":\"" UINT64_FORMAT "\"",
					 U64FromFullTransactionId(GetTopFullTransactionId()));
	start = payload.len;
	if (!append_slices(&payload))
	{
		payload.len = start;
		appendStringInfoString(&payload, ",\"all\":true}");
	}
	Async_Notify(CHANNEL, payload.data);
	pfree(payload.data);
}
