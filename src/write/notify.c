/*-------------------------------------------------------------------------
 *
 * write/notify.c
 *	  Telling listeners what a transaction changed.
 *
 * One NOTIFY on channel cache_ext, with what the transaction changed as JSON:
 *
 *	{"v":1,"xid":"731","slices":[{"scope":"user","id":"alice","name":"theme"},
 *	                             {"scope":"name","name":"menu"}]}
 *
 * or, where that would not fit a payload, {"v":1,"xid":"731","all":true}.  It is
 * handed over before the commit and so delivered with it: who reads upon it
 * reads the new state.
 *
 * A write does not fail because listeners cannot be told.  What NOTIFY would
 * refuse is found out before: a payload that is too long is not written, and where
 * the queue is nearly full nothing is added to it, with a warning.
 *
 * A slice says which cached results may differ: those of a user, a domain's
 * users, or a name, or of a name for a user or a domain's users.  One that
 * another one contains is left out.
 *
 * Locks: the one that PostgreSQL takes for all that notify in the cluster, from
 * then until the end of the transaction.  It is taken here already, so that no
 * other transaction fills the queue between our look at it and our commit.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "write/notify.h"

#include "write/change.h"

#include "core/stats.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "commands/async.h"
#include "lib/stringinfo.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/json.h"

#define CHANNEL		"cache_ext"

/* PostgreSQL's limit, which async.c keeps to itself; not reached. */
#define MAX_PAYLOAD	(BLCKSZ - NAMEDATALEN - 128)

/*
 * Share of the queue beyond which nothing is added.  The smallest queue has 64
 * pages, and a notification takes two at most: what is left is enough for ours
 * and for some of the transaction's own.
 */
#define MAX_QUEUE_USAGE	0.9

static bool
same_string(CextString a, CextString b)
{
	return a.data == NULL ? b.data == NULL :
		b.data != NULL && cext_string_equals(a, b);
}

/*
 * Does one slice contain another one, which is not the same?
 */
static bool
contains(const CextChange *a, const CextChange *b)
{
	if (a->kind == CEXT_SLICE_NAME)
		return b->kind != CEXT_SLICE_NAME && same_string(a->name, b->name);
	if (a->kind == CEXT_SLICE_USER)
		return b->kind == CEXT_SLICE_USER_NAME && same_string(a->id, b->id);
	if (a->kind == CEXT_SLICE_DOMAIN)
		return b->kind == CEXT_SLICE_DOMAIN_NAME && same_string(a->id, b->id);
	return false;
}

static bool
is_contained(const CextChange *change)
{
	for (int i = 0; i < cext_changes.n; i++)
	{
		if (contains(&cext_changes.changes[i], change))
			return true;
	}
	return false;
}

static void
append_slice(StringInfo payload, const CextChange *change)
{
	const char *scope = "name";

	if (change->kind == CEXT_SLICE_USER || change->kind == CEXT_SLICE_USER_NAME)
		scope = "user";
	else if (change->kind == CEXT_SLICE_DOMAIN || change->kind == CEXT_SLICE_DOMAIN_NAME)
		scope = "domain";
	appendStringInfo(payload, "{\"scope\":\"%s\"", scope);
	if (change->id.data != NULL)
	{
		appendStringInfoString(payload, ",\"id\":");
		escape_json(payload, change->id.data);
	}
	if (change->name.data != NULL)
	{
		appendStringInfoString(payload, ",\"name\":");
		escape_json(payload, change->name.data);
	}
	appendStringInfoChar(payload, '}');
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

		if (change->kind == CEXT_SLICE_EVERYTHING || change->clipped)
			return false;
		if (is_contained(change))
			continue;
		appendStringInfoString(payload, separator);
		append_slice(payload, change);
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
