/*-------------------------------------------------------------------------
 *
 * functions/stats.c
 *	  The functions under the views of counters, of memory and of sources.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "config/kind.h"
#include "config/parts.h"
#include "core/guc.h"
#include "core/shmem.h"
#include "core/stats.h"
#include "protocol/slot.h"
#include "read/fill.h"
#include "read/sample.h"
#include "sources/check.h"
#include "store/store.h"
#include "write/log.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

CEXT_FUNCTION_INFO_V1(cache_ext_stats);
CEXT_FUNCTION_INFO_V1(cache_ext_memory_usage);
CEXT_FUNCTION_INFO_V1(cache_ext_sources);
CEXT_FUNCTION_INFO_V1(cache_ext_reset_stats);
CEXT_FUNCTION_INFO_V1(cache_ext_stats_since);
CEXT_FUNCTION_INFO_V1(cache_ext_hits_by_name);
CEXT_FUNCTION_INFO_V1(cache_ext_is_preloaded);

/*
 * Add a row (name text, value bigint, description text).
 */
static void
put_row(FunctionCallInfo fcinfo, const char *name, uint64 value,
		const char *description)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	values[0] = CStringGetTextDatum(name);
	values[1] = Int64GetDatum((int64) value);
	values[2] = CStringGetTextDatum(description);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * The counters, a row each.
 */
Datum
cache_ext_stats(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	(void) cext_shmem_available();
	for (int i = 0; i < CEXT_COUNT_INVALIDATIONS; i++)
		put_row(fcinfo, cext_counter_info[i].name, cext_stats_sum(i),
				cext_counter_info[i].description);
	for (int i = 0; i < CEXT_SLICE_TYPES; i++)
	{
		const CextKindInfo *kind = cext_kinds[i / CEXT_SLICES_PER_KIND];
		const CextSliceInfo *slice = kind == NULL ? NULL : &kind->slices[i % CEXT_SLICES_PER_KIND];

		if (slice != NULL && slice->of != NULL)
			put_row(fcinfo, psprintf("invalidations_%s", slice->name),
					cext_stats_sum(CEXT_COUNT_INVALIDATIONS + i),
					psprintf("committed invalidations of %s", slice->of));
	}
	PG_RETURN_VOID();
}

/*
 * hits_by_name_rows(): the names of this database that were found in the sample.
 */
