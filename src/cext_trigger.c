/*-------------------------------------------------------------------------
 *
 * cext_trigger.c
 *	  The trigger functions.
 *
 * Every source has two triggers, both ENABLE ALWAYS.  The one for statements
 * runs before the first row is written: from then on the transaction reads
 * through.  The one for rows collects what the old and the new row are part
 * of.  An update that changes no column that the merge reads collects nothing.
 *
 * Nothing here knows about commits: see cext_xact.c.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "cext_source.h"
#include "cext_xact.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/inval.h"
#include "utils/rel.h"

CEXT_FUNCTION_INFO_V1(cache_ext_source_row);
CEXT_FUNCTION_INFO_V1(cache_ext_source_statement);

/*
 * A column of type text as a string; allocates where it was compressed.
 */
static CextString
get_string(HeapTuple tuple, TupleDesc desc, AttrNumber column)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, column, desc, &isnull);
	text	   *t;

	if (isnull)
		return CEXT_NULL_STRING;
	t = DatumGetTextPP(value);
	return (CextString) {VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t)};
}

/*
 * Do two rows differ in one of the first ncolumns columns that the merge reads?
 */
static bool
is_changed(const CextSource *source, int ncolumns,
		   HeapTuple old, HeapTuple new, TupleDesc desc)
{
	for (int i = 0; i < ncolumns && source->columns[i] != 0; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, source->columns[i] - 1);
		bool		old_null;
		bool		new_null;
		Datum		old_value = heap_getattr(old, source->columns[i], desc, &old_null);
		Datum		new_value = heap_getattr(new, source->columns[i], desc, &new_null);

		if (old_null != new_null)
			return true;
		if (!old_null &&
			!datum_image_eq(old_value, new_value, att->attbyval, att->attlen))
			return true;
	}
	return false;
}

/*
 * Collect what a row is part of.
 */
static void
invalidate_row(const CextSource *source, HeapTuple tuple, TupleDesc desc)
{
	CextString	key = get_string(tuple, desc, source->columns[CEXT_COL_KEY]);
	CextString	id;
	CextString	name;

	switch (source->role)
	{
		case CEXT_ROLE_SCOPE_TYPES:
			cext_xact_invalidate_all(MyDatabaseId);
			/* Backends remember what scope types are keyed by. */
			CacheInvalidateRelcacheByRelid(source->relid);
			break;
		case CEXT_ROLE_DEFINITIONS:
		case CEXT_ROLE_POLICIES:
			cext_xact_invalidate(MyDatabaseId, CEXT_SLICE_NAME,
								 CEXT_NULL_STRING, key);
			break;
		case CEXT_ROLE_USERS:
			cext_xact_invalidate(MyDatabaseId, CEXT_SLICE_USER,
								 key, CEXT_NULL_STRING);
			break;
		case CEXT_ROLE_FRAGMENTS:
			id = get_string(tuple, desc, source->columns[CEXT_COL_FRAGMENT_ID]);
			name = get_string(tuple, desc, source->columns[CEXT_COL_FRAGMENT_NAME]);
			cext_xact_invalidate(MyDatabaseId,
								 id.data == NULL ? CEXT_SLICE_NAME :
								 cext_source_fragment_slice(key),
								 id, name);
			break;
	}
}

/*
 * Collect what an update changes.
 */
static void
invalidate_update(const CextSource *source, HeapTuple old, HeapTuple new,
				  TupleDesc desc)
{
	int			nkeys = source->role == CEXT_ROLE_FRAGMENTS ?
		CEXT_COL_FRAGMENT_NAME + 1 : CEXT_COL_KEY + 1;

	if (!is_changed(source, CEXT_SOURCE_COLUMNS, old, new, desc))
		return;
	invalidate_row(source, new, desc);
	if (is_changed(source, nkeys, old, new, desc))
		invalidate_row(source, old, desc);
}

static TriggerData *
get_trigger_data(FunctionCallInfo fcinfo, const char *name)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function %s can only be called as a trigger", name)));
	return (TriggerData *) fcinfo->context;
}

/*
 * AFTER INSERT OR UPDATE OR DELETE FOR EACH ROW
 */
Datum
cache_ext_source_row(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = get_trigger_data(fcinfo, "cache_ext.source_row");
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	const CextSource *source;

	cext_xact_set_wrote();
	source = cext_source_by_relid(RelationGetRelid(trigger->tg_relation));
	if (source == NULL)
	{
		/* Not where a source should be, as after a rename: be safe. */
		cext_xact_invalidate_all(MyDatabaseId);
	}
	else if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		invalidate_update(source, trigger->tg_trigtuple, trigger->tg_newtuple, desc);
	else
		invalidate_row(source, trigger->tg_trigtuple, desc);

	return PointerGetDatum(NULL);
}

/*
 * BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE FOR EACH STATEMENT
 */
Datum
cache_ext_source_statement(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = get_trigger_data(fcinfo, "cache_ext.source_statement");

	cext_xact_set_wrote();
	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		cext_xact_invalidate_all(MyDatabaseId);
	return PointerGetDatum(NULL);
}
