/*-------------------------------------------------------------------------
 *
 * sources/reader.c
 *	  Reading the sources' tables, by number, under one snapshot.
 *
 * Nothing is resolved by name, parsed, rewritten or planned, and no code of a
 * table's owner runs: no function, operator, cast, policy, rule or expression.
 * Rows are found by scans of PostgreSQL's own (sources/index.c, sources/partition.c),
 * and columns are taken as they are stored.  Whether the owner may read the
 * table, and whether it is one that can be read so, is for sources/check.c to say.
 *
 * A reader belongs to one call.  It holds what it has open, so that nothing that
 * happens meanwhile can take it away.  After an error PostgreSQL closes it with the
 * (sub)transaction.
 *
 * How rows of a relation are found is remembered.  The table is locked first, and
 * what is remembered is looked at then: a transaction that changed the table or
 * dropped an index of it has sent its messages by the time we have the lock, and a
 * message about the relation takes away what is remembered of it.
 *
 * Locks: ACCESS SHARE on tables, partitions and indexes, as a query takes them,
 * to the end of the transaction.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "sources/reader.h"

#include "sources/partition.h"
#include "sources/source.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* What is asked, with the values in the columns' own types. */
typedef struct Question
{
	const CextSource *source;
	const CextAsk *ask;
	const CextString *texts;	/* of the conditions; null for null */
	Datum		values[CEXT_MAX_CONDITIONS];
	bool		nulls[CEXT_MAX_CONDITIONS];
	CextRowFunction function;
	void	   *arg;
} Question;

/* What is remembered of a relation, for what is asked. */
typedef struct PlanKey
{
	Oid			relid;
	uint32		ask;
} PlanKey;

typedef struct Remembered
{
	PlanKey		key;
	uint64		epoch;
	uint64		loads;			/* of the source */
	CextPlan	plan;
	CextRouting routing;		/* of a partitioned table */
} Remembered;

static HTAB *remembered = NULL; /* in CacheMemoryContext */
static uint64 epoch = 1;

/*
 * A relation changed, or any may have.
 */
static void
relcache_callback(Datum arg, Oid relid)
{
	if (!OidIsValid(relid))
		epoch++;
	else if (remembered != NULL)
	{
		for (int ask = 0; ask < CEXT_MAX_ASKS; ask++)
		{
			PlanKey		key = {relid, ask};

			(void) hash_search(remembered, &key, HASH_REMOVE, NULL);
		}
	}
}

/*
 * Listen to invalidations; called once, from _PG_init.
 */
void
cext_reader_init(void)
{
	CacheRegisterRelcacheCallback(relcache_callback, (Datum) 0);
}

/*
 * Begin to read under a snapshot, which must be the active one.
 */
void
cext_reader_begin(CextReader *reader, Snapshot snapshot)
{
	memset(reader, 0, sizeof(*reader));
	reader->snapshot = snapshot;
}

/*
 * Open and lock a source's table; false if it was dropped.
 */
bool
cext_reader_open(CextReader *reader, const CextSource *source)
{
	CextOpen   *open = &reader->open[source->part->number];

	if (open->rel == NULL)
		open->rel = try_table_open(source->relid, AccessShareLock);
	return open->rel != NULL;
}

static void
close_scan(CextOpen *open)
{
	if (open->scan != NULL)
		index_endscan(open->scan);
	if (open->index != NULL)
		index_close(open->index, NoLock);
	open->scan = NULL;
	open->index = NULL;
}

static void
close_table(CextOpen *open)
{
	close_scan(open);
	if (open->slot != NULL)
		ExecDropSingleTupleTableSlot(open->slot);
	if (open->rel != NULL)
		table_close(open->rel, NoLock);
	memset(open, 0, sizeof(*open));
}

/*
 * Close all; locks stay.
 */
void
cext_reader_end(CextReader *reader)
{
	for (int i = 0; i < CEXT_MAX_PARTS; i++)
		close_table(&reader->open[i]);
	if (reader->row != NULL)
		MemoryContextDelete(reader->row);
	reader->row = NULL;
}

static void
make_plan(CextPlan *plan, CextRouting *routing, const Question *q, Relation rel,
		  Snapshot snapshot)
{
	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		cext_index_columns(q->source, rel, plan->attnums);
		cext_partition_plan(routing, q->source, q->ask, rel, plan->attnums);
	}
	else
		cext_index_plan(plan, q->source, q->ask, rel, snapshot);
}