Datum
cache_ext_hits_by_name(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CextSample *samples;
	int			n;

	StaticAssertStmt(CEXT_SAMPLE_PART == CEXT_NAME, "hits are counted by name");
	InitMaterializedSRF(fcinfo, 0);
	if (!cext_shmem_available())
		return (Datum) 0;
	samples = cext_sample_copy(&n);
	for (int i = 0; i < n; i++)
	{
		const CextSample *sample = &samples[i];
		Datum		values[2];
		bool		nulls[2] = {false, false};

		if (sample->db != MyDatabaseId || sample->kind != CEXT_KIND_CONFIG)
			continue;
		values[0] = PointerGetDatum(cstring_to_text_with_len(sample->value, sample->len));
		values[1] = Int64GetDatum((int64) (sample->weight - sample->taken_over));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * reset_stats()
 */
Datum
cache_ext_reset_stats(PG_FUNCTION_ARGS)
{
	if (cext_shmem_available())
		cext_sample_reset();
	cext_stats_reset();
	PG_RETURN_VOID();
}

/*
 * stats_since() returns timestamptz: when the counters were zero.
 */
Datum
cache_ext_stats_since(PG_FUNCTION_ARGS)
{
	TimestampTz since;

	(void) cext_shmem_available();
	since = cext_stats_since();
	if (since == 0)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(since);
}

/*
 * is_preloaded() returns boolean: is there shared memory?
 */
Datum
cache_ext_is_preloaded(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(cext_shmem_available());
}

/*
 * What the shared memory is used for, a row each.
 */
Datum
cache_ext_memory_usage(PG_FUNCTION_ARGS)
{
	CextStoreUsage usage;

	InitMaterializedSRF(fcinfo, 0);
	if (!cext_shmem_available())
		PG_RETURN_VOID();

	cext_store_usage(&usage);
	put_row(fcinfo, "configured_bytes", (Size) cext_memory_kb * 1024,
			"cache_ext.memory: all of the following, and alignment");
	put_row(fcinfo, "slot_bytes", cext_shmem_size_of(&cext_slot_shmem),
			"the slots that slices hash to");
	put_row(fcinfo, "counter_bytes", cext_shmem_size_of(&cext_stats_shmem) +
			cext_shmem_size_of(&cext_fill_shmem) + cext_shmem_size_of(&cext_log_shmem) +
			cext_shmem_size_of(&cext_sample_shmem),
			"counters of all backends, latches of fills, latest invalidations, sampled hits");
	put_row(fcinfo, "directory_bytes", usage.directory_bytes,
			"where entries are, and which were evicted lately");
	put_row(fcinfo, "segment_bytes", usage.segment_bytes,
			"room for entries");
	put_row(fcinfo, "free_bytes", usage.free_bytes,
			"segments that hold nothing");
	put_row(fcinfo, "used_bytes", usage.used_bytes,
			"entries, with their keys and overhead");
	put_row(fcinfo, "entries", usage.entries,
			"number of entries, those that an invalidation outdated included");
	put_row(fcinfo, "max_entry_bytes",
			Min((Size) cext_max_entry_kb * 1024, cext_store_max_value()),
			"largest result that is stored");
	PG_RETURN_VOID();
}

/*
 * What a source's columns are, as text.
 */
static char *
describe_columns(const CextSource *source)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < CEXT_SOURCE_COLUMNS; i++)
	{
		if (source->columns[i].attnum == InvalidAttrNumber)
			continue;
		appendStringInfo(&text, "%s%s => %s", text.len > 0 ? ", " : "",
						 source->part->columns[i].name,
						 source->columns[i].name == NULL ? "(dropped)" :
						 quote_identifier(source->columns[i].name));
	}
	if (source->stand_in.data != NULL)
		appendStringInfo(&text, ", public_id => %s",
						 quote_literal_cstr(source->stand_in.data));
	return text.data;
}

/*
 * The sources as the active snapshot sees them, a row each.
 */
Datum
cache_ext_sources(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CextSource	sources[CEXT_NUM_PARTS];

	InitMaterializedSRF(fcinfo, 0);
	cext_parts_own(sources);
	(void) cext_check_source(&sources[CEXT_PART_ATTACHED]);
	cext_parts_attached(sources);
	for (int i = 0; i < CEXT_NUM_PARTS; i++)
	{
		CextSource *source = &sources[i];
		CextSource	triggers;
		Datum		values[8];
		bool		nulls[8] = {0};

		if (!OidIsValid(source->relid) && source->problem.reason == NULL)
			continue;
		if (source->relname == NULL)
			(void) cext_check_source(source);

		/*
		 * That of what is attached is shown only if something is wrong with
		 * it.
		 */
		if (i == CEXT_PART_ATTACHED && source->problem.reason == NULL)
			continue;
		/* Their state is shown whatever else is wrong. */
		triggers = *source;
		triggers.problem = (CextProblem) {0};
		if (OidIsValid(source->relid))
			(void) cext_check_triggers(&triggers);
		values[0] = CStringGetTextDatum(source->part->name);
		values[1] = ObjectIdGetDatum(source->relid);
		nulls[1] = !OidIsValid(source->relid);
		values[2] = BoolGetDatum(source->attached);
		/* Those of our own tables have the names that they are known by. */
		nulls[3] = !source->attached;
		if (!nulls[3])
			values[3] = CStringGetTextDatum(describe_columns(source));
		values[4] = CStringGetTextDatum(triggers.problem.reason == NULL ? "whole" :
										triggers.problem.reason);
		values[5] = BoolGetDatum(source->problem.reason != NULL);
		nulls[6] = nulls[7] = source->problem.reason == NULL;
		if (!nulls[6])
		{
			values[6] = CStringGetTextDatum(source->problem.reason);
			values[7] = CStringGetTextDatum(source->problem.hint);
		}
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
