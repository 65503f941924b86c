/*-------------------------------------------------------------------------
 *
 * sources/mapping.c
 *	  What tables have to be, and what the catalogs say that they are.
 *
 * A kind says which parts there are for tables to play, and which columns each
 * needs.  The extension can have a table of its own for a part, and an application's
 * can be attached in its place.
 *
 * Tables and columns that are attached are known by number, the extension's own by
 * name.  sources/source.c says for how long what was found out about them holds.
 *
 * Locks: none on a table that is described; see sources/check.c.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "sources/mapping.h"

#include "sources/extension.h"
#include "sources/regcolumn.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/*
 * Remember a problem.  Of several the first one is kept, but one that keeps the
 * source from being read takes its place.  The strings must live as long as the
 * source.
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
	const CextColumnInfo *info = &source->part->columns[i];

	return info->required &&
		(info->unless == 0 || source->columns[info->unless].attnum == InvalidAttrNumber);
}

/*
 * Look a column up: by name in our own table, else by number.
 */
static void
describe_column(CextSource *source, int i)
{
	CextColumn *column = &source->columns[i];
	const char *what = source->part->columns[i].name;
	HeapTuple	tuple;
	Oid			type;
	Oid			collation;

	if (what == NULL)
		return;
	if (!source->attached)
	{
		if (i >= source->part->nown)
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
	if (source->part->columns[i].want == CEXT_WANT_KEYS)
	{
		if (!OidIsValid(get_base_element_type(type)))
		{
			cext_problem_add(source, ERRCODE_DATATYPE_MISMATCH, true,
							 psprintf("Column \"%s\" is not an array.", column->name),
							 "Attach the table anew, with an array or with a row for each element.");
			return;
		}
		type = get_base_element_type(type);
	}
	column->type = cext_type_of(type, collation);
}

/*
 * Complete a source from the catalogs, in the current context.  Its part is known
 * and, if it is attached, the numbers of table and columns.  Throws for want of
 * memory only; what is wrong becomes the source's problem.  False if there is no
 * such table.
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
 * The extension's own table that plays a part, not described.
 */
void
cext_mapping_own(CextSource *source, const CextPart *part)
{
	*source = (CextSource) {.part = part};
	if (part->relname == NULL)
		return;
	source->relid = get_relname_relid(part->relname, cext_extension_schema());
	if (!OidIsValid(source->relid))
	{
		source->relname = psprintf("%s.%s", CEXT_SCHEMA, part->relname);
		cext_problem_add(source, ERRCODE_UNDEFINED_TABLE, true,
						 "The table is missing.",
						 "Create the extension anew, or rename the table back.");
	}
}
