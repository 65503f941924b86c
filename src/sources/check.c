/*-------------------------------------------------------------------------
 *
 * sources/check.c
 *	  Whether a table can be a source, and whether its triggers are whole.
 *
 * The same checks refuse a table that is to be attached and suspend a source
 * that has become what would have been refused.  Each finding is a problem of
 * the source (sources/mapping.h): a reason and a hint.
 *
 * Which triggers of a table fire for a write depends on how the write reaches the
 * table.  A plain table has a trigger for rows, and one for statements that runs
 * before the first row is written and at TRUNCATE.  A partition's rows can come by
 * way of its parent.  The partition's statement triggers do not fire then, and those
 * of the parent are not copied to new partitions.  So a partitioned table has a
 * second trigger for rows instead, BEFORE, and its TRUNCATE is noticed by the
 * storage that it changes (sources/concern.c).
 *
 * What keeps a source from being read without running code of its owner, or from
 * being read by its owner at all, makes it unreadable: an error that says what to
 * do.  All else only suspends it: it is read and not cached.
 *
 * Locks: none, since a hit must not wait for one.  The catalogs are asked row by
 * row.  A row can be missing because it is being dropped at this moment.  That is
 * no error: what is found then turns out to be out of date (sources/source.c).
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "sources/check.h"

#include "sources/catalog.h"
#include "sources/extension.h"
#include "sources/partition.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#define ROW_EVENTS	(TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE)

static const CextTrigger row_trigger =
{"cache_ext_row", "source_row", "cache_ext_source_row", TRIGGER_TYPE_ROW | TRIGGER_TYPE_AFTER | ROW_EVENTS};

static const CextTrigger statement_trigger =
{"cache_ext_statement", "source_statement", "cache_ext_source_statement",
TRIGGER_TYPE_STATEMENT | TRIGGER_TYPE_BEFORE | ROW_EVENTS | TRIGGER_TYPE_TRUNCATE};

static const CextTrigger before_row_trigger =
{"cache_ext_before_row", "source_before_row", "cache_ext_source_before_row",
TRIGGER_TYPE_ROW | TRIGGER_TYPE_BEFORE | ROW_EVENTS};

/*
 * A type's name, for a reason.
 */
