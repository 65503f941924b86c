/*-------------------------------------------------------------------------
 *
 * functions/entries.c
 *	  The functions under the views that list what is in shared memory.
 *
 * Documents are shown only to roles that have the privileges of the extension's
 * owner.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "config/compute.h"
#include "core/shmem.h"
#include "functions/argument.h"
#include "store/scan.h"
#include "write/log.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"
#include "utils/xid8.h"

CEXT_FUNCTION_INFO_V1(cache_ext_entries);
CEXT_FUNCTION_INFO_V1(cache_ext_slot_of);
CEXT_FUNCTION_INFO_V1(cache_ext_invalidations);
CEXT_FUNCTION_INFO_V1(cache_ext_prewarm_progress);

static const char *const cause_names[CEXT_NUM_CAUSES] = {
	[CEXT_CAUSE_INSERT] = "insert",
	[CEXT_CAUSE_UPDATE] = "update",
	[CEXT_CAUSE_DELETE] = "delete",
	[CEXT_CAUSE_TRUNCATE] = "truncate",
	[CEXT_CAUSE_DDL] = "ddl",
	[CEXT_CAUSE_FUNCTION] = "function",
	[CEXT_CAUSE_REPLICATION] = "replication"
};

/*
 * Does the caller have the privileges of the function's owner?
 */
static bool
caller_is_owner(FunctionCallInfo fcinfo)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return false;
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return has_privs_of_role(GetUserId(), owner);
}

/*
 * An entry's id; null where it has none.  It may be the empty string, as one of blanks
 * is.
 */
static CextString
id_of(const CextSeen *seen)
{
	return CEXT_SPACE_IS_PUBLIC(seen->space) || seen->space == CEXT_SPACE_COMMON ?
		CEXT_NULL_STRING : seen->parts[CEXT_ID];
}

/*
 * Is it a configuration of the id, if one is wanted?
 */
static bool
is_wanted(const CextSeen *seen, const CextWanted *wanted)
{
	return seen->space / CEXT_SPACES_PER_KIND == CEXT_KIND_CONFIG &&
		(wanted->parts[CEXT_ID].data == NULL || id_of(seen).data != NULL);
}

/*
 * An entry's document as jsonb; null where it has none to show.
 */
static Datum
get_document(const CextSeen *seen, bool *isnull)
{
	*isnull = true;
	if (seen->value == NULL || CEXT_SPACE_IS_BASE(seen->space))
		return (Datum) 0;
	*isnull = false;
	if (!CEXT_SPACE_IS_JSON(seen->space))
		return PointerGetDatum(seen->value);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text_to_cstring((text *) seen->value)));
}

/* What the rows of entries are judged by. */
typedef struct EntryContext
{
	Snapshot	snapshot;
	bool		usable;
	uint64		any;
} EntryContext;

static void
put_entry(ReturnSetInfo *rsinfo, const EntryContext *context, const CextSeen *seen)
{
	Datum		values[11];
	bool		nulls[11] = {0};

	values[0] = CStringGetTextDatum(cext_space_name(seen->space));
	values[1] = cext_string_datum(id_of(seen), &nulls[1]);
	values[2] = cext_string_datum(seen->parts[CEXT_NAME], &nulls[2]);
	values[3] = Int32GetDatum(seen->bytes);
	values[4] = TimestampTzGetDatum(seen->filled * USECS_PER_SEC);
	values[5] = TimestampTzGetDatum(seen->expires * USECS_PER_SEC);
	nulls[5] = seen->expires == 0;
	values[6] = Int32GetDatum(seen->frequency);
	values[7] = Int32GetDatum(seen->nslices);
	values[8] = BoolGetDatum(context->usable &&
							 !cext_expired(seen->expires) &&
							 cext_seen_holds(seen, context->snapshot, context->any));
	values[9] = BoolGetDatum(seen->value_len == 0);
	values[10] = get_document(seen, &nulls[10]);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	if (seen->value != NULL)
		pfree(seen->value);
}

/*
 * Look up what one id and one name can have, and no more.
 */
static void
put_entries_of(ReturnSetInfo *rsinfo, const EntryContext *context,
			   const CextWanted *wanted, CextSeen *seen)
{
	for (int space = CEXT_SPACE_JSONB; space <= CEXT_SPACE_BASE; space++)
	{
		CextKey		key = {.space = space};

		if (CEXT_SPACE_IS_PUBLIC(space) ||
			(space == CEXT_SPACE_BASE && wanted->parts[CEXT_ID].len == 0))
			continue;
		key.parts[CEXT_ID] = wanted->parts[CEXT_ID];
		key.parts[CEXT_NAME] = wanted->parts[CEXT_NAME];
		cext_key_complete(&key, MyDatabaseId);
		if (cext_scan_look(&key, wanted->with_value, seen))
			put_entry(rsinfo, context, seen);
	}
}

/*
 * entries_rows(id text, config_name text, with_config boolean): the entries of
 * this database, of one id and of one name if these are given.
 */
