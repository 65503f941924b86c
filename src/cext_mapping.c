/*-------------------------------------------------------------------------
 *
 * cext_mapping.c
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
 * Tables and columns are known by number.  What the catalogs say of them is
 * looked up without a lock, since a hit must not wait for one; cext_source.c says
 * how what was found is known to hold.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "cext_mapping.h"

#include "cext_regcolumn.h"
#include "cext_spi.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

static const struct
{
	const char *name;
	const char *relname;		/* of the extension's own table */
	int			nown;			/* of the columns, those that it has */
	const char *columns[CEXT_SOURCE_COLUMNS];
}			role_info[CEXT_NUM_ROLES] =
{
	[CEXT_ROLE_ATTACHED] = {"attached", "attached", 4, {"role", "relation", "columns", "public_id"}},
	[CEXT_ROLE_SCOPE_TYPES] = {"scope_types", "scope_types", 3, {"scope_type", "keyed_by", "default_rank"}},
	[CEXT_ROLE_DEFINITIONS] = {"definitions", "config_definitions", 3, {"config_name", "merge_strategy", "ttl"}},
	[CEXT_ROLE_POLICIES] = {"policies", "config_policies", 3, {"config_name", "scope_type", "rank", "scope_sources"}},
	[CEXT_ROLE_FRAGMENTS] = {"fragments", "config_fragments", 4, {"scope_type", "scope_id", "config_name", "config"}},
	[CEXT_ROLE_USERS] = {"users", "users", 2, {"user_id", "domain_id"}},
	[CEXT_ROLE_DOMAINS] = {"domains", NULL, 0, {"domain_key", "domain_value"}},
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
 * Remember a problem, of several the first.  The strings must live as long as
 * the source.
 */
void
cext_problem_add(CextSource *source, int sqlerrcode, bool unreadable,
				 const char *reason, const char *hint)
{
	if (source->problem.reason != NULL)
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
	Oid			type;
	Oid			collation;
	int32		typmod;

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

	if (column->name == NULL)
	{
		cext_problem_add(source, ERRCODE_UNDEFINED_COLUMN, true,
						 psprintf(source->attached ? "The column that is its %s was dropped." :
								  "Column \"%s\" is missing.", what),
						 source->attached ? "Attach the table anew with another column, or detach it." :
						 "Rename the column back, or create the extension anew.");
		return;
	}
	get_atttypetypmodcoll(source->relid, column->attnum, &type, &typmod, &collation);
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
 * known, from the catalogs, in the current context.
 */
void
cext_mapping_describe(CextSource *source)
{
	HeapTuple	tuple;
	Form_pg_class form;

	if (source->problem.reason != NULL)
		return;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(source->relid));
	if (!HeapTupleIsValid(tuple))
	{
		source->relname = psprintf("%u", source->relid);
		cext_problem_add(source, ERRCODE_UNDEFINED_TABLE, true,
						 "The table was dropped.",
						 "Attach another, or call cache_ext.detach with its number.");
		return;
	}
	form = (Form_pg_class) GETSTRUCT(tuple);
	source->relkind = form->relkind;
	source->owner = form->relowner;
	source->relname =
		quote_qualified_identifier(get_namespace_name(form->relnamespace),
								   NameStr(form->relname));
	ReleaseSysCache(tuple);

	for (int i = 0; i < CEXT_SOURCE_COLUMNS; i++)
		describe_column(source, i);
}

/*
 * The extension's own tables, not described: fills an array of CEXT_NUM_ROLES.
 */
void
cext_mapping_own(CextSource *sources)
{
	Oid			schema = get_namespace_oid(CEXT_SCHEMA, false);

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

static CextRole
role_by_name(const char *name)
{
	for (int i = 0; i < CEXT_NUM_ROLES; i++)
	{
		if (strcmp(role_info[i].name, name) == 0)
			return i;
	}
	elog(ERROR, "unknown role \"%s\" in cache_ext.attached", name);
}

static void
load_columns(CextSource *source, ArrayType *array)
{
	Datum	   *elements;
	int			n;

	deconstruct_array(array, ARR_ELEMTYPE(array), sizeof(CextRegcolumn), false,
					  TYPALIGN_INT, &elements, NULL, &n);
	for (int i = 0; i < Min(n, CEXT_SOURCE_COLUMNS); i++)
	{
		CextRegcolumn *column = (CextRegcolumn *) DatumGetPointer(elements[i]);

		if (column->relid == source->relid)
			source->columns[i].attnum = column->attnum;
	}
}

/*
 * A row of cache_ext.attached.
 */
static void
load_row(CextSource *sources, HeapTuple tuple, TupleDesc desc, MemoryContext context)
{
	bool		isnull;
	CextRole	role = role_by_name(SPI_getvalue(tuple, desc, 1));
	CextSource *source = &sources[role];
	char	   *public_id = SPI_getvalue(tuple, desc, 4);

	*source = (CextSource) {.role = role,.attached = true};
	source->relid = DatumGetObjectId(SPI_getbinval(tuple, desc, 2, &isnull));
	load_columns(source, DatumGetArrayTypeP(SPI_getbinval(tuple, desc, 3, &isnull)));
	if (public_id != NULL)
		source->public_id = cext_string_copy(cext_string(public_id), context);
}

/*
 * Which table plays which role under the active snapshot: fills an array of
 * CEXT_NUM_ROLES, in the current context.  Throws what reading a table can
 * throw; what is wrong with a source is its problem.
 */
void
cext_mapping_load(CextSource *sources)
{
	MemoryContext context = CurrentMemoryContext;
	CextCaller	caller;

	cext_mapping_own(sources);
	cext_mapping_describe(&sources[CEXT_ROLE_ATTACHED]);

	cext_spi_begin(&caller);
	cext_spi_become(&caller, sources[CEXT_ROLE_ATTACHED].owner);
	if (SPI_execute("SELECT role, relation, columns, public_id FROM ONLY cache_ext.attached",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read cache_ext.attached");
	for (uint64 i = 0; i < SPI_processed; i++)
		load_row(sources, SPI_tuptable->vals[i], SPI_tuptable->tupdesc, context);
	cext_spi_end(&caller);

	if (sources[CEXT_ROLE_FRAGMENTS].attached && !sources[CEXT_ROLE_POLICIES].attached)
		sources[CEXT_ROLE_POLICIES].relid = InvalidOid;
	for (int i = 0; i < CEXT_NUM_ROLES; i++)
	{
		if (i != CEXT_ROLE_ATTACHED && OidIsValid(sources[i].relid))
			cext_mapping_describe(&sources[i]);
	}
}
