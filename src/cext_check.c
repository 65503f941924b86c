/*-------------------------------------------------------------------------
 *
 * cext_check.c
 *	  Whether a table can be a source, and whether its triggers are whole.
 *
 * The same checks refuse a table that is to be attached and suspend a source
 * that has become what would have been refused.  Each finding is a problem of
 * the source (cext_mapping.h): a reason and a hint.
 *
 * What a trigger of a table sees of a write depends on how it reaches the table.
 * A plain table has a trigger for rows, and one for statements that runs before
 * the first row is written and at TRUNCATE.  A partition's rows come by way of
 * its parent too, for which its own statement triggers do not fire, and they are
 * not copied to new partitions; so a partitioned table has a second trigger for
 * rows instead, BEFORE, and its TRUNCATE is noticed by hooks (cext_ddl.c).
 *
 * Locks: the relations must be locked by the caller, or what is found must be
 * found out of date by other means (cext_source.c).
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "cext_check.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#define ROW_EVENTS	(TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE)

typedef struct WantedTrigger
{
	const char *function;
	const char *symbol;			/* what it is in C */
	int16		type;
} WantedTrigger;

static const WantedTrigger row_trigger =
{"source_row", "cache_ext_source_row", TRIGGER_TYPE_ROW | TRIGGER_TYPE_AFTER | ROW_EVENTS};

static const WantedTrigger statement_trigger =
{"source_statement", "cache_ext_source_statement",
TRIGGER_TYPE_STATEMENT | TRIGGER_TYPE_BEFORE | ROW_EVENTS | TRIGGER_TYPE_TRUNCATE};

static const WantedTrigger before_row_trigger =
{"source_before_row", "cache_ext_source_before_row",
TRIGGER_TYPE_ROW | TRIGGER_TYPE_BEFORE | ROW_EVENTS};

/*
 * Is a function one of ours?  Needs a transaction.
 */
bool
cext_is_our_function(Oid function)
{
	Oid			schema = get_namespace_oid(CEXT_SCHEMA, true);

	return OidIsValid(schema) && get_func_namespace(function) == schema;
}

/*
 * Has a table a trigger of ours, in whatever state?  Needs a transaction.
 */
bool
cext_relation_has_trigger(Oid relid)
{
	Relation	rel = RelationIdGetRelation(relid);
	bool		found = false;

	if (!RelationIsValid(rel))
		return false;
	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
		found |= cext_is_our_function(rel->trigdesc->triggers[i].tgfoid);
	RelationClose(rel);
	return found;
}

static const char *
refused_kind(char relkind)
{
	switch (relkind)
	{
		case RELKIND_VIEW:
			return "It is a view: changes of what it reads would go unnoticed.";
		case RELKIND_MATVIEW:
			return "It is a materialized view, and has no row triggers.";
		case RELKIND_FOREIGN_TABLE:
			return "It is a foreign table: changes elsewhere would go unnoticed.";
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
			return NULL;
		default:
			return "It is not a table.";
	}
}

/*
 * Check what pg_class says.
 */
static void
check_relation(CextSource *source)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(source->relid));
	Form_pg_class form;
	const char *kind;

	if (!HeapTupleIsValid(tuple))
		return;					/* has been reported */
	form = (Form_pg_class) GETSTRUCT(tuple);
	kind = refused_kind(form->relkind);
	if (kind != NULL)
		cext_problem_add(source, ERRCODE_WRONG_OBJECT_TYPE, false, kind,
						 "Attach a table.");
	if (form->relpersistence == RELPERSISTENCE_TEMP)
		cext_problem_add(source, ERRCODE_FEATURE_NOT_SUPPORTED, false,
						 "It is a temporary table, which other sessions cannot read.",
						 "Attach a permanent table.");
	if (form->relispartition)
		cext_problem_add(source, ERRCODE_FEATURE_NOT_SUPPORTED, false,
						 "It is a partition, which can be written by way of its parent.",
						 "Attach the partitioned table.");
	if (form->relrowsecurity && form->relforcerowsecurity)
		cext_problem_add(source, ERRCODE_FEATURE_NOT_SUPPORTED, false,
						 "Its row-level security binds its owner, as whom it is read.",
						 "Use ALTER TABLE ... NO FORCE ROW LEVEL SECURITY.");
	ReleaseSysCache(tuple);
}

/*
 * Check that equality of a key column is equality of canonical text.
 */
