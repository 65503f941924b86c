/*-------------------------------------------------------------------------
 *
 * sources/index.c
 *	  How the rows of a table are found: by which index, with which scan keys.
 *
 * Only indexes are used whose comparison is PostgreSQL's own and takes values to
 * be equal exactly if their canonical texts are: B-trees on plain columns, of a
 * built-in operator family and a deterministic collation.  So finding a row runs
 * no code but PostgreSQL's, whatever the table's owner has defined.
 *
 * What is made here says which index to use.  Whether that index holds for a
 * snapshot is asked again at each use, since an index that was built while
 * older snapshots were in use can lack rows that those see.
 *
 * Locks: the caller's, on the table.  Indexes are locked here while they are
 * looked at, and stay locked as those of a query do.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "sources/index.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_index.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* Operator families for which the catalog headers have no name. */
#define UUID_BTREE_FAM_OID		2968
#define UUID_HASH_FAM_OID		2969
#define ENUM_BTREE_FAM_OID		3522
#define ENUM_HASH_FAM_OID		3523
#define TEXT_HASH_FAM_OID		1995
#define BPCHAR_HASH_FAM_OID		427
#define INTEGER_HASH_FAM_OID	1977

#define MAX_FAMILIES	3

/*
 * PostgreSQL's own equality of each type of key, and the operator families that
 * agree with it.
 */
static const struct
{
	RegProcedure procedure;
	PGFunction	equal;
	Oid			opcintype;
	Oid			families[MAX_FAMILIES];
}			builtin[] =

{
	[CEXT_TYPE_TEXT] = {F_TEXTEQ, texteq, TEXTOID,
	{TEXT_BTREE_FAM_OID, TEXT_PATTERN_BTREE_FAM_OID, TEXT_HASH_FAM_OID}},
	[CEXT_TYPE_BPCHAR] = {F_BPCHAREQ, bpchareq, BPCHAROID,
	{BPCHAR_BTREE_FAM_OID, BPCHAR_PATTERN_BTREE_FAM_OID, BPCHAR_HASH_FAM_OID}},
	[CEXT_TYPE_NAME] = {F_NAMEEQ, nameeq, NAMEOID,
	{TEXT_BTREE_FAM_OID, TEXT_HASH_FAM_OID}},
	[CEXT_TYPE_UUID] = {F_UUID_EQ, uuid_eq, UUIDOID,
	{UUID_BTREE_FAM_OID, UUID_HASH_FAM_OID}},
	[CEXT_TYPE_INT2] = {F_INT2EQ, int2eq, INT2OID,
	{INTEGER_BTREE_FAM_OID, INTEGER_HASH_FAM_OID}},
	[CEXT_TYPE_INT4] = {F_INT4EQ, int4eq, INT4OID,
	{INTEGER_BTREE_FAM_OID, INTEGER_HASH_FAM_OID}},
	[CEXT_TYPE_INT8] = {F_INT8EQ, int8eq, INT8OID,
	{INTEGER_BTREE_FAM_OID, INTEGER_HASH_FAM_OID}},
	[CEXT_TYPE_ENUM] = {F_ENUM_EQ, enum_eq, ANYENUMOID,
	{ENUM_BTREE_FAM_OID, ENUM_HASH_FAM_OID}},
};

const CextAsk cext_ask_all = {0};

/*
 * The numbers that a source's columns have in a relation, which is the source or
 * a partition of it.
 */
void
cext_index_columns(const CextSource *source, Relation rel, AttrNumber *attnums)
{
	TupleDesc	desc = RelationGetDescr(rel);

	for (int i = 0; i < CEXT_SOURCE_COLUMNS; i++)
	{
		const CextColumn *column = &source->columns[i];

		attnums[i] = column->attnum;
		if (RelationGetRelid(rel) == source->relid || column->name == NULL)
			continue;
		attnums[i] = InvalidAttrNumber;
		for (int k = 0; k < desc->natts; k++)
		{
			if (!TupleDescAttr(desc, k)->attisdropped &&
				strcmp(NameStr(TupleDescAttr(desc, k)->attname), column->name) == 0)
				attnums[i] = k + 1;
		}
	}
}

/*
 * Are two values of the type, neither of them null, equal?  The type is one for
 * keys.
 */
bool
cext_index_equal(CextType type, Datum a, Datum b)
{
	return DatumGetBool(DirectFunctionCall2Coll(builtin[type.kind].equal,
												C_COLLATION_OID, a, b));
}

/*
 * Does an operator class, by its input type and family, compare values of the
 * type by PostgreSQL's own code and by their canonical texts?
 */
bool
cext_index_is_builtin(CextType type, Oid opcintype, Oid opfamily, Oid collation)
{
	bool		known = false;

	if (type.kind == CEXT_TYPE_OTHER || opcintype != builtin[type.kind].opcintype)
		return false;
	for (int i = 0; i < MAX_FAMILIES; i++)
		known |= opfamily == builtin[type.kind].families[i];
	return known && OidIsValid(opfamily) &&
		(!CEXT_TYPE_IS_STRING(type.kind) || !OidIsValid(collation) ||
		 get_collation_isdeterministic(collation));
}

