/*-------------------------------------------------------------------------
 *
 * functions/prewarm.c
 *	  What prewarm_all needs: which users and names there are, and a place to say
 *	  how far it has come.
 *
 * The procedure itself is in the install script, since it commits.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "config/fetch.h"
#include "core/shmem.h"
#include "core/stats.h"
#include "functions/argument.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

CEXT_FUNCTION_INFO_V1(cache_ext_prewarm_users);
CEXT_FUNCTION_INFO_V1(cache_ext_prewarm_report);

/* Most users of one batch. */
#define MAX_BATCH	1000000

/*
 * A source as the active snapshot sees it, which can be read.
 */
static const CextSource *
require_source(CextConfigPart part)
{
	(void) cext_source_require(&cext_sources.set, GetActiveSnapshot(), CEXT_NO_GENERATION);
	return &cext_sources.source[part];
}

/* Ids that are collected, and those that are waiting to be returned. */
typedef struct Batches
{
	ReturnSetInfo *rsinfo;
	CextType	type;
	int			size;			/* ids of a batch */
	int			n;
	Datum	   *ids;
} Batches;

/*
 * Return what has been collected as one array.
 */
static void
put_batch(Batches *batches)
{
	Datum		value;
	bool		isnull = false;

	if (batches->n == 0)
		return;
	value = PointerGetDatum(construct_array(batches->ids, batches->n, TEXTOID, -1, false,
											TYPALIGN_INT));
	tuplestore_putvalues(batches->rsinfo->setResult, batches->rsinfo->setDesc,
						 &value, &isnull);
	pfree(DatumGetPointer(value));
	for (int i = 0; i < batches->n; i++)
		pfree(DatumGetPointer(batches->ids[i]));
	batches->n = 0;
}

static bool
user_row(void *arg, TupleTableSlot *row, const AttrNumber *attnums)
{
	Batches    *batches = arg;
	bool		isnull;
	Datum		value = slot_getattr(row, attnums[CEXT_COL_USER_ID], &isnull);
	CextString	id;

	if (isnull)
		return true;
	id = cext_type_text(batches->type, value);
	/* Nobody can ask for such a one. */
	if (id.len == 0 || id.len > CEXT_MAX_ID)
		return true;
	batches->ids[batches->n++] = PointerGetDatum(cstring_to_text_with_len(id.data, id.len));
	if (batches->n == batches->size)
		put_batch(batches);
	return true;
}

/*
 * prewarm_users(batch integer) returns setof text[]: all user ids, so many at a time.
 */
Datum
cache_ext_prewarm_users(PG_FUNCTION_ARGS)
{
	Batches		batches = {.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo};
	const CextSource *source;
	CextFetch	fetch;

	if (PG_ARGISNULL(0) || PG_GETARG_INT32(0) < 1 || PG_GETARG_INT32(0) > MAX_BATCH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch must be between 1 and %d", MAX_BATCH)));
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	(void) require_source(CEXT_PART_USERS);
	cext_fetch_begin(&fetch, GetActiveSnapshot());
	source = &cext_sources.source[CEXT_PART_USERS];
	batches.type = source->columns[CEXT_COL_USER_ID].type;
	batches.size = PG_GETARG_INT32(0);
	batches.ids = palloc(batches.size * sizeof(Datum));
	cext_reader_scan(&fetch.reader, source, &cext_ask_all, NULL, user_row, &batches);
	put_batch(&batches);
	cext_fetch_end(&fetch);
	return (Datum) 0;
}

/*
 * A transaction that failed does not go on.
 */
static void
forget_progress(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		cext_progress_set(CEXT_PROGRESS_PID, 0);
}

/*
 * How many rows a table had when it was last analyzed; zero if that is not known.
 */
static uint64
estimate_rows(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	float4		rows;

	if (!HeapTupleIsValid(tuple))
		return 0;
	rows = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
	ReleaseSysCache(tuple);
	return rows > 0 ? (uint64) rows : 0;
}

/*
 * prewarm_report(users_done bigint, configs bigint): how far it has come; null
 * says that it is over.
 */
Datum
cache_ext_prewarm_report(PG_FUNCTION_ARGS)
{
	static bool registered = false;

	(void) cext_shmem_available();
	if (!registered)
		RegisterXactCallback(forget_progress, NULL);
	registered = true;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
	{
		cext_progress_set(CEXT_PROGRESS_PID, 0);
		PG_RETURN_VOID();
	}
	if (PG_GETARG_INT64(0) == 0)
		cext_progress_set(CEXT_PROGRESS_TOTAL,
						  estimate_rows(require_source(CEXT_PART_USERS)->relid));
	cext_progress_set(CEXT_PROGRESS_DONE, PG_GETARG_INT64(0));
	cext_progress_set(CEXT_PROGRESS_RESULTS, PG_GETARG_INT64(1));
	cext_progress_set(CEXT_PROGRESS_PID, MyProcPid);
	PG_RETURN_VOID();
}
