/*-------------------------------------------------------------------------
 *
 * sources/extension.c
 *	  The extension in this database, by its number.
 *
 * Whether a database has the extension, and in which schema, is what pg_extension
 * says.  A schema of its name proves nothing: it can be anybody's, and the
 * extension's own can be renamed.
 *
 * A backend remembers the answer.  Before PostgreSQL 18 pg_extension has no catalog
 * cache, and so sends no invalidation messages.  But the extension comes and goes
 * with its functions, and it cannot be moved to another schema, so that the messages
 * of pg_proc tell of all that can become of it.  Those of pg_namespace are heeded as
 * well, since the answer is a schema's number.
 *
 * All state here is the backend's own.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "sources/extension.h"

#include "sources/catalog.h"

#include "access/htup_details.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_trigger.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

static Oid	schema = InvalidOid;
static bool schema_known = false;
static uint64 forgotten = 0;	/* how often it was */

static void
forget(Datum arg, int cacheid, uint32 hashvalue)
{
	schema_known = false;
	forgotten++;
}

/*
 * Listen to invalidations; called once, from _PG_init.
 */
void
cext_extension_init(void)
{
	CacheRegisterSyscacheCallback(PROCOID, forget, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, forget, (Datum) 0);
}

/*
 * The extension's schema as a snapshot sees it, or for NULL as catalogs are seen;
 * InvalidOid if the database does not have the extension.
 */
Oid
cext_extension_schema_at(Snapshot snapshot)
{
	List	   *rows = cext_catalog_rows(&cext_rows_extension,
										 CStringGetDatum(CEXT_EXTENSION), snapshot);
	Oid			result = InvalidOid;

	if (rows != NIL)
		result = ((Form_pg_extension) GETSTRUCT((HeapTuple) linitial(rows)))->extnamespace;
	list_free_deep(rows);
	return result;
}

/*
 * The extension's schema; InvalidOid if the database does not have the
 * extension.  Needs a transaction.
 */
Oid
cext_extension_schema(void)
{
	uint64		before;

	if (likely(schema_known))
		return schema;
	before = forgotten;
	schema = cext_extension_schema_at(NULL);
	/* What was heard of meanwhile may have come too late for the scan. */
	schema_known = forgotten == before;
	return schema;
}

/*
 * Is a function one of ours?  Needs a transaction.
 */
bool
cext_is_our_function(Oid function)
{
	Oid			ours = cext_extension_schema();

	return OidIsValid(ours) && get_func_namespace(function) == ours;
}

/*
 * Is one of these rows of pg_trigger a trigger with one of our functions?  Needs a
 * transaction.
 */
bool
cext_is_any_trigger_ours(const List *rows)
{
	ListCell   *cell;

	foreach(cell, rows)
	{
		if (cext_is_our_function(((Form_pg_trigger) GETSTRUCT((HeapTuple) lfirst(cell)))->tgfoid))
			return true;
	}
	return false;
}