static void
check_key(CextSource *source, int i)
{
	CextColumn *column = &source->columns[i];

	if (column->attnum == InvalidAttrNumber || column->name == NULL ||
		source->problem.reason != NULL || column->type.kind != CEXT_TYPE_OTHER)
		return;
	if (column->type.oid == TEXTOID || column->type.oid == VARCHAROID ||
		column->type.oid == BPCHAROID)
		cext_problem_add(source, ERRCODE_DATATYPE_MISMATCH, false,
						 psprintf("Column \"%s\" has a nondeterministic collation, by which different texts are equal.",
								  column->name),
						 "Use a deterministic collation.");
	cext_problem_add(source, ERRCODE_DATATYPE_MISMATCH, false,
					 psprintf("Column \"%s\" has type %s, of which equal values need not have the same text.",
							  column->name, format_type_be(column->type.oid)),
					 "Key columns have type text, varchar, bpchar, name, uuid, an integer, an enum, or a domain over one of them.");
}

/*
 * Check that a column that is no key has a type that the merge can use.
 */
static void
check_value(CextSource *source, int i)
{
	CextColumn *column = &source->columns[i];
	Oid			type = column->type.oid;

	if (column->attnum == InvalidAttrNumber || column->name == NULL)
		return;
	if (source->role == CEXT_ROLE_FRAGMENTS && type != JSONBOID && type != JSONOID)
		cext_problem_add(source, ERRCODE_DATATYPE_MISMATCH, false,
						 psprintf("Column \"%s\" has type %s, and a document has type jsonb or json.",
								  column->name, format_type_be(type)),
						 "Choose another column, or change its type.");
	if (source->role == CEXT_ROLE_POLICIES && !CEXT_TYPE_IS_INTEGER(column->type.kind))
		cext_problem_add(source, ERRCODE_DATATYPE_MISMATCH, false,
						 psprintf("Column \"%s\" has type %s, and a rank is an integer.",
								  column->name, format_type_be(type)),
						 "Choose another column, or change its type.");
}

/*
 * Tuples that triggers get have no values of virtual columns.
 */
static void
check_stored(CextSource *source, int i)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(source->relid),
										Int16GetDatum(source->columns[i].attnum));

	if (!HeapTupleIsValid(tuple))
		return;
	if (CextIsVirtual((Form_pg_attribute) GETSTRUCT(tuple)))
		cext_problem_add(source, ERRCODE_FEATURE_NOT_SUPPORTED, false,
						 psprintf("Column \"%s\" is a virtual generated column.",
								  source->columns[i].name),
						 "Make it STORED.");
	ReleaseSysCache(tuple);
}

/*
 * Can the table, which is described, be a source?  Adds a problem if not.
 */
void
cext_check_table(CextSource *source)
{
	check_relation(source);
	if (source->role == CEXT_ROLE_ATTACHED ||
		source->role == CEXT_ROLE_SCOPE_TYPES ||
		source->role == CEXT_ROLE_DEFINITIONS)
		return;
	for (int i = 0; i < CEXT_SOURCE_COLUMNS; i++)
	{
		if ((source->role == CEXT_ROLE_FRAGMENTS && i == CEXT_COL_FRAGMENT_CONFIG) ||
			(source->role == CEXT_ROLE_POLICIES && i == CEXT_COL_POLICY_RANK))
			check_value(source, i);
		else
			check_key(source, i);
		check_stored(source, i);
	}
}

/*
 * The OID of a trigger function, or InvalidOid if it is not what we made it.
 */
static Oid
trigger_function(const WantedTrigger *wanted)
{
	Oid			schema = get_namespace_oid(CEXT_SCHEMA, true);
	oidvector  *noargs = buildoidvector(NULL, 0);
	Oid			result = InvalidOid;
	HeapTuple	tuple;
	Form_pg_proc form;
	Datum		symbol;
	bool		isnull;

	tuple = SearchSysCache3(PROCNAMEARGSNSP, CStringGetDatum(wanted->function),
							PointerGetDatum(noargs), ObjectIdGetDatum(schema));
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	symbol = SysCacheGetAttr(PROCNAMEARGSNSP, tuple, Anum_pg_proc_prosrc, &isnull);
	if (form->prolang == ClanguageId && !isnull &&
		strcmp(TextDatumGetCString(symbol), wanted->symbol) == 0)
		result = form->oid;
	ReleaseSysCache(tuple);
	return result;
}

/*
 * What is wrong with a trigger that a relation should have, or NULL.
 */
