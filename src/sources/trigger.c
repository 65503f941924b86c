/*-------------------------------------------------------------------------
 *
 * sources/trigger.c
 *	  The trigger functions.
 *
 * Every source has two triggers, both ENABLE ALWAYS.  The one for statements,
 * or for a partitioned table the one BEFORE each row, runs before the first row
 * is written: from then on the transaction reads through, until the query that
 * writes is over (sources/frame.c).  The one AFTER each row collects what the old
 * and the new row are part of.  An update that changes no column that the merge
 * reads collects nothing.
 *
 * Nothing here knows about commits: see write/xact.c.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "sources/frame.h"
#include "sources/source.h"
#include "write/change.h"
#include "write/xact.h"

#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/inval.h"
#include "utils/rel.h"

CEXT_FUNCTION_INFO_V1(cache_ext_source_row);
CEXT_FUNCTION_INFO_V1(cache_ext_source_statement);
CEXT_FUNCTION_INFO_V1(cache_ext_source_before_row);

/*
 * The canonical text of a key column; null where the column is, or where its
 * type is not one for keys: then the source is suspended.
 */
static CextString
get_key(const CextSource *source, int i, TupleTableSlot *row)
{
	const CextColumn *column = &source->columns[i];
	bool		isnull;
	Datum		value = slot_getattr(row, column->attnum, &isnull);

	if (isnull || column->type.kind == CEXT_TYPE_OTHER)
		return CEXT_NULL_STRING;
	cext_type_pin(column->type);
	return cext_type_text(column->type, value);
}

/*
 * Do two rows differ in one of the first ncolumns columns that the merge reads?
 */
static bool
is_changed(const CextSource *source, int ncolumns,
		   TupleTableSlot *old, TupleTableSlot *new)
{
	for (int i = 0; i < ncolumns; i++)
	{
		AttrNumber	attnum = source->columns[i].attnum;
		Form_pg_attribute att;
		bool		old_null;
		bool		new_null;
		Datum		old_value;
		Datum		new_value;

		if (attnum == InvalidAttrNumber)
			continue;
		att = TupleDescAttr(old->tts_tupleDescriptor, attnum - 1);
		old_value = slot_getattr(old, attnum, &old_null);
		new_value = slot_getattr(new, attnum, &new_null);
		if (old_null != new_null)
			return true;
		if (!old_null &&
			!datum_image_eq(old_value, new_value, att->attbyval, att->attlen))
			return true;
	}
	return false;
}

static void
invalidate(CextConfigSlice type, CextString id, CextString name)
{
	CextSlice	slice = cext_config_slice(type, id, name);

	cext_xact_invalidate(&slice);
}

/*
 * Invalidate those whose domain was looked up by a key.  Others do not know it
 * by that, and are told that everything changed.
 */
static void
invalidate_domain_key(CextString key)
{
	CextSlice	slice = cext_config_slice(CEXT_SLICE_DOMAIN, key, CEXT_NULL_STRING);
	CextSlice	everything = cext_slice_everything(MyDatabaseId);

	cext_xact_invalidate_as(&slice, &everything);
}

/*
 * Collect what a fragment is part of: its id's name, and if the id is what
 * public fragments have, the name, whatever its scope type is keyed by.
 */
static void
invalidate_fragment(const CextSource *source, TupleTableSlot *row)
{
	CextString	id = get_key(source, CEXT_COL_FRAGMENT_ID, row);
	CextString	name = get_key(source, CEXT_COL_FRAGMENT_NAME, row);
	CextString	scope_type;

	if (id.data == NULL ||
		(source->public_id.data != NULL && cext_string_equals(id, source->public_id)))
		invalidate(CEXT_SLICE_NAME, CEXT_NULL_STRING, name);
	if (id.data != NULL)
	{
		scope_type = get_key(source, CEXT_COL_FRAGMENT_SCOPE, row);
		invalidate(cext_source_fragment_slice(scope_type),
							 id, name);
	}
}

/*
 * Collect what a row is part of.
 */