static char *
type_name(Oid type)
{
	return format_type_extended(type, -1, FORMAT_TYPE_ALLOW_INVALID);
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
	bool		missing = false;
	bool		may = pg_class_aclcheck_ext(source->relid, form->relowner, ACL_SELECT,
											&missing) == ACLCHECK_OK;

	if (owner == NULL || missing)
		return;					/* it is being dropped */
	if (!CextMayUseSchema(form->relnamespace, form->relowner))
		cext_problem_add(source, ERRCODE_INSUFFICIENT_PRIVILEGE, true,
						 psprintf("Its owner, role \"%s\", has no USAGE on its schema, and it is read as its owner.",
								  owner),
						 "Grant it to the owner.");
	for (int i = 0; i < CEXT_SOURCE_COLUMNS && !may; i++)
	{
		if (source->columns[i].attnum != InvalidAttrNumber && source->columns[i].name != NULL &&
			pg_attribute_aclcheck_ext(source->relid, source->columns[i].attnum, form->relowner,
									  ACL_SELECT, &missing) != ACLCHECK_OK && !missing)
			cext_problem_add(source, ERRCODE_INSUFFICIENT_PRIVILEGE, true,
							 psprintf("Its owner, role \"%s\", may not SELECT column \"%s\", and it is read as its owner.",
									  owner, source->columns[i].name),
							 "Grant SELECT to the owner.");
	}
	/* An owner that bypasses it, like a superuser, may not do so for ever. */
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
							  type_name(source->columns[i].type.oid), wanted),
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
							  column->name, type_name(column->type.oid)),
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
	result = form->typnamespace == cext_extension_schema() &&
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

	switch (source->part->columns[i].want)
	{
		case CEXT_WANT_KEY:
		case CEXT_WANT_KEYS:
			check_key(source, i);
			break;
		case CEXT_WANT_TEXT:
			if (!CEXT_TYPE_IS_STRING(type.kind))
				add_type_problem(source, i, false, "text");
			break;
		case CEXT_WANT_INTEGER:
			if (!CEXT_TYPE_IS_INTEGER(type.kind))
				add_type_problem(source, i, true, "smallint, integer or bigint");
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
 * What stands in for null was a value of its column when the table was attached.
 */
static void
check_stand_in(CextSource *source)
{
	const CextColumn *column = &source->columns[source->part->nullable];
	Datum		value;

	if (source->stand_in.data != NULL && column->name != NULL &&
		!cext_type_datum(column->type, source->stand_in, &value))
		cext_problem_add(source, ERRCODE_DATATYPE_MISMATCH, false,
						 psprintf("The %s \"%s\" is no value of type %s, which column \"%s\" has.",
								  source->part->stand_in, source->stand_in.data,
								  type_name(column->type.oid), column->name),
						 psprintf("Attach the table again, with another %s.",
								  source->part->stand_in));
}

/*
 * Making triggers on a partitioned table, which we do as the extension's owner,
 * has PostgreSQL look at the partition keys, and so run their expressions' code.
 */
static void
check_partition_keys(CextSource *source)
{
	bool		detaching;
	List	   *relids = cext_partition_tree(source->relid, &detaching);
	ListCell   *cell;

	foreach(cell, relids)
	{
		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_PARTITIONED_TABLE &&
			cext_partition_has_expressions(lfirst_oid(cell)))
			cext_problem_add(source, ERRCODE_FEATURE_NOT_SUPPORTED, false,
							 "Its partition key, or that of a partition, has an expression, which can run code of its owner's.",
							 "Partition the table by columns.");
	}
}

/*
 * Can the table, which is described, be a source?  Adds a problem if not.
 */
void
cext_check_table(CextSource *source)
{
	check_relation(source);
	check_partition_keys(source);
	for (int i = 0; i < CEXT_SOURCE_COLUMNS; i++)
	{
		/* What has no type has been reported. */
		if (source->columns[i].attnum == InvalidAttrNumber ||
			!OidIsValid(source->columns[i].type.oid))
			continue;
		check_column(source, i);
		check_stored(source, i);
	}
	check_stand_in(source);
}

/*
 * The OID of a trigger function, or InvalidOid if it is not what we made it.
 */
