/*-------------------------------------------------------------------------
 *
 * write/change.c
 *	  The slices that this transaction changes, by name.
 *
 * What is invalidated is collected twice.  As slots, in write/xact.c, for the
 * cache, where too much does no harm; and here by name, for listeners and for the
 * view (write/notify.c, write/log.c), which must not tell of anything that was
 * rolled back with a subtransaction.
 *
 * Changes are kept in the order in which they came, each once.  Since a
 * subtransaction's come after all that its parent made before it, rolling it back
 * cuts off the end.  The list is bounded: beyond that there are just "more".  So
 * are the strings, which can have any length in a table that is attached: if one is
 * too long for a key, its beginning is kept, for the view.  A detail that is as long
 * is not kept, nor is one where a slice changed with several.
 *
 * Locks: none.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "write/change.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

CextChanges cext_changes;		/* in TopTransactionContext */

/* Said by whoever is about to add changes. */
static CextCause because;
static Oid	because_of;

/*
 * Say why the changes come that are added from now on.
 */
void
cext_change_because(CextCause cause, Oid relid)
{
	because = cause;
	because_of = relid;
}

/*
 * The change of a slice that is known already, or NULL.  The hash alone does not do:
 * a kind can let slices of two types hash alike.
 */
static CextSlice *
find_known(const CextSlice *slice)
{
	/* The last one first: rows of one slice are often changed together. */
	for (int i = cext_changes.n - 1; i >= 0; i--)
	{
		CextSlice  *known = &cext_changes.changes[i].slice;

		if (known->hash == slice->hash && known->type == slice->type)
			return known;
	}
	return NULL;
}

static void
forget_string(CextString *s)
{
	if (s->data != NULL)
		pfree(unconstify(char *, s->data));
	*s = CEXT_NULL_STRING;
}

/*
 * A copy of what is kept of a string.
 */
static CextString
keep(CextString s)
{
	if (s.len > CEXT_MAX_ID)
		s.len = pg_mbcliplen(s.data, s.len, CEXT_MAX_ID);
	return cext_string_copy(s, TopTransactionContext);
}

/*
 * Add a slice of this database.
 */
void
cext_change_add(const CextSlice *slice)
{
	CextSlice  *known;
	CextChange *change;
	CextString	detail = slice->detail.len > CEXT_MAX_ID ? CEXT_NULL_STRING : slice->detail;

	if (cext_changes.overflow > 0)
		return;
	known = find_known(slice);
	if (known != NULL)
	{
		/*
		 * It changed in several ways.  Should one of them be rolled back, the
		 * other is not told either: that says less, and nothing wrong.
		 */
		if (!cext_string_same(known->detail, detail))
			forget_string(&known->detail);
		return;
	}
	if (cext_changes.n == CEXT_MAX_CHANGES)
	{
		cext_changes.overflow = GetCurrentTransactionNestLevel();
		return;
	}
	if (cext_changes.n == cext_changes.max)
	{
		int			max = cext_changes.max == 0 ? 4 : cext_changes.max * 4;

		if (cext_changes.changes == NULL)
			cext_changes.changes = MemoryContextAlloc(TopTransactionContext,
													  max * sizeof(CextChange));
		else
			cext_changes.changes = repalloc(cext_changes.changes, max * sizeof(CextChange));
		cext_changes.max = max;
	}
	change = &cext_changes.changes[cext_changes.n];
	change->slice = *slice;
	change->clipped = false;
	change->cause = because;
	change->relid = because_of;
	change->level = GetCurrentTransactionNestLevel();
	for (int i = 0; i < CEXT_SLICE_PARTS; i++)
	{
		change->clipped |= slice->parts[i].len > CEXT_MAX_ID;
		change->slice.parts[i] = keep(slice->parts[i]);
	}
	change->slice.detail = cext_string_copy(detail, TopTransactionContext);
	cext_changes.n++;
}

/*
 * Forget all; at the end of the transaction, with which the memory goes.
 */
void
cext_change_reset(void)
{
	memset(&cext_changes, 0, sizeof(cext_changes));
}

static void
subtransaction_commits(int level)
{
	for (int i = cext_changes.n - 1; i >= 0 && cext_changes.changes[i].level == level; i--)
		cext_changes.changes[i].level = level - 1;
	if (cext_changes.overflow == level)
		cext_changes.overflow = level - 1;
}

static void
subtransaction_aborts(int level)
{
	while (cext_changes.n > 0 &&
		   cext_changes.changes[cext_changes.n - 1].level >= level)
	{
		CextChange *change = &cext_changes.changes[--cext_changes.n];

		/* A transaction can roll back any number of them. */
		for (int i = 0; i < CEXT_SLICE_PARTS; i++)
			forget_string(&change->slice.parts[i]);
		forget_string(&change->slice.detail);
	}
	if (cext_changes.overflow >= level)
		cext_changes.overflow = 0;
}

static void
subxact_callback(SubXactEvent event, SubTransactionId my, SubTransactionId parent,
				 void *arg)
{
	if (!cext_change_any())
		return;
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		subtransaction_commits(GetCurrentTransactionNestLevel());
	else if (event == SUBXACT_EVENT_ABORT_SUB)
		subtransaction_aborts(GetCurrentTransactionNestLevel());
}

/*
 * Register the callback; called once, from _PG_init.
 */
void
cext_change_init(void)
{
	RegisterSubXactCallback(subxact_callback, NULL);
}