Datum
cache_ext_entries(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CextWanted	wanted = {
		.parts[CEXT_ID] = cext_argument_shown(fcinfo, 0, "id"),
		.parts[CEXT_NAME] = cext_argument_shown(fcinfo, 1, "config name"),
		.with_value = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2) && caller_is_owner(fcinfo)
	};
	EntryContext context = {.snapshot = GetActiveSnapshot()};
	CextSeen   *seen = palloc(sizeof(CextSeen));
	uint64		position = 0;
	CextCounter reason;

	InitMaterializedSRF(fcinfo, 0);
	if (!cext_shmem_available())
		return (Datum) 0;
	context.usable = cext_config_usable(context.snapshot, &context.any, &reason);
	if (wanted.parts[CEXT_ID].data != NULL && wanted.parts[CEXT_NAME].data != NULL)
		put_entries_of(rsinfo, &context, &wanted, seen);
	else
	{
		while (cext_scan_next(&position, &wanted, seen))
		{
			if (is_wanted(seen, &wanted))
				put_entry(rsinfo, &context, seen);
			else if (seen->value != NULL)
				pfree(seen->value);
		}
	}
	return (Datum) 0;
}

/*
 * slot_of(kind text, id text, config_name text): the slot that a slice of this
 * database hashes to, and its state.
 */
Datum
cache_ext_slot_of(PG_FUNCTION_ARGS)
{
	CextString	kind = cext_argument_id(fcinfo, 0, "kind");
	CextString	id = cext_argument_shown(fcinfo, 1, "id");
	CextString	name = cext_argument_shown(fcinfo, 2, "config name");
	TupleDesc	desc;
	Datum		values[5];
	bool		nulls[5] = {0};
	int			type = 0;
	uint64		hash;
	const CextSlot *slot;
	uint64		version;
	uint64		last;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	while (type < CEXT_SLICE_TYPES && kind.data != NULL &&
		   (type == CEXT_SLICE_ANY || cext_slice_name(type) == NULL ||
			!cext_string_equals(kind, cext_string(cext_slice_name(type)))))
		type++;
	if (kind.data == NULL || type == CEXT_SLICE_TYPES || !cext_shmem_available())
		PG_RETURN_NULL();

	hash = type / CEXT_SLICES_PER_KIND == CEXT_KIND_CONFIG ?
		cext_config_hash(type, id, name) : cext_slice_hash(MyDatabaseId, type, id, name);
	slot = &cext_slot_array[cext_slot_of(hash)];
	version = pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, &slot->version));
	last = pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, &slot->last));
	values[0] = Int32GetDatum(cext_slot_of(hash));
	values[1] = Int64GetDatum(version >> CEXT_PENDING_BITS);
	values[2] = Int32GetDatum(version & CEXT_PENDING_MASK);
	values[3] = FullTransactionIdGetDatum(FullTransactionIdFromU64(last & ~CEXT_LAST_GROUP));
	nulls[3] = last == 0;
	values[4] = BoolGetDatum((last & CEXT_LAST_GROUP) != 0);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/*
 * invalidations_rows(): the latest of this database, the oldest first.
 */
Datum
cache_ext_invalidations(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CextLogRecord *records;
	int			n;

	InitMaterializedSRF(fcinfo, 0);
	if (!cext_shmem_available())
		return (Datum) 0;
	records = cext_log_copy(&n);
	for (int i = 0; i < n; i++)
	{
		const CextLogRecord *r = &records[i];
		Datum		values[9];
		bool		nulls[9] = {0};

		if (r->db != MyDatabaseId)
			continue;
		values[0] = TimestampTzGetDatum(r->at);
		values[1] = FullTransactionIdGetDatum(r->xid);
		values[2] = ObjectIdGetDatum(r->role);
		values[3] = CStringGetTextDatum(r->application);
		values[4] = CStringGetTextDatum(r->is_more ? "more" : cext_slice_name(r->type));
		for (int k = 0; k < CEXT_SLICE_PARTS; k++)
		{
			values[5 + k] = CStringGetTextDatum(r->parts[k]);
			nulls[5 + k] = !r->has_part[k];
		}
		values[7] = CStringGetTextDatum(cause_names[r->cause]);
		values[8] = ObjectIdGetDatum(r->relid);
		nulls[7] = r->is_more;
		nulls[8] = !OidIsValid(r->relid);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * prewarm_progress_rows(): how far each prewarm_all that runs has come.
 */
Datum
cache_ext_prewarm_progress(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	if (!cext_shmem_available())
		return (Datum) 0;
	for (int i = 0; i < CEXT_NUM_PROCS; i++)
	{
		uint64		progress[CEXT_NUM_PROGRESS];
		Datum		values[CEXT_NUM_PROGRESS];
		bool		nulls[CEXT_NUM_PROGRESS] = {0};

		if (!cext_progress_get(i, progress))
			continue;
		for (int k = 0; k < CEXT_NUM_PROGRESS; k++)
			values[k] = Int64GetDatum((int64) progress[k]);
		nulls[CEXT_PROGRESS_TOTAL] = progress[CEXT_PROGRESS_TOTAL] == 0;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
