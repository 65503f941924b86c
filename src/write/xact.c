/*-------------------------------------------------------------------------
 *
 * write/xact.c
 *	  What this transaction invalidates, and when.
 *
 * Triggers and hooks collect slices here, as the slots that they hash to, while
 * the transaction runs.  The transaction callbacks lead the slots through the
 * protocol of protocol/slot.c:
 *
 *	PRE_COMMIT	marks them, and the database's ANY slot, and notifies listeners
 *				of the changes.  Errors can still happen after that, and lead to
 *				ABORT.
 *	COMMIT		comes after the transaction left the proc array and before its
 *				locks go, and completes them.  A transaction that did DDL, or
 *				changed what backends remember, completes them a little later,
 *				when its invalidation messages are out: who finds them completed
 *				can then trust what the catalogs say (sources/source.c).
 *	ABORT		takes the marks away, if they were made.
 *
 * Nothing is allocated after PRE_COMMIT and nothing can fail in COMMIT.  What
 * is collected after PRE_COMMIT, by another extension's callback that writes to
 * a source, is marked at once.
 *
 * The set also says what the transaction's own reads must not take from the
 * cache or leave there (read/entry.c).
 *
 * A subtransaction that rolls back leaves its slices in the set: too much is
 * invalidated, which is exact.  A set that outgrows its bound becomes the
 * slice "everything".
 *
 * Locks: none of its own.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "write/xact.h"

#include "core/guc.h"
#include "core/shmem.h"
#include "core/stats.h"
#include "protocol/slot.h"
#include "write/change.h"
#include "write/log.h"
#include "write/notify.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/* Slots beyond which a transaction invalidates everything. */
#define MAX_SLOTS		4096

typedef struct SlotEntry
{
	uint32		slot;
	char		status;			/* for simplehash */
	bool		marked;
} SlotEntry;

#define SH_PREFIX		slotset
#define SH_ELEMENT_TYPE	SlotEntry
#define SH_KEY_TYPE		uint32
#define SH_KEY			slot
/* Slots are hash values already. */
#define SH_HASH_KEY(tb, key)	(key)
#define SH_EQUAL(tb, a, b)		((a) == (b))
#define SH_SCOPE		static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

int			cext_xact_own = 0;

static slotset_hash *slots = NULL;	/* in TopTransactionContext */
static bool past_pre_commit = false;
static bool did_ddl = false;
static bool committed = false;	/* and did DDL: waiting for the messages */
static bool collapsed = false;
static FullTransactionId my_xid;	/* set with the first invalidation */
static Oid	my_role;			/* at PRE_COMMIT */
static uint64 invalidations[CEXT_SLICE_KINDS];

/*
 * Add a slot to the set.  A new one is marked at once if PRE_COMMIT is past.
 */
static void
add_slot(uint32 slot)
{
	SlotEntry  *entry;
	bool		found;

	if (slots == NULL)
		slots = slotset_create(TopTransactionContext, 16, NULL);
	cext_xact_own |= CEXT_OWN_SLOTS;
	entry = slotset_insert(slots, slot, &found);
	if (!found)
		entry->marked = false;
	if (past_pre_commit && !entry->marked)
	{
		cext_slot_mark(slot);
		entry->marked = true;
	}
}

static void
add_slice(Oid db, CextSliceKind kind, CextString id, CextString name)
{
	add_slot(cext_slot_of(cext_slice_hash(db, kind, id, name)));
}

/*
 * This transaction may have changed what the catalogs say of a source: its reads
 * go through from now on.
 */
void
cext_xact_set_catalogs(void)
{
	cext_xact_own |= CEXT_OWN_CATALOGS;
}

/*
 * This transaction's slots are to be completed after its invalidation messages
 * are sent.
 */
void
cext_xact_set_ddl(void)
{
	did_ddl = true;
}

/*
 * Is the slot one that this transaction invalidates?  Then what depends on it is
 * not the cache's to say, nor to be told, before the transaction has committed.
 */
bool
cext_xact_owns(uint32 slot)
{
	return slots != NULL && slotset_lookup(slots, slot) != NULL;
}

/*
 * Invalidate a slice of the cache when this transaction commits.
 */
static void
invalidate_slot(Oid db, CextSliceKind kind, CextString id, CextString name)
{
	if (!cext_shmem_available())
		return;

	/* Who reads later decides by this id whether it sees the change. */
	my_xid = GetTopFullTransactionId();
	invalidations[kind]++;
	if (collapsed && db == MyDatabaseId)
		return;
	if (slots != NULL && slots->members >= MAX_SLOTS)
	{
		collapsed = true;
		kind = CEXT_SLICE_EVERYTHING;
		id = name = CEXT_NULL_STRING;
	}
	if (kind == CEXT_SLICE_EVERYTHING && db == MyDatabaseId)
		cext_xact_own |= CEXT_OWN_EVERYTHING;
	add_slice(db, kind, id, name);
	add_slice(db, CEXT_SLICE_ANY, CEXT_NULL_STRING, CEXT_NULL_STRING);
}