static const char *
trigger_fault(Relation rel, const WantedTrigger *wanted)
{
	Oid			function = trigger_function(wanted);

	if (!OidIsValid(function))
		return "has a trigger function that was replaced";
	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *trigger = &rel->trigdesc->triggers[i];

		if (trigger->tgfoid != function || trigger->tgtype != wanted->type ||
			trigger->tgqual != NULL || trigger->tgnattr != 0)
			continue;
		if (trigger->tgenabled == TRIGGER_DISABLED)
			return "has a trigger of cache_ext's that is disabled";
		if (trigger->tgenabled != TRIGGER_FIRES_ALWAYS)
			return "has a trigger of cache_ext's that is not enabled ALWAYS";
		return NULL;
	}
	return "lacks a trigger of cache_ext's";
}

static void
check_triggers_of(CextSource *source, Oid relid, bool partitioned)
{
	Relation	rel = RelationIdGetRelation(relid);
	const char *fault = "was dropped";
	const char *hint;

	if (RelationIsValid(rel))
	{
		/* A partition can be one, whatever its parent is. */
		fault = rel->rd_rel->relkind == RELKIND_FOREIGN_TABLE ?
			"is a foreign table, of which changes elsewhere would go unnoticed" :
			trigger_fault(rel, &row_trigger);
		if (fault == NULL)
			fault = trigger_fault(rel, partitioned ? &before_row_trigger :
								  &statement_trigger);
		RelationClose(rel);
	}
	if (fault == NULL)
		return;
	hint = source->attached ? "Attach the table again, which mends its triggers." :
		"Use ALTER TABLE ... ENABLE ALWAYS TRIGGER, or create the extension anew.";
	cext_problem_add(source, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, false,
					 relid == source->relid ?
					 psprintf("The table %s.", fault) :
					 psprintf("Partition \"%s\" %s.", get_rel_name(relid), fault),
					 hint);
}

/*
 * Has the table, and all its partitions, the triggers that it needs, enabled
 * whatever session_replication_role is, for all events, and without a
 * condition?  Adds a problem if not.  Returns the OIDs of all of them.
 */
List *
cext_check_triggers(CextSource *source)
{
	bool		partitioned = source->relkind == RELKIND_PARTITIONED_TABLE;
	List	   *relids = list_make1_oid(source->relid);
	ListCell   *cell;

	if (partitioned)
		relids = find_all_inheritors(source->relid, NoLock, NULL);
	foreach(cell, relids)
		check_triggers_of(source, lfirst_oid(cell), partitioned);
	return relids;
}

/*
 * Does the index lead to few rows, given the key columns that a fill knows, of
 * which `must` has to be among those that it starts with?
 */
static bool
index_leads(const CextSource *source, Oid index, int nkeys, int must)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	Form_pg_index form;
	bool		leads = false;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_index) GETSTRUCT(tuple);
	if (form->indisvalid && heap_attisnull(tuple, Anum_pg_index_indpred, NULL))
	{
		for (int i = 0; i < form->indnkeyatts && !leads; i++)
		{
			AttrNumber	attnum = form->indkey.values[i];
			int			k = 0;

			while (k < nkeys && source->columns[k].attnum != attnum)
				k++;
			if (k == nkeys)
				break;
			leads = (k == must);
		}
	}
	ReleaseSysCache(tuple);
	return leads;
}

/*
 * Say, as a NOTICE, if a fill will have to scan the table, which is described
 * and locked.
 */
void
cext_check_index(const CextSource *source)
{
	Relation	rel;
	bool		found = false;
	List	   *indexes;
	ListCell   *cell;
	bool		fragments = source->role == CEXT_ROLE_FRAGMENTS;
	int			nkeys = fragments ? CEXT_COL_FRAGMENT_NAME + 1 : CEXT_COL_KEY + 1;
	int			must = fragments ? CEXT_COL_FRAGMENT_ID : CEXT_COL_KEY;
	StringInfoData columns;

	rel = RelationIdGetRelation(source->relid);
	indexes = RelationGetIndexList(rel);
	foreach(cell, indexes)
		found |= index_leads(source, lfirst_oid(cell), nkeys, must);
	RelationClose(rel);
	if (found)
		return;

	initStringInfo(&columns);
	appendStringInfoString(&columns, quote_identifier(source->columns[must].name));
	for (int i = 0; i < nkeys; i++)
	{
		if (i != must)
			appendStringInfo(&columns, ", %s", quote_identifier(source->columns[i].name));
	}
	ereport(NOTICE,
			(errmsg("a miss has to scan table %s, which has no index for it",
					source->relname),
			 errhint("CREATE INDEX ON %s (%s);", source->relname, columns.data)));
}
