/*-------------------------------------------------------------------------
 *
 * sources/mapping.c
 *	  Which table plays which role, and with which columns.
 *
 * The extension's own tables play all roles, but for the lookup of domains,
 * until an application's table is attached in their place: a row of
 * cache_ext.attached.  That table is read under the caller's snapshot like the
 * data, and its triggers invalidate everything, so that attaching a table is a
 * write like any other to those who read.
 *
 * Where fragments are attached and policies are not, nothing plays the policies'
 * role, and every scope type contributes at its default rank.
 *
 * Tables and columns are known by number.  sources/source.c says how what was found
 * out about them is known to hold.
 *
 * Locks: none on a table that is described; see sources/check.c.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "sources/mapping.h"

#include "sources/extension.h"
#include "sources/reader.h"
#include "sources/regcolumn.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

static const struct
{
	const char *name;
	const char *relname;		/* of the extension's own table */
	int			nown;			/* of the columns, those that it has */
	const char *columns[CEXT_SOURCE_COLUMNS];
	CextWant	wants[CEXT_SOURCE_COLUMNS];
}			role_info[CEXT_NUM_ROLES] =
{
	[CEXT_ROLE_ATTACHED] = {"attached", "attached", 4,
		{"role", "relation", "columns", "public_id"},
	{CEXT_WANT_TEXT, CEXT_WANT_RELATION, CEXT_WANT_COLUMNS, CEXT_WANT_TEXT}},
	[CEXT_ROLE_SCOPE_TYPES] = {"scope_types", "scope_types", 3,
		{"scope_type", "keyed_by", "default_rank"},
	{CEXT_WANT_KEY, CEXT_WANT_TEXT, CEXT_WANT_INTEGER}},
	[CEXT_ROLE_DEFINITIONS] = {"definitions", "config_definitions", 3,
		{"config_name", "merge_strategy", "ttl"},
	{CEXT_WANT_KEY, CEXT_WANT_TEXT, CEXT_WANT_INTERVAL}},
	[CEXT_ROLE_POLICIES] = {"policies", "config_policies", 3,
		{"config_name", "scope_type", "rank", "scope_sources"},
	{CEXT_WANT_KEY, CEXT_WANT_KEY, CEXT_WANT_INTEGER, CEXT_WANT_KEY}},
	[CEXT_ROLE_FRAGMENTS] = {"fragments", "config_fragments", 4,
		{"scope_type", "scope_id", "config_name", "config"},
	{CEXT_WANT_KEY, CEXT_WANT_KEY, CEXT_WANT_KEY, CEXT_WANT_DOCUMENT}},
	[CEXT_ROLE_USERS] = {"users", "users", 2,
		{"user_id", "domain_id"},
	{CEXT_WANT_KEY, CEXT_WANT_KEY}},
	[CEXT_ROLE_DOMAINS] = {"domains", NULL, 0,
		{"domain_key", "domain_value"},
	{CEXT_WANT_KEY, CEXT_WANT_KEY}},
};

/*
 * The name of a role.
 */
const char *
cext_role_name(CextRole role)
{
	return role_info[role].name;
}

/*
 * The name of a column of a role, NULL if it has fewer.
 */
const char *
cext_column_name(CextRole role, int column)
{
	return role_info[role].columns[column];
}

/*
 * What a column of a role has to be.
 */
CextWant
cext_column_want(CextRole role, int column)
{
	return role_info[role].wants[column];
}

/*
 * Remember a problem, of several the first, but one that keeps the source from
 * being read before others.  The strings must live as long as the source.
 */
void
cext_problem_add(CextSource *source, int sqlerrcode, bool unreadable,
				 const char *reason, const char *hint)
{
	if (source->problem.reason != NULL &&
		(source->problem.unreadable || !unreadable))
		return;
	source->problem.sqlerrcode = sqlerrcode;
	source->problem.unreadable = unreadable;
	source->problem.reason = reason;
	source->problem.hint = hint;
}

/*
 * Must a source that is attached have the column?
 */
static bool
is_required(const CextSource *source, int i)
{
	switch (source->role)
	{
		case CEXT_ROLE_POLICIES:
			return i == CEXT_COL_KEY ||
				(i == CEXT_COL_POLICY_SCOPE &&
				 source->columns[CEXT_COL_POLICY_CHAIN].attnum == InvalidAttrNumber);
		case CEXT_ROLE_FRAGMENTS:
			return true;
		default:
			return i <= CEXT_COL_VALUE;
	}
}