static void
invalidate_row(const CextSource *source, TupleTableSlot *row)
{
	CextString	key;

	switch (source->role)
	{
		case CEXT_ROLE_ATTACHED:
		case CEXT_ROLE_SCOPE_TYPES:
			/* Our own reads, and writers, remember these. */
			cext_xact_invalidate_all(MyDatabaseId);
			cext_xact_set_ddl();
			CacheInvalidateRelcacheByRelid(source->relid);
			break;
		case CEXT_ROLE_DEFINITIONS:
		case CEXT_ROLE_POLICIES:
			key = get_key(source, CEXT_COL_KEY, row);
			invalidate(CEXT_SLICE_NAME,
								 CEXT_NULL_STRING, key);
			break;
		case CEXT_ROLE_USERS:
			key = get_key(source, CEXT_COL_KEY, row);
			invalidate(CEXT_SLICE_USER,
								 key, CEXT_NULL_STRING);
			break;
		case CEXT_ROLE_DOMAINS:
			key = get_key(source, CEXT_COL_KEY, row);
			invalidate_domain_key(key);
			break;
		case CEXT_ROLE_FRAGMENTS:
			invalidate_fragment(source, row);
			break;
	}
}

/*
 * Collect what an update changes.
 */
static void
invalidate_update(const CextSource *source, TupleTableSlot *old,
				  TupleTableSlot *new)
{
	int			nkeys = source->role == CEXT_ROLE_FRAGMENTS ?
		CEXT_COL_FRAGMENT_NAME + 1 : CEXT_COL_KEY + 1;

	if (!is_changed(source, CEXT_SOURCE_COLUMNS, old, new))
		return;
	invalidate_row(source, new);
	if (is_changed(source, nkeys, old, new))
		invalidate_row(source, old);
}

/*
 * What a trigger function of ours was called with.  An error if it was not called
 * by a trigger of the level and timing that it is made for, given as the bits of
 * a TriggerEvent: what it looks at would not be there, or what it returns would
 * be taken for something else.  Any event will do then: there is no TRUNCATE for
 * rows.
 */
static TriggerData *
get_trigger_data(FunctionCallInfo fcinfo, const char *name, TriggerEvent wanted)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		(trigger->tg_event & (TRIGGER_EVENT_ROW | TRIGGER_EVENT_TIMINGMASK)) != wanted)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function %s can only be called as a trigger %s %s", name,
						TRIGGER_FIRED_BEFORE(wanted) ? "BEFORE" : "AFTER",
						TRIGGER_FIRED_FOR_ROW(wanted) ? "each row" : "each statement"),
				 errhint("Drop the trigger and attach the table, which gives it the triggers that it needs.")));
	return trigger;
}

static CextCause
cause_of(TriggerEvent event)
{
	if (TRIGGER_FIRED_BY_INSERT(event))
		return CEXT_CAUSE_INSERT;
	return TRIGGER_FIRED_BY_UPDATE(event) ? CEXT_CAUSE_UPDATE : CEXT_CAUSE_DELETE;
}

/*
 * AFTER INSERT OR UPDATE OR DELETE FOR EACH ROW
 */
Datum
cache_ext_source_row(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = get_trigger_data(fcinfo, "cache_ext.source_row",
											TRIGGER_EVENT_ROW | TRIGGER_EVENT_AFTER);
	const CextSource *source;

	cext_frame_writes();
	source = cext_source_of_writer(RelationGetRelid(trigger->tg_relation));
	cext_change_because(cause_of(trigger->tg_event), RelationGetRelid(trigger->tg_relation));
	if (source == NULL)
	{
		/* It may be one when we commit: another can be detached. */
		cext_xact_invalidate_all(MyDatabaseId);
	}
	else if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		invalidate_update(source, trigger->tg_trigslot, trigger->tg_newslot);
	else
		invalidate_row(source, trigger->tg_trigslot);

	return PointerGetDatum(NULL);
}

/*
 * BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE FOR EACH STATEMENT
 */
Datum
cache_ext_source_statement(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = get_trigger_data(fcinfo, "cache_ext.source_statement",
											TRIGGER_EVENT_BEFORE);
	const CextSource *source;

	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
	{
		cext_change_because(CEXT_CAUSE_TRUNCATE, RelationGetRelid(trigger->tg_relation));
		cext_xact_invalidate_all(MyDatabaseId);
		return PointerGetDatum(NULL);
	}
	cext_frame_writes();
	source = cext_source_of_writer(RelationGetRelid(trigger->tg_relation));
	if (source != NULL &&
		(source->role == CEXT_ROLE_ATTACHED || source->role == CEXT_ROLE_SCOPE_TYPES))
		cext_frame_writes_sources();
	return PointerGetDatum(NULL);
}

/*
 * BEFORE INSERT OR UPDATE OR DELETE FOR EACH ROW, on partitioned tables
 */
Datum
cache_ext_source_before_row(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = get_trigger_data(fcinfo, "cache_ext.source_before_row",
											TRIGGER_EVENT_ROW | TRIGGER_EVENT_BEFORE);

	cext_frame_writes();
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
						   trigger->tg_newtuple : trigger->tg_trigtuple);
}