/*
 * Can the index be used at all?
 */
static bool
is_usable(Relation index)
{
	Form_pg_index form = index->rd_index;

	return index->rd_rel->relam == BTREE_AM_OID &&
		form->indisvalid && form->indisready && form->indislive &&
		heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL);
}

/*
 * Has the index all rows that the snapshot sees?  If it was built over broken HOT
 * chains, it has them only for snapshots whose xmin is beyond the transaction that
 * built it.
 */
bool
cext_index_holds(Relation index, Snapshot snapshot)
{
	return index->rd_index->indisvalid &&
		(!index->rd_index->indcheckxmin ||
		 TransactionIdPrecedes(HeapTupleHeaderGetXmin(index->rd_indextuple->t_data),
							   snapshot->xmin));
}

/*
 * The condition that key i of the index serves, or -1.
 */
static int
condition_of_key(const CextPlan *plan, const CextSource *source, Relation index, int i,
				 const CextAsk *ask)
{
	AttrNumber	attnum = index->rd_index->indkey.values[i];

	if (attnum == InvalidAttrNumber)
		return -1;				/* an expression */
	for (int k = 0; k < ask->n; k++)
	{
		if (plan->attnums[ask->conditions[k].column] == attnum &&
			cext_index_is_builtin(source->columns[ask->conditions[k].column].type,
								  index->rd_opcintype[i], index->rd_opfamily[i],
								  index->rd_indcollation[i]))
			return k;
	}
	return -1;
}

/*
 * Make the scan keys of an index, in the current context.
 */
static void
make_keys(CextPlan *plan, const CextSource *source, Relation index,
		  const CextAsk *ask)
{
	plan->index = RelationGetRelid(index);
	plan->nkeys = 0;
	for (int i = 0; i < index->rd_index->indnkeyatts && plan->nkeys < ask->n; i++)
	{
		ScanKey		key = &plan->keys[plan->nkeys];
		int			k = condition_of_key(plan, source, index, i, ask);

		if (k < 0)
			break;
		if (ask->conditions[k].isnull)
			ScanKeyEntryInitialize(key, SK_ISNULL | SK_SEARCHNULL, i + 1, InvalidStrategy,
								   InvalidOid, InvalidOid, InvalidOid, (Datum) 0);
		else
			ScanKeyEntryInitialize(key, 0, i + 1, BTEqualStrategyNumber, InvalidOid,
								   index->rd_indcollation[i],
								   builtin[source->columns[ask->conditions[k].column].type.kind].procedure,
								   (Datum) 0);
		plan->condition[plan->nkeys++] = k;
	}
}

/*
 * Is one way to find rows better than another one?  More columns are better, and
 * then the condition that tells most rows apart.
 */
static bool
is_better(const CextPlan *a, const CextPlan *b, int best)
{
	bool		a_best = false;
	bool		b_best = false;

	if (a->nkeys != b->nkeys)
		return a->nkeys > b->nkeys;
	for (int i = 0; i < a->nkeys; i++)
	{
		a_best |= a->condition[i] == best;
		b_best |= b->condition[i] == best;
	}
	return a_best && !b_best;
}

/*
 * Say how the rows that are asked for are found in a relation, which is the
 * source or a partition of it and locked, under a snapshot.  What the result
 * points to is allocated in the current context, or is a built-in function's.
 */
void
cext_index_plan(CextPlan *plan, const CextSource *source, const CextAsk *ask,
				Relation rel, Snapshot snapshot)
{
	List	   *indexes = ask->n == 0 ? NIL : RelationGetIndexList(rel);
	ListCell   *cell;
	bool		served[CEXT_MAX_CONDITIONS] = {0};

	memset(plan, 0, sizeof(*plan));
	cext_index_columns(source, rel, plan->attnums);
	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		CextPlan	candidate = *plan;

		if (is_usable(index) && cext_index_holds(index, snapshot))
		{
			make_keys(&candidate, source, index, ask);
			if (is_better(&candidate, plan, ask->n - 1))
				*plan = candidate;
		}
		index_close(index, NoLock);
	}
	list_free(indexes);

	for (int i = 0; i < plan->nkeys; i++)
		served[plan->condition[i]] = true;
	if (plan->nkeys == 0)
		plan->index = InvalidOid;
	for (int k = 0; k < ask->n; k++)
	{
		if (!served[k])
			plan->recheck[plan->nrechecks++] = k;
	}
}

/*
 * Is there an index that can be used for the condition on the given column, which
 * tells most rows apart?  The table is locked; it may be a partitioned one.
 */
bool
cext_index_exists(const CextSource *source, const CextAsk *ask, int column)
{
	Relation	rel = RelationIdGetRelation(source->relid);
	List	   *indexes = RelationGetIndexList(rel);
	CextPlan	plan = {0};
	ListCell   *cell;
	bool		found = false;

	cext_index_columns(source, rel, plan.attnums);
	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		if (is_usable(index))
		{
			make_keys(&plan, source, index, ask);
			for (int i = 0; i < plan.nkeys; i++)
				found |= ask->conditions[plan.condition[i]].column == column;
		}
		index_close(index, NoLock);
	}
	RelationClose(rel);
	return found;
}
