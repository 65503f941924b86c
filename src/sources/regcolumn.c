/*-------------------------------------------------------------------------
 *
 * sources/regcolumn.c
 *	  The SQL type regcolumn: a column of a table.
 *
 * It is to columns what regclass is to tables: stored by number, shown and read by
 * name.  So what is attached follows a column that is renamed, as a view would,
 * and comes back from a dump, after which numbers may differ.
 *
 * The text is schema.table.column, always with the schema, or two numbers
 * where there is no such column any more.  "-" is the column of no table.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "sources/regcolumn.h"

#include "catalog/namespace.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

CEXT_FUNCTION_INFO_V1(cache_ext_regcolumn_in);
CEXT_FUNCTION_INFO_V1(cache_ext_regcolumn_out);

/*
 * A regcolumn in the current context.
 */
static CextRegcolumn *
make(Oid relid, AttrNumber attnum)
{
	CextRegcolumn *column = palloc0(sizeof(CextRegcolumn));

	column->relid = relid;
	column->attnum = attnum;
	return column;
}

/*
 * The name of a relation, qualified and quoted, in the current context, or NULL
 * if it was dropped.
 */
char *
cext_relation_name(Oid relid)
{
	char	   *name = get_rel_name(relid);

	return name == NULL ? NULL :
		quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), name);
}

/*
 * The name of a column in the current context, or NULL if it was dropped.
 */
char *
cext_regcolumn_name(Oid relid, AttrNumber attnum)
{
	char	   *name = get_attname(relid, attnum, true);

	/* A dropped column has a name, by which it cannot be found. */
	if (name == NULL || get_attnum(relid, name) != attnum)
		return NULL;
	return name;
}

/*
 * Split a qualified name and look the column up.
 */
static CextRegcolumn *
look_up(char *name)
{
	List	   *names = CextStringToQualifiedNameList(name);
	char	   *column = strVal(llast(names));
	Oid			relid;
	AttrNumber	attnum;

	if (list_length(names) < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid name of a column: \"%s\"", name),
				 errhint("Write it as table.column or schema.table.column.")));
	names = list_truncate(names, list_length(names) - 1);
	relid = RangeVarGetRelid(makeRangeVarFromNameList(names), NoLock, false);
	attnum = get_attnum(relid, column);
	if (attnum == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						column, get_rel_name(relid))));
	return make(relid, attnum);
}

Datum
cache_ext_regcolumn_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	unsigned int relid;
	int			attnum;
	int			len = 0;

	if (strcmp(text, "-") == 0)
		PG_RETURN_POINTER(make(InvalidOid, InvalidAttrNumber));
	if (sscanf(text, "%u.%d%n", &relid, &attnum, &len) == 2 && text[len] == '\0')
		PG_RETURN_POINTER(make((Oid) relid, (AttrNumber) attnum));
	PG_RETURN_POINTER(look_up(text));
}

Datum
cache_ext_regcolumn_out(PG_FUNCTION_ARGS)
{
	CextRegcolumn *column = (CextRegcolumn *) PG_GETARG_POINTER(0);
	char	   *relname;
	char	   *name;

	if (!OidIsValid(column->relid))
		PG_RETURN_CSTRING(pstrdup("-"));
	relname = cext_relation_name(column->relid);
	name = cext_regcolumn_name(column->relid, column->attnum);
	if (relname == NULL || name == NULL)
		PG_RETURN_CSTRING(psprintf("%u.%d", column->relid, column->attnum));
	PG_RETURN_CSTRING(psprintf("%s.%s", relname, quote_identifier(name)));
}