/*
 * Look a column up: by name in our own table, else by number.
 */
static void
describe_column(CextSource *source, int i)
{
	CextColumn *column = &source->columns[i];
	const char *what = role_info[source->role].columns[i];
	HeapTuple	tuple;
	Oid			type;
	Oid			collation;

	if (!source->attached)
	{
		if (i >= role_info[source->role].nown)
			return;
		column->attnum = get_attnum(source->relid, what);
		column->name = column->attnum == InvalidAttrNumber ? NULL : what;
	}
	else if (column->attnum == InvalidAttrNumber)
	{
		if (is_required(source, i))
			cext_problem_add(source, ERRCODE_UNDEFINED_COLUMN, true,
							 psprintf("It is attached without a column that is its %s.", what),
							 "Attach the table anew.");
		return;
	}
	else
		column->name = cext_regcolumn_name(source->relid, column->attnum);
	if (column->attnum < 0)
		column->name = NULL;

	if (column->name == NULL)
	{
		cext_problem_add(source, ERRCODE_UNDEFINED_COLUMN, true,
						 psprintf(source->attached ? "The column that is its %s was dropped." :
								  "Column \"%s\" is missing.", what),
						 source->attached ? "Attach the table anew with another column, or detach it." :
						 "Rename the column back, or create the extension anew.");
		return;
	}
	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(source->relid),
							Int16GetDatum(column->attnum));
	if (!HeapTupleIsValid(tuple))
		return;					/* it is being dropped */
	type = ((Form_pg_attribute) GETSTRUCT(tuple))->atttypid;
	collation = ((Form_pg_attribute) GETSTRUCT(tuple))->attcollation;
	ReleaseSysCache(tuple);
	if (source->role == CEXT_ROLE_POLICIES && i == CEXT_COL_POLICY_CHAIN)
	{
		if (!OidIsValid(get_base_element_type(type)))
		{
			cext_problem_add(source, ERRCODE_DATATYPE_MISMATCH, true,
							 psprintf("Column \"%s\" is not an array.", column->name),
							 "Attach the table anew, with an array of scope types or with a row for each.");
			return;
		}
		type = get_base_element_type(type);
	}
	column->type = cext_type_of(type, collation);
}

/*
 * Complete a source, of which the role and, if it is attached, the numbers are
 * known, from the catalogs, in the current context.  Does not throw but
 * for want of memory; what is wrong is the source's problem.  False if there is no such table.
 */
bool
cext_mapping_describe(CextSource *source)
{
	HeapTuple	tuple;
	Form_pg_class form;
	char	   *schema;

	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(source->relid));
	if (!HeapTupleIsValid(tuple))
	{
		source->relname = psprintf("%u", source->relid);
		cext_problem_add(source, ERRCODE_UNDEFINED_TABLE, true,
						 "The table was dropped.",
						 "Attach another, or call cache_ext.detach with its number.");
		return false;
	}
	form = (Form_pg_class) GETSTRUCT(tuple);
	source->relkind = form->relkind;
	source->owner = form->relowner;
	schema = get_namespace_name(form->relnamespace);
	source->relname = schema == NULL ? pstrdup(NameStr(form->relname)) :
		quote_qualified_identifier(schema, NameStr(form->relname));
	ReleaseSysCache(tuple);

	for (int i = 0; i < CEXT_SOURCE_COLUMNS; i++)
		describe_column(source, i);
	return true;
}

/*
 * The extension's own tables, not described: fills an array of CEXT_NUM_ROLES.
 */
void
cext_mapping_own(CextSource *sources)
{
	Oid			schema = cext_extension_schema();

	for (int i = 0; i < CEXT_NUM_ROLES; i++)
	{
		const char *relname = role_info[i].relname;

		sources[i] = (CextSource) {.role = i};
		if (relname != NULL)
			sources[i].relid = get_relname_relid(relname, schema);
		if (relname != NULL && !OidIsValid(sources[i].relid))
		{
			sources[i].relname = psprintf("%s.%s", CEXT_SCHEMA, relname);
			cext_problem_add(&sources[i], ERRCODE_UNDEFINED_TABLE, true,
							 "The table is missing.",
							 "Create the extension anew, or rename the table back.");
		}
	}
}

