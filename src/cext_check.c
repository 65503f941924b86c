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
 * What keeps a source from being read without running code of its owner, or from
 * being read by its owner at all, makes it unreadable: an error that says what to
 * do.  All else only suspends it: it is read and not cached.
 *
 * Locks: the table must be locked by the caller.  Partitions are locked while
 * they are looked at.  What is found holds for as long as cext_source.c says.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "cext_check.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
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
 * May the owner read what is read?  As the executor would check it for a query of
 * the owner's.
 */
static void
check_privileges(CextSource *source, Form_pg_class form)
{
	const char *owner = GetUserNameFromId(form->relowner, true);
	bool		may = pg_class_aclcheck(source->relid, form->relowner, ACL_SELECT) == ACLCHECK_OK;

	if (!CextMayUseSchema(form->relnamespace, form->relowner))
		cext_problem_add(source, ERRCODE_INSUFFICIENT_PRIVILEGE, true,
						 psprintf("Its owner, role \"%s\", has no USAGE on its schema, and it is read as its owner.",
								  owner),
						 "Grant it to the owner.");
	for (int i = 0; i < CEXT_SOURCE_COLUMNS && !may; i++)
	{
		if (source->columns[i].attnum != InvalidAttrNumber && source->columns[i].name != NULL &&
			pg_attribute_aclcheck(source->relid, source->columns[i].attnum, form->relowner,
								  ACL_SELECT) != ACLCHECK_OK)
			cext_problem_add(source, ERRCODE_INSUFFICIENT_PRIVILEGE, true,
							 psprintf("Its owner, role \"%s\", may not SELECT column \"%s\", and it is read as its owner.",
									  owner, source->columns[i].name),
							 "Grant SELECT to the owner.");
	}
	/* Of an owner who bypasses it, a superuser, nobody knows for how long. */
	if (form->relrowsecurity && form->relforcerowsecurity)
		cext_problem_add(source, ERRCODE_FEATURE_NOT_SUPPORTED,
						 !has_bypassrls_privilege(form->relowner),
						 "Its row-level security binds its owner, as whom it is read.",
						 "Use ALTER TABLE ... NO FORCE ROW LEVEL SECURITY.");
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
		cext_problem_add(source, ERRCODE_WRONG_OBJECT_TYPE, true, kind,
						 "Attach a table.");
	if (form->relpersistence == RELPERSISTENCE_TEMP)
		cext_problem_add(source, ERRCODE_FEATURE_NOT_SUPPORTED, true,
						 "It is a temporary table, which other sessions cannot read.",
						 "Attach a permanent table.");
	if (form->relispartition)
		cext_problem_add(source, ERRCODE_FEATURE_NOT_SUPPORTED, false,
						 "It is a partition, which can be written by way of its parent.",
						 "Attach the partitioned table.");
	else if (has_superclass(source->relid))
		cext_problem_add(source, ERRCODE_FEATURE_NOT_SUPPORTED, false,
						 "It inherits from another table, by way of which it can be written unnoticed.",
						 "Use ALTER TABLE ... NO INHERIT, or a partitioned table.");
	check_privileges(source, form);
	ReleaseSysCache(tuple);
}

/*
 * A type that is not the one that a column should have.
 */
static void
add_type_problem(CextSource *source, int i, bool unreadable, const char *wanted)
{
	cext_problem_add(source, ERRCODE_DATATYPE_MISMATCH, unreadable,
					 psprintf("Column \"%s\" has type %s, and has to have type %s.",
							  source->columns[i].name,
							  format_type_be(source->columns[i].type.oid), wanted),
					 "Choose another column, or change its type.");
}

/*
 * Check that equality of a key column is equality of canonical text.
 */
static void
check_key(CextSource *source, int i)
{
	CextColumn *column = &source->columns[i];

	if (column->type.kind != CEXT_TYPE_OTHER)
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
 * Is it an array of the extension's regcolumn?
 */
static bool
is_regcolumn_array(Oid array)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(get_element_type(array)));
	Form_pg_type form;
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_type) GETSTRUCT(tuple);
	result = form->typnamespace == get_namespace_oid(CEXT_SCHEMA, true) &&
		form->typtype == TYPTYPE_BASE && strcmp(NameStr(form->typname), "regcolumn") == 0;
	ReleaseSysCache(tuple);
	return result;
}

/*
 * Check that a column's type is one that can be used for what the column is.
 */
