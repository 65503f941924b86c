/*-------------------------------------------------------------------------
 *
 * cext_prewarm.c
 *	  What prewarm_all needs: whom there is to read for, and a place to say how far
 *	  it has come.
 *
 * The procedure itself is in the install script, since it commits.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "cext_argument.h"
#include "cext_fetch.h"
#include "cext_shmem.h"
#include "cext_stats.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

CEXT_FUNCTION_INFO_V1(cache_ext_prewarm_users);
CEXT_FUNCTION_INFO_V1(cache_ext_prewarm_names);
CEXT_FUNCTION_INFO_V1(cache_ext_prewarm_report);

/*
 * The first column of what a statement finds in a source, as an array of text in
 * the current context.
 */
static ArrayType *
collect(const CextSource *source, const char *sql, int nargs, Oid *types,
		Datum *values, const char *nulls)
{
	MemoryContext outer = CurrentMemoryContext;
	Snapshot	snapshot = GetActiveSnapshot();
	ArrayBuildState *state = initArrayResult(TEXTOID, outer, false);
	CextCaller	caller;
	SPIPlanPtr	plan;
	int			rc;

	cext_spi_begin(&caller);
	cext_spi_become(&caller, source->owner);
	plan = SPI_prepare(sql, nargs, types);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", sql,
			 SPI_result_code_string(SPI_result));
	rc = SPI_execute_snapshot(plan, values, nulls, snapshot, InvalidSnapshot,
							  true, false, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(rc));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[i],
										  SPI_tuptable->tupdesc, 1, &isnull);

		if (!isnull)
			state = accumArrayResult(state, value, false, TEXTOID, outer);
	}
	cext_spi_end(&caller);
	return DatumGetArrayTypeP(makeArrayResult(state, outer));
}

/*
 * A source as the active snapshot sees it.
 */
static const CextSource *
require_source(CextRole role)
{
	cext_source_require(GetActiveSnapshot(), CEXT_NO_GENERATION);
	return &cext_sources.source[role];
}

/*
 * prewarm_users(after text, n integer) returns text[]: the next user ids.
 */
Datum
cache_ext_prewarm_users(PG_FUNCTION_ARGS)
{
	const CextSource *source = require_source(CEXT_ROLE_USERS);
	const CextColumn *key = &source->columns[CEXT_COL_KEY];
	CextString	after = cext_argument_id(fcinfo, 0, "user id");
	Oid			types[2] = {cext_type_parameter(key->type), INT8OID};
	char		nulls[2] = {' ', ' '};
	Datum		values[2];

	values[0] = (Datum) 0;
	values[1] = Int64GetDatum(PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1));
	if (after.data == NULL || !cext_type_datum(key->type, after, &values[0]))
		nulls[0] = 'n';
	PG_RETURN_ARRAYTYPE_P(collect(source,
								  psprintf("SELECT x.%s::text FROM %s%s x WHERE $1 IS NULL OR x.%s > $1 ORDER BY x.%s LIMIT $2",
										   quote_identifier(key->name), CEXT_FROM(source),
										   quote_identifier(key->name), quote_identifier(key->name)),
								  2, types, values, nulls));
}

/*
 * prewarm_names() returns text[]: the names that fragments have.
 */
Datum
cache_ext_prewarm_names(PG_FUNCTION_ARGS)
{
	const CextSource *source = require_source(CEXT_ROLE_FRAGMENTS);
	const char *name = quote_identifier(source->columns[CEXT_COL_FRAGMENT_NAME].name);

	PG_RETURN_ARRAYTYPE_P(collect(source,
								  psprintf("SELECT DISTINCT x.%s::text FROM %s%s x ORDER BY 1",
										   name, CEXT_FROM(source)),
								  0, NULL, NULL, NULL));
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
		cext_progress_set(CEXT_PROGRESS_USERS_TOTAL,
						  estimate_rows(require_source(CEXT_ROLE_USERS)->relid));
	cext_progress_set(CEXT_PROGRESS_USERS_DONE, PG_GETARG_INT64(0));
	cext_progress_set(CEXT_PROGRESS_CONFIGS, PG_GETARG_INT64(1));
	cext_progress_set(CEXT_PROGRESS_PID, MyProcPid);
	PG_RETURN_VOID();
}
