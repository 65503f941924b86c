/*-------------------------------------------------------------------------
 *
 * sources/trigger.c
 *	  The trigger functions.
 *
 * Every source has two triggers, both ENABLE ALWAYS.  The one for statements,
 * or for a partitioned table the one BEFORE each row, runs before the first row
 * is written: from then on the transaction reads through, until the query that
 * writes is over (sources/frame.c).  The one AFTER each row has each kind collect what
 * the old and the new row are part of.
 *
 * Nothing here knows about commits: see write/xact.c.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "core/kind.h"
#include "sources/frame.h"
#include "write/change.h"
#include "write/xact.h"

#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/rel.h"

CEXT_FUNCTION_INFO_V1(cache_ext_source_row);
CEXT_FUNCTION_INFO_V1(cache_ext_source_statement);
CEXT_FUNCTION_INFO_V1(cache_ext_source_before_row);

/*
 * What a trigger function of ours was called with.  An error if it was not called
 * by a trigger of the level and timing that it is made for, given as the bits of
 * a TriggerEvent: what it looks at would not be there, or what it returns would
 * be taken for something else.  Any event will do then: there is no TRUNCATE for
 * rows.
 */
static TriggerData *
get_trigger_data(FunctionCallInfo fcinfo, TriggerEvent wanted, const char *refusal)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		(trigger->tg_event & (TRIGGER_EVENT_ROW | TRIGGER_EVENT_TIMINGMASK)) != wanted)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg_internal("%s", refusal),
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
	TriggerData *trigger =
		get_trigger_data(fcinfo, TRIGGER_EVENT_ROW | TRIGGER_EVENT_AFTER,
					 "function cache_ext.source_row can only be called as a trigger AFTER each row");
	TupleTableSlot *old = TRIGGER_FIRED_BY_INSERT(trigger->tg_event) ? NULL : trigger->tg_trigslot;
	TupleTableSlot *new = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newslot :
		old == NULL ? trigger->tg_trigslot : NULL;
	bool		known = false;

	cext_frame_writes();
	cext_change_because(cause_of(trigger->tg_event), RelationGetRelid(trigger->tg_relation));
	for (int i = 1; i < CEXT_MAX_KINDS; i++)
	{
		if (cext_kinds[i] != NULL)
			known |= cext_kinds[i]->row_changed(trigger->tg_relation, old, new);
	}
	/* It may be a source when we commit, for all that is known here. */
	if (!known)
		cext_xact_invalidate_all(MyDatabaseId);

	return PointerGetDatum(NULL);
}

/*
 * BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE FOR EACH STATEMENT
 */
Datum
cache_ext_source_statement(PG_FUNCTION_ARGS)
{
	TriggerData *trigger =
		get_trigger_data(fcinfo, TRIGGER_EVENT_BEFORE,
					 "function cache_ext.source_statement can only be called as a trigger BEFORE each statement");

	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
	{
		cext_change_because(CEXT_CAUSE_TRUNCATE, RelationGetRelid(trigger->tg_relation));
		cext_xact_invalidate_all(MyDatabaseId);
		return PointerGetDatum(NULL);
	}
	cext_frame_writes();
	for (int i = 1; i < CEXT_MAX_KINDS; i++)
	{
		if (cext_kinds[i] != NULL && cext_kinds[i]->is_remembered != NULL &&
			cext_kinds[i]->is_remembered(RelationGetRelid(trigger->tg_relation)))
			cext_frame_writes_sources();
	}
	return PointerGetDatum(NULL);
}

/*
 * BEFORE INSERT OR UPDATE OR DELETE FOR EACH ROW, on partitioned tables
 */
Datum
cache_ext_source_before_row(PG_FUNCTION_ARGS)
{
	TriggerData *trigger =
		get_trigger_data(fcinfo, TRIGGER_EVENT_ROW | TRIGGER_EVENT_BEFORE,
					 "function cache_ext.source_before_row can only be called as a trigger BEFORE each row");

	cext_frame_writes();
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
						   trigger->tg_newtuple : trigger->tg_trigtuple);
}