/*
 * How the rows are found in a relation that is locked: a copy, which nothing takes
 * away.
 */
static void
get_plan(CextPlan *plan, CextRouting *routing, const Question *q, Relation rel,
		 Snapshot snapshot)
{
	PlanKey		key = {RelationGetRelid(rel), q->ask->number};
	Remembered *entry = NULL;
	MemoryContext old;
	uint64		made_in;

	Assert(q->ask->number < CEXT_MAX_ASKS);
	/* Nobody will hear of a change of what was described for this call only. */
	if (q->source->loaded == 0 || q->ask->n == 0)
	{
		make_plan(plan, routing, q, rel, snapshot);
		return;
	}
	if (remembered != NULL)
		entry = hash_search(remembered, &key, HASH_FIND, NULL);
	if (entry != NULL && entry->epoch == epoch && entry->loads == q->source->loaded)
	{
		*plan = entry->plan;
		*routing = entry->routing;
		return;
	}

	if (remembered == NULL)
	{
		HASHCTL		info = {.keysize = sizeof(PlanKey), .entrysize = sizeof(Remembered)};

		info.hcxt = CacheMemoryContext;
		remembered = hash_create("cache_ext plans", 16, &info,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}

	/*
	 * Looking can process messages, about this relation as well.  What was
	 * made before one of them is used, since the lock keeps it right enough
	 * for us, but it is not remembered.
	 */
	made_in = epoch;
	entry = hash_search(remembered, &key, HASH_ENTER, NULL);
	entry->epoch = 0;
	old = MemoryContextSwitchTo(CacheMemoryContext);
	make_plan(plan, routing, q, rel, snapshot);
	MemoryContextSwitchTo(old);
	entry = hash_search(remembered, &key, HASH_FIND, NULL);
	if (entry == NULL)
		return;
	entry->epoch = made_in;
	entry->loads = q->source->loaded;
	entry->plan = *plan;
	entry->routing = *routing;
}

/*
 * Does a row fulfil the conditions that the index has not looked at?
 */
static bool
fulfils(const Question *q, const CextPlan *plan, TupleTableSlot *row)
{
	for (int i = 0; i < plan->nrechecks; i++)
	{
		int			k = plan->recheck[i];
		CextType	type = q->source->columns[q->ask->conditions[k].column].type;
		bool		isnull;
		Datum		value = slot_getattr(row, plan->attnums[q->ask->conditions[k].column], &isnull);

		if (isnull != q->nulls[k])
			return false;
		if (isnull)
			continue;
		if (type.kind == CEXT_TYPE_OTHER ?
			!cext_string_equals(cext_type_text(type, value), q->texts[k]) :
			!cext_index_equal(type, value, q->values[k]))
			return false;
	}
	return true;
}

/*
 * The same.  What it takes to compare one row is freed before the next.
 */
static bool
is_wanted(CextReader *reader, const Question *q, const CextPlan *plan, TupleTableSlot *row)
{
	MemoryContext old;
	bool		wanted;

	if (plan->nrechecks == 0)
		return true;
	if (reader->row == NULL)
		reader->row = AllocSetContextCreate(CurrentMemoryContext, "cache_ext row",
											ALLOCSET_SMALL_SIZES);
	MemoryContextReset(reader->row);
	old = MemoryContextSwitchTo(reader->row);
	wanted = fulfils(q, plan, row);
	MemoryContextSwitchTo(old);
	return wanted;
}

/*
 * Open a scan of an index with its keys, or take the one that is open again.
 */
static void
open_scan(CextReader *reader, CextOpen *open, const CextPlan *plan)
{
	if (open->scan != NULL && open->nkeys == plan->nkeys)
		return;
	if (open->scan != NULL)
		index_endscan(open->scan);
	open->scan = CextIndexBeginScan(open->rel, open->index, reader->snapshot, plan->nkeys);
	open->nkeys = plan->nkeys;
}

static bool
scan_by_index(CextReader *reader, CextOpen *open, const Question *q, const CextPlan *plan)
{
	ScanKeyData keys[CEXT_MAX_CONDITIONS];
	bool		more = true;

	open_scan(reader, open, plan);
	for (int i = 0; i < plan->nkeys; i++)
	{
		keys[i] = plan->keys[i];
		if ((keys[i].sk_flags & SK_ISNULL) == 0)
			keys[i].sk_argument = q->values[plan->condition[i]];
	}
	index_rescan(open->scan, keys, plan->nkeys, NULL, 0);
	while (more && index_getnext_slot(open->scan, ForwardScanDirection, open->slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (is_wanted(reader, q, plan, open->slot))
			more = q->function(q->arg, open->slot, plan->attnums);
	}
	return more;
}

static bool
scan_all(CextReader *reader, CextOpen *open, const Question *q, const CextPlan *plan)
{
	TableScanDesc scan = CextTableBeginScan(open->rel, reader->snapshot);
	bool		more = true;

	while (more && table_scan_getnextslot(scan, ForwardScanDirection, open->slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (is_wanted(reader, q, plan, open->slot))
			more = q->function(q->arg, open->slot, plan->attnums);
	}
	table_endscan(scan);
	return more;
}

/*
 * Open the index, unless it is.  What was remembered was chosen under another
 * snapshot: for this one it may have to be another index, or none.
 */
static void
open_index(CextReader *reader, CextOpen *open, const Question *q, CextPlan *plan)
{
	if (OidIsValid(plan->index))
	{
		if (open->index != NULL && RelationGetRelid(open->index) != plan->index)
			close_scan(open);
		if (open->index == NULL)
			open->index = index_open(plan->index, AccessShareLock);
		if (cext_index_holds(open->index, reader->snapshot))
			return;
		cext_index_plan(plan, q->source, q->ask, open->rel, reader->snapshot);
	}
	close_scan(open);
	if (OidIsValid(plan->index))
		open->index = index_open(plan->index, AccessShareLock);
}

/*
 * Read a table that is not partitioned; false if no more rows are wanted.
 */
static bool
scan_relation(CextReader *reader, CextOpen *open, const Question *q, CextPlan *plan)
{
	bool		more;

	if (open->rel->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT && RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot access temporary or unlogged relations during recovery")));
	if (open->slot == NULL)
		open->slot = table_slot_create(open->rel, NULL);
	open_index(reader, open, q, plan);
	more = OidIsValid(plan->index) ?
		scan_by_index(reader, open, q, plan) : scan_all(reader, open, q, plan);
	ExecClearTuple(open->slot);
	return more;
}

/*
 * Read the partitions that can have the rows; false if no more are wanted.
 */
static bool
scan_partitions(CextReader *reader, Relation rel, const Question *q,
				const CextRouting *routing)
{
	CextPartitions partitions = cext_partition_find(routing, rel, q->values, q->nulls);
	bool		more = true;

	check_stack_depth();
	for (int i = 0; more && i < partitions.n; i++)
	{
		CextOpen	open = {.rel = try_table_open(partitions.oids[i], AccessShareLock)};
		CextPlan	plan;
		CextRouting below;

		/* One that is being detached can be gone. */
		if (open.rel == NULL)
			continue;
		get_plan(&plan, &below, q, open.rel, reader->snapshot);
		more = open.rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ?
			scan_partitions(reader, open.rel, q, &below) :
			scan_relation(reader, &open, q, &plan);
		close_table(&open);
	}
	return more;
}

/*
 * Bring the canonical texts to values of the columns; false if there is none for
 * one of them, and so no row.
 */
static bool
make_values(Question *q)
{
	for (int k = 0; k < q->ask->n; k++)
	{
		CextType	type = q->source->columns[q->ask->conditions[k].column].type;

		q->nulls[k] = q->ask->conditions[k].isnull;
		if (!q->nulls[k] && !cext_type_datum(type, q->texts[k], &q->values[k]))
			return false;
	}
	return true;
}

/*
 * Call a function for each row of a source that is asked for.  texts has a
 * canonical text for each condition.  The table must be open, and the source
 * described as it is now that the table is locked.  Throws what reading a table can
 * throw.
 */
void
cext_reader_scan(CextReader *reader, const CextSource *source, const CextAsk *ask,
				 const CextString *texts, CextRowFunction function, void *arg)
{
	CextOpen   *open = &reader->open[source->part->number];
	Question	q = {.source = source, .ask = ask, .texts = texts, .function = function, .arg = arg};
	CextPlan	plan;
	CextRouting routing;

	Assert(open->rel != NULL);
	if (!make_values(&q))
		return;
	get_plan(&plan, &routing, &q, open->rel, reader->snapshot);
	if (open->rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		(void) scan_partitions(reader, open->rel, &q, &routing);
	else
		(void) scan_relation(reader, open, &q, &plan);
}