/*
 * Note a slice of this database for those who are told.  Should they have been
 * told already, by our callback before the commit, tell them again.
 */
static void
note_change(CextSliceKind kind, CextString id, CextString name)
{
	cext_change_add(kind, id, name);
	if (!past_pre_commit)
		return;
	my_role = GetUserId();
	if (cext_notify)
		cext_notify_send();
}

/*
 * Invalidate a slice when this transaction commits.  A part that the kind has
 * no use for is CEXT_NULL_STRING.  May throw for want of memory, or because no
 * transaction id can be assigned (in recovery, or in a parallel worker).
 */
void
cext_xact_invalidate(Oid db, CextSliceKind kind, CextString id, CextString name)
{
	invalidate_slot(db, kind, id, name);
	if (db == MyDatabaseId)
		note_change(kind, id, name);
}

/*
 * Invalidate those whose domain was looked up by a key.  Others do not know it
 * by that, and are told that everything changed.
 */
void
cext_xact_invalidate_domain_key(CextString key)
{
	invalidate_slot(MyDatabaseId, CEXT_SLICE_DOMAIN, key, CEXT_NULL_STRING);
	note_change(CEXT_SLICE_EVERYTHING, CEXT_NULL_STRING, CEXT_NULL_STRING);
}

/*
 * Invalidate everything of a database when this transaction commits.
 */
void
cext_xact_invalidate_all(Oid db)
{
	cext_xact_invalidate(db, CEXT_SLICE_EVERYTHING,
						 CEXT_NULL_STRING, CEXT_NULL_STRING);
}

static void
mark_all(void)
{
	slotset_iterator it;
	SlotEntry  *entry;

	past_pre_commit = true;
	if (slots == NULL)
		return;
	slotset_start_iterate(slots, &it);
	while ((entry = slotset_iterate(slots, &it)) != NULL)
	{
		if (!entry->marked)
		{
			cext_slot_mark(entry->slot);
			entry->marked = true;
		}
	}
}

/*
 * The transaction is over: release the marks, one way or the other.
 */
static void
finish(bool is_commit)
{
	slotset_iterator it;
	SlotEntry  *entry;

	if (slots != NULL)
	{
		slotset_start_iterate(slots, &it);
		while ((entry = slotset_iterate(slots, &it)) != NULL)
		{
			if (!entry->marked)
				continue;
			if (is_commit)
				cext_slot_commit(entry->slot, my_xid);
			else
				cext_slot_abort(entry->slot);
		}
	}
	if (FullTransactionIdIsValid(my_xid))
	{
		for (int i = 0; i < CEXT_SLICE_KINDS; i++)
		{
			if (is_commit)
				cext_count_many(CEXT_COUNT_INV_EVERYTHING + i, invalidations[i]);
			invalidations[i] = 0;
		}
		/* After the slots: readers need not wait for it. */
		if (is_commit && cext_change_any())
			cext_log_append(my_xid, my_role);
		my_xid = InvalidFullTransactionId;
	}

	/* The set's memory goes with the transaction's. */
	slots = NULL;
	cext_change_reset();
	collapsed = false;
	past_pre_commit = false;
	did_ddl = false;
	committed = false;
	cext_xact_own = 0;
}

static void
xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			if (cext_change_any() && cext_notify)
				cext_notify_send();
			/* Processes without a user change nothing. */
			if (cext_change_any())
				my_role = GetUserId();
			mark_all();
			break;
		case XACT_EVENT_COMMIT:
			if (did_ddl)
				committed = true;
			else
				finish(true);
			break;
		case XACT_EVENT_ABORT:
			finish(false);
			break;
		case XACT_EVENT_PRE_PREPARE:
			if (slots != NULL || cext_change_any())
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot PREPARE a transaction that has changed a table that cache_ext reads"),
						 errhint("Commit the change in a transaction of its own, with COMMIT.")));
			break;
		case XACT_EVENT_PREPARE:
			/* It changed nothing, but may have read through. */
			finish(false);
			break;
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			break;
	}
}

/*
 * Resources are let go in phases, and messages are sent before locks are.
 */
static void
resource_callback(ResourceReleasePhase phase, bool is_commit, bool is_top_level,
				  void *arg)
{
	if (committed && phase == RESOURCE_RELEASE_LOCKS)
		finish(true);
}

/*
 * Register the callbacks; called once, from _PG_init.
 */
void
cext_xact_init(void)
{
	RegisterXactCallback(xact_callback, NULL);
	RegisterResourceReleaseCallback(resource_callback, NULL);
	cext_change_init();
}
