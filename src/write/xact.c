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
 *				when its invalidation messages are out: a reader that finds them
 *				completed can trust what the catalogs say (sources/source.c).
 *	ABORT		takes the marks away, if they were made.
 *
 * Nothing is allocated in COMMIT, and nothing can fail there.  What is collected
 * after our PRE_COMMIT, because another extension's callback writes to a source,
 * is marked at once.
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
static bool completes_late = false;
static bool committed = false;	/* and completes late: waits for the messages */
static bool collapsed = false;
static FullTransactionId my_xid;	/* set with the first invalidation */
static Oid	my_role;			/* at PRE_COMMIT */
static uint64 invalidations[CEXT_SLICE_TYPES];

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
 * This transaction did DDL, or changed rows that backends remember: its slots are to
 * be completed late, after its invalidation messages are sent.
 */
void
cext_xact_complete_late(void)
{
	completes_late = true;
}

/*
 * Is the slot one that this transaction invalidates?  Then what depends on it is
 * neither taken from the cache nor stored before the transaction has committed.
 */
bool
cext_xact_owns(uint32 slot)
{
	return slots != NULL && slotset_lookup(slots, slot) != NULL;
}

/*
 * Invalidate a slice of the cache when this transaction commits, and ANY of its
 * database, whose slot is given.
 */
static void
invalidate_slot(const CextSlice *slice, bool is_here, uint32 any)
{
	/* Later readers decide by this id whether they see the change. */
	my_xid = GetTopFullTransactionId();
	invalidations[slice->type]++;
	if (collapsed && is_here)
		return;
	if (slots != NULL && slots->members >= MAX_SLOTS)
		collapsed = true;
	if ((collapsed || slice->type == CEXT_SLICE_EVERYTHING) && is_here)
		cext_xact_own |= CEXT_OWN_EVERYTHING;
	add_slot(cext_slot_of(collapsed && is_here ? cext_everything_hash() : slice->hash));
	add_slot(any);
}

/*
 * Note a slice of this database for listeners.  If our callback before the commit
 * has told them already, tell them again.
 */
static void
note_change(const CextSlice *slice)
{
	cext_change_add(slice);
	if (!past_pre_commit)
		return;
	my_role = GetUserId();
	if (cext_notify)
		cext_notify_send();
}

/*
 * Invalidate a slice of this database when this transaction commits, and tell
 * others that another one changed, by which they know it.  May throw for want of
 * memory, or because no transaction id can be assigned (in recovery, or in a
 * parallel worker).
 */
void
cext_xact_invalidate_as(const CextSlice *slice, const CextSlice *told)
{
	if (cext_shmem_available())
		invalidate_slot(slice, true, cext_any_slot());
	note_change(told);
}

/*
 * Invalidate a slice of this database, likewise.
 */
void
cext_xact_invalidate(const CextSlice *slice)
{
	cext_xact_invalidate_as(slice, slice);
}

/*
 * Invalidate everything of a database when this transaction commits.
 */
void
cext_xact_invalidate_all(Oid db)
{
	CextSlice	everything = cext_slice_everything(db);

	if (db == MyDatabaseId)
		cext_xact_invalidate(&everything);
	else if (cext_shmem_available())
		invalidate_slot(&everything, false,
						cext_slot_of(cext_slice_hash(db, CEXT_SLICE_ANY, CEXT_NULL_STRING,
													 CEXT_NULL_STRING)));
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
		for (int i = 0; i < CEXT_SLICE_TYPES; i++)
		{
			if (is_commit)
				cext_count_many(CEXT_COUNT_INVALIDATIONS + i, invalidations[i]);
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
	completes_late = false;
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
			if (completes_late)
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