static void
check_column(CextSource *source, int i)
{
	CextType	type = source->columns[i].type;

	switch (cext_column_want(source->role, i))
	{
		case CEXT_WANT_KEY:
			check_key(source, i);
			break;
		case CEXT_WANT_TEXT:
			if (!CEXT_TYPE_IS_STRING(type.kind))
				add_type_problem(source, i, false, "text");
			break;
		case CEXT_WANT_INTEGER:
			if (!CEXT_TYPE_IS_INTEGER(type.kind))
				add_type_problem(source, i, false, "integer");
			break;
		case CEXT_WANT_DOCUMENT:
			if (type.oid != JSONBOID && type.oid != JSONOID)
				add_type_problem(source, i, false, "jsonb or json");
			break;
		case CEXT_WANT_INTERVAL:
			if (type.oid != INTERVALOID)
				add_type_problem(source, i, true, "interval");
			break;
		case CEXT_WANT_RELATION:
			if (type.oid != REGCLASSOID && type.oid != OIDOID)
				add_type_problem(source, i, true, "regclass");
			break;
		case CEXT_WANT_COLUMNS:
			if (!is_regcolumn_array(type.oid))
				add_type_problem(source, i, true, "cache_ext.regcolumn[]");
			break;
	}
}

/*
 * A virtual column has no value in a row: computing it would run its expression.
 */
static void
check_stored(CextSource *source, int i)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(source->relid),
										Int16GetDatum(source->columns[i].attnum));

	if (!HeapTupleIsValid(tuple))
		return;
	if (CextIsVirtual((Form_pg_attribute) GETSTRUCT(tuple)))
		cext_problem_add(source, ERRCODE_FEATURE_NOT_SUPPORTED, true,
						 psprintf("Column \"%s\" is a virtual generated column.",
								  source->columns[i].name),
						 "Make it STORED.");
	ReleaseSysCache(tuple);
}

/*
 * The id of public fragments was a value of its column when the table was
 * attached.
 */
static void
check_public_id(CextSource *source)
{
	const CextColumn *column = &source->columns[CEXT_COL_FRAGMENT_ID];
	Datum		value;

	if (source->role == CEXT_ROLE_FRAGMENTS && source->public_id.data != NULL &&
		column->name != NULL &&
		!cext_type_datum(column->type, source->public_id, &value))
		cext_problem_add(source, ERRCODE_DATATYPE_MISMATCH, false,
						 psprintf("The public_id \"%s\" is no value of type %s, which column \"%s\" has.",
								  source->public_id.data, format_type_be(column->type.oid),
								  column->name),
						 "Attach the table again, with another public_id.");
}

/*
 * Can the table, which is described, be a source?  Adds a problem if not.
 */
void
cext_check_table(CextSource *source)
{
	check_relation(source);
	for (int i = 0; i < CEXT_SOURCE_COLUMNS; i++)
	{
		/* What has no type has been reported. */
		if (source->columns[i].attnum == InvalidAttrNumber ||
			!OidIsValid(source->columns[i].type.oid))
			continue;
		check_column(source, i);
		check_stored(source, i);
	}
	check_public_id(source);
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

/*
 * Check a relation that is locked, the source or a partition.
 */
static void
check_triggers_of(CextSource *source, Relation rel, bool partitioned)
{
	const char *fault = trigger_fault(rel, &row_trigger);
	const char *hint;

	/* A partition can be one, whatever its parent is. */
	if (rel->rd_rel->relkind == RELKIND_FOREIGN_TABLE)
		cext_problem_add(source, ERRCODE_WRONG_OBJECT_TYPE, true,
						 psprintf("Partition \"%s\" is a foreign table, of which changes elsewhere would go unnoticed.",
								  RelationGetRelationName(rel)),
						 "Detach the partition.");
	if (fault == NULL)
		fault = trigger_fault(rel, partitioned ? &before_row_trigger : &statement_trigger);
	if (fault == NULL)
		return;
	hint = source->attached ? "Attach the table again, which mends its triggers." :
		"Use ALTER TABLE ... ENABLE ALWAYS TRIGGER, or create the extension anew.";
	cext_problem_add(source, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, false,
					 RelationGetRelid(rel) == source->relid ?
					 psprintf("The table %s.", fault) :
					 psprintf("Partition \"%s\" %s.", RelationGetRelationName(rel), fault),
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
	{
		Relation	rel = try_relation_open(lfirst_oid(cell), AccessShareLock);

		/* Whoever drops a partition has us look again. */
		if (rel == NULL)
		{
			if (lfirst_oid(cell) == source->relid)
				cext_problem_add(source, ERRCODE_UNDEFINED_TABLE, true,
								 "The table was dropped.",
								 "Attach another, or call cache_ext.detach with its number.");
			continue;
		}
		check_triggers_of(source, rel, partitioned);
		relation_close(rel, AccessShareLock);
	}
	return relids;
}

/*
 * Describe a source, and check all there is to check.  Returns the OIDs of its
 * relations.  Locks the table for as long as that takes.
 */
List *
cext_check_source(CextSource *source)
{
	List	   *relids = list_make1_oid(source->relid);

	if (!OidIsValid(source->relid))
		return NIL;
	LockRelationOid(source->relid, AccessShareLock);
	if (cext_mapping_describe(source))
	{
		cext_check_table(source);
		relids = cext_check_triggers(source);
	}
	UnlockRelationOid(source->relid, AccessShareLock);
	return relids;
}
