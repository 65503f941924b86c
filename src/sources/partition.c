/*-------------------------------------------------------------------------
 *
 * sources/partition.c
 *	  Which partitions can have the rows that are asked for.
 *
 * Where the key's columns are compared with values, and by operators that are
 * PostgreSQL's own, the values lead to one partition, as those of a row that is
 * inserted do.  In all other cases all partitions are looked at.
 *
 * PostgreSQL simplifies a partition key's expressions when it first looks at the
 * key, and that can call functions of the table's owner, as the user that reads.
 * So if a key has expressions neither it nor the bounds are looked at: the
 * children are taken from pg_inherits.
 *
 * A partition that is being detached concurrently is still a partition for snapshots
 * that do not see the detaching, and none for others.  PostgreSQL asks the active
 * snapshot.  The source is suspended meanwhile (sources/check.c).
 *
 * Locks: the caller's, on the partitioned table.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "sources/partition.h"

#include "sources/catalog.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_partitioned_table.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

/* No partition has the row. */
#define NO_PARTITION	(-1)

/*
 * Has the partition key of a table expressions?
 */
bool
cext_partition_has_expressions(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(PARTRELID, ObjectIdGetDatum(relid));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return true;			/* it is being dropped: do not ask */
	result = !heap_attisnull(tuple, Anum_pg_partitioned_table_partexprs, NULL);
	ReleaseSysCache(tuple);
	return result;
}

/*
 * Add the OIDs of a table's partitions that the active snapshot sees, as PostgreSQL
 * does, but without an error where one of them is being dropped.  Says if one is
 * being detached concurrently.
 */
static List *
add_children(List *relids, Oid parent, bool *detaching)
{
	List	   *rows = cext_catalog_rows(&cext_rows_children, ObjectIdGetDatum(parent), NULL);
	ListCell   *cell;

	foreach(cell, rows)
	{
		HeapTuple	tuple = lfirst(cell);
		Form_pg_inherits form = (Form_pg_inherits) GETSTRUCT(tuple);

		*detaching |= form->inhdetachpending;
		if (!form->inhdetachpending || !ActiveSnapshotSet() ||
			XidInMVCCSnapshot(HeapTupleHeaderGetXmin(tuple->t_data), GetActiveSnapshot()))
			relids = lappend_oid(relids, form->inhrelid);
	}
	list_free_deep(rows);
	return relids;
}

/*
 * The OIDs of a table and of its partitions of all levels, if it is partitioned.
 * Takes no lock on them.  Says if one is being detached concurrently.
 */
List *
cext_partition_tree(Oid relid, bool *detaching)
{
	List	   *relids = list_make1_oid(relid);

	*detaching = false;
	/* The list grows while it is walked. */
	for (int i = 0; i < list_length(relids); i++)
	{
		if (get_rel_relkind(list_nth_oid(relids, i)) == RELKIND_PARTITIONED_TABLE)
			relids = add_children(relids, list_nth_oid(relids, i), detaching);
	}
	return relids;
}

/*
 * The condition that column i of the key is in and that leads to a partition, or
 * -1.
 */
static int
condition_of_key(PartitionKey key, int i, const CextSource *source, const AttrNumber *attnums,
				 const CextAsk *ask)
{
	for (int k = 0; k < ask->n; k++)
	{
		CextType	type = source->columns[ask->conditions[k].column].type;

		if (attnums[ask->conditions[k].column] == key->partattrs[i] &&
			cext_index_is_builtin(type, key->partopcintype[i], key->partopfamily[i],
								  key->partcollation[i]))
			return k;
	}
	return -1;
}

/*
 * Say how rows that are asked for are routed through a partitioned table, in which
 * the source's columns have the given numbers.
 */
void
cext_partition_plan(CextRouting *routing, const CextSource *source, const CextAsk *ask,
					Relation rel, const AttrNumber *attnums)
{
	PartitionKey key;

	memset(routing, 0, sizeof(*routing));
	routing->expressions = cext_partition_has_expressions(RelationGetRelid(rel));
	if (routing->expressions)
		return;
	key = RelationGetPartitionKey(rel);
	for (int i = 0; i < key->partnatts; i++)
	{
		routing->condition[i] = condition_of_key(key, i, source, attnums, ask);
		if (routing->condition[i] < 0)
			return;
	}
	routing->nkeys = key->partnatts;
}

/*
 * The index of the partition that has rows with these values of the key, as
 * PostgreSQL finds it for a row that is inserted.
 */
static int
route(PartitionKey key, PartitionBoundInfo bounds, Datum *values, bool *nulls)
{
	int			result = NO_PARTITION;
	int			offset;
	bool		equal = false;
	bool		any_null = false;

	switch (key->strategy)
	{
		case PARTITION_STRATEGY_HASH:
			return bounds->indexes[compute_partition_hash_value(key->partnatts, key->partsupfunc,
																key->partcollation, values, nulls) %
								   bounds->nindexes];
		case PARTITION_STRATEGY_LIST:
			if (nulls[0])
			{
				if (partition_bound_accepts_nulls(bounds))
					result = bounds->null_index;
				break;
			}
			offset = partition_list_bsearch(key->partsupfunc, key->partcollation, bounds,
											values[0], &equal);
			if (offset >= 0 && equal)
				result = bounds->indexes[offset];
			break;
		case PARTITION_STRATEGY_RANGE:
			for (int i = 0; i < key->partnatts; i++)
				any_null |= nulls[i];
			if (any_null)
				break;			/* only the default partition takes nulls */
			offset = partition_range_datum_bsearch(key->partsupfunc, key->partcollation, bounds,
												   key->partnatts, values, &equal);
			result = bounds->indexes[offset + 1];
			break;
	}
	return result < 0 ? bounds->default_index : result;
}

/*
 * The direct partitions in which rows with the conditions' values can be.  The
 * caller's snapshot must be the active one.  What is returned holds until the
 * relation is closed, or is allocated in the current context.
 */
CextPartitions
cext_partition_find(const CextRouting *routing, Relation rel,
					const Datum *values, const bool *nulls)
{
	CextPartitions found = {0};
	PartitionDesc desc;
	int			i;

	if (routing->expressions)
	{
		bool		detaching = false;
		List	   *children = add_children(NIL, RelationGetRelid(rel), &detaching);
		Oid		   *oids;
		ListCell   *cell;

		found.oids = oids = palloc(sizeof(Oid) * (list_length(children) + 1));
		foreach(cell, children)
			oids[found.n++] = lfirst_oid(cell);
		return found;
	}

	desc = RelationGetPartitionDesc(rel, true);
	found.oids = desc->oids;
	found.n = desc->nparts;
	if (routing->nkeys > 0 && desc->nparts > 0)
	{
		Datum		key_values[PARTITION_MAX_KEYS];
		bool		key_nulls[PARTITION_MAX_KEYS];

		for (int k = 0; k < routing->nkeys; k++)
		{
			key_values[k] = values[routing->condition[k]];
			key_nulls[k] = nulls[routing->condition[k]];
		}
		i = route(RelationGetPartitionKey(rel), desc->boundinfo, key_values, key_nulls);
		found.n = i < 0 ? 0 : 1;
		if (i >= 0)
			found.oids = &desc->oids[i];
	}
	return found;
}