Oid
cext_trigger_function(const CextTrigger *wanted)
{
	Oid			schema = cext_extension_schema();
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
 * The triggers that each relation of a source needs, CEXT_NUM_TRIGGERS of them.
 */
const CextTrigger *const *
cext_triggers_of(bool partitioned)
{
	static const CextTrigger *const of_table[] = {&row_trigger, &statement_trigger};
	static const CextTrigger *const of_partitioned[] = {&row_trigger, &before_row_trigger};

	return partitioned ? of_partitioned : of_table;
}

/* What can be wrong with the triggers of a table, and of a partition. */
typedef struct TriggerFault
{
	const char *of_table;
	const char *of_partition;
} TriggerFault;

static const TriggerFault is_missing = {
	"The table lacks a trigger of cache_ext's.",
	"Partition \"%s\" lacks a trigger of cache_ext's."
};
static const TriggerFault is_replaced = {
	"The table has a trigger function that was replaced.",
	"Partition \"%s\" has a trigger function that was replaced."
};
static const TriggerFault is_disabled = {
	"The table has a trigger of cache_ext's that is disabled.",
	"Partition \"%s\" has a trigger of cache_ext's that is disabled."
};
static const TriggerFault is_not_always = {
	"The table has a trigger of cache_ext's that is not enabled ALWAYS.",
	"Partition \"%s\" has a trigger of cache_ext's that is not enabled ALWAYS."
};

/*
 * What is wrong with a trigger that is the one wanted, or NULL.
 */
static const TriggerFault *
state_fault(char enabled)
{
	if (enabled == TRIGGER_DISABLED)
		return &is_disabled;
	return enabled == TRIGGER_FIRES_ALWAYS ? NULL : &is_not_always;
}

/*
 * What is wrong with the triggers that a relation should have, the first thing, or
 * NULL.
 */
static const TriggerFault *
triggers_fault(Oid relid, const CextTrigger *const *wanted)
{
	const TriggerFault *faults[CEXT_NUM_TRIGGERS];
	Oid			functions[CEXT_NUM_TRIGGERS];
	List	   *rows = cext_catalog_rows(&cext_rows_triggers, ObjectIdGetDatum(relid), NULL);
	ListCell   *cell;

	for (int i = 0; i < CEXT_NUM_TRIGGERS; i++)
	{
		functions[i] = cext_trigger_function(wanted[i]);
		faults[i] = OidIsValid(functions[i]) ? &is_missing : &is_replaced;
	}
	foreach(cell, rows)
	{
		HeapTuple	tuple = lfirst(cell);
		Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);

		for (int i = 0; i < CEXT_NUM_TRIGGERS; i++)
		{
			if (OidIsValid(functions[i]) && trigger->tgfoid == functions[i] &&
				trigger->tgtype == wanted[i]->type && trigger->tgattr.dim1 == 0 &&
				!trigger->tgdeferrable &&
				heap_attisnull(tuple, Anum_pg_trigger_tgqual, NULL))
				faults[i] = state_fault(trigger->tgenabled);
		}
	}
	list_free_deep(rows);
	return faults[0] != NULL ? faults[0] : faults[1];
}

static void
check_triggers_of(CextSource *source, Oid relid, bool partitioned)
{
	const TriggerFault *fault = triggers_fault(relid, cext_triggers_of(partitioned));
	char	   *name;

	/* A partition can be one, whatever its parent is. */
	if (get_rel_relkind(relid) == RELKIND_FOREIGN_TABLE)
		cext_problem_add(source, ERRCODE_WRONG_OBJECT_TYPE, true,
						 psprintf("Partition \"%s\" is a foreign table, of which changes elsewhere would go unnoticed.",
								  get_rel_name(relid)),
						 "Detach the partition.");
	/* The transaction that drops a partition will make us look again. */
	name = get_rel_name(relid);
	if (fault == NULL || name == NULL)
		return;
	cext_problem_add(source, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, false,
					 relid == source->relid ? fault->of_table : psprintf(fault->of_partition, name),
					 source->attached ? "Attach the table again, which mends its triggers." :
					 "Use ALTER TABLE ... ENABLE ALWAYS TRIGGER, or create the extension anew.");
}

/*
 * Do the table and all its partitions have the triggers that they need: enabled
 * whatever session_replication_role is, for all events, without a condition, and
 * not deferrable?  Adds a problem if not.  Returns the OIDs of these relations.
 */
List *
cext_check_triggers(CextSource *source)
{
	bool		partitioned = source->relkind == RELKIND_PARTITIONED_TABLE;
	bool		detaching;
	List	   *relids = cext_partition_tree(source->relid, &detaching);
	ListCell   *cell;

	/* Which snapshots have its rows is for PostgreSQL to say, read by read. */
	if (detaching)
		cext_problem_add(source, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, false,
						 "A partition is being detached concurrently.",
						 "Wait for its end; if it was cancelled, use ALTER TABLE ... DETACH PARTITION ... FINALIZE.");
	foreach(cell, relids)
		check_triggers_of(source, lfirst_oid(cell), partitioned);
	return relids;
}

/*
 * Describe a source, and check all there is to check.  Returns the OIDs of its
 * relations.
 */
List *
cext_check_source(CextSource *source)
{
	if (!OidIsValid(source->relid))
		return NIL;
	if (!cext_mapping_describe(source))
		return list_make1_oid(source->relid);
	cext_check_table(source);
	return cext_check_triggers(source);
}