/*
 * The role of a name; false if there is none.
 */
static bool
role_by_name(CextString name, CextRole *role)
{
	for (int i = 0; i < CEXT_NUM_ROLES; i++)
	{
		if (name.data != NULL && cext_string_equals(name, cext_string(role_info[i].name)))
		{
			*role = i;
			return true;
		}
	}
	return false;
}

static void
load_columns(CextSource *source, ArrayType *array)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, ARR_ELEMTYPE(array), sizeof(CextRegcolumn), false,
					  TYPALIGN_INT, &elements, &nulls, &n);
	for (int i = 0; i < Min(n, CEXT_SOURCE_COLUMNS); i++)
	{
		CextRegcolumn *column = (CextRegcolumn *) DatumGetPointer(elements[i]);

		if (!nulls[i] && column->relid == source->relid)
			source->columns[i].attnum = column->attnum;
	}
}

/* What rows of cache_ext.attached are read into. */
typedef struct Attached
{
	CextSource *sources;
	MemoryContext context;
} Attached;

/*
 * A row of cache_ext.attached, whose constraints may be gone.
 */
static bool
attached_row(void *arg, TupleTableSlot *row, const AttrNumber *attnums)
{
	Attached   *attached = arg;
	const CextColumn *columns = attached->sources[CEXT_ROLE_ATTACHED].columns;
	Datum		values[CEXT_SOURCE_COLUMNS];
	bool		nulls[CEXT_SOURCE_COLUMNS];
	CextSource *source;
	CextRole	role;

	for (int i = 0; i < CEXT_SOURCE_COLUMNS; i++)
		values[i] = slot_getattr(row, attnums[i], &nulls[i]);
	if (nulls[CEXT_COL_ATTACHED_ROLE] ||
		!role_by_name(cext_type_text(columns[CEXT_COL_ATTACHED_ROLE].type,
									 values[CEXT_COL_ATTACHED_ROLE]), &role) ||
		role < CEXT_ROLE_POLICIES)
		return true;

	source = &attached->sources[role];
	*source = (CextSource) {.role = role,.attached = true};
	if (!nulls[CEXT_COL_ATTACHED_RELATION])
		source->relid = DatumGetObjectId(values[CEXT_COL_ATTACHED_RELATION]);
	if (!nulls[CEXT_COL_ATTACHED_COLUMNS])
		load_columns(source, DatumGetArrayTypeP(values[CEXT_COL_ATTACHED_COLUMNS]));
	if (!nulls[CEXT_COL_ATTACHED_PUBLIC_ID])
		source->public_id =
			cext_string_copy(cext_type_text(columns[CEXT_COL_ATTACHED_PUBLIC_ID].type,
											values[CEXT_COL_ATTACHED_PUBLIC_ID]),
							 attached->context);
	if (!OidIsValid(source->relid))
	{
		source->relname = "(none)";
		cext_problem_add(source, ERRCODE_UNDEFINED_TABLE, true,
						 "The row of cache_ext.attached names no table.",
						 "Attach a table, or delete the row.");
	}
	return true;
}

/*
 * Read which tables are attached, under the active snapshot, into an array that
 * cext_mapping_own has filled and of which the source of this is described.  Those
 * that are attached are not described.  Throws what reading a table can throw.
 */
void
cext_mapping_attached(CextSource *sources)
{
	const CextSource *source = &sources[CEXT_ROLE_ATTACHED];
	Attached	attached = {sources, CurrentMemoryContext};
	CextReader	reader;

	if (!OidIsValid(source->relid) || source->problem.unreadable)
		return;
	cext_reader_begin(&reader, GetActiveSnapshot());
	if (cext_reader_open(&reader, source))
		cext_reader_scan(&reader, source, CEXT_ASK_ALL, NULL, attached_row, &attached);
	cext_reader_end(&reader);

	if (sources[CEXT_ROLE_FRAGMENTS].attached && !sources[CEXT_ROLE_POLICIES].attached)
		sources[CEXT_ROLE_POLICIES] = (CextSource) {.role = CEXT_ROLE_POLICIES};
}
