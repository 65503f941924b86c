/*-------------------------------------------------------------------------
 *
 * functions/explain.c
 *	  Functions that say where a configuration comes from: its fragments, what a
 *	  read would do, what the tables give.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "config/compute.h"
#include "config/fetch.h"
#include "functions/argument.h"
#include "store/scan.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

CEXT_FUNCTION_INFO_V1(cache_ext_compute_config);
CEXT_FUNCTION_INFO_V1(cache_ext_read_state);
CEXT_FUNCTION_INFO_V1(cache_ext_fragments);

/*
 * An id that was given, or one that the views show of a column of the type.
 */
static CextString
get_id(FunctionCallInfo fcinfo, int n, const char *what, CextType type)
{
	return type.kind == CEXT_TYPE_BPCHAR ? cext_argument_shown(fcinfo, n, what) :
		cext_argument_id(fcinfo, n, what);
}

/*
 * A request from the arguments user_id and config_name; without a user, for the
 * public configuration.  False if there is no name.
 */
static bool
get_request(FunctionCallInfo fcinfo, CextConfigRequest *request)
{
	CextString	user;
	CextString	name;
	uint64		any;
	CextCounter reason;

	/* The sources say what types ids have. */
	(void) cext_config_usable(GetActiveSnapshot(), &any, &reason);
	user = get_id(fcinfo, 0, "user id", cext_sources.user_type);
	name = get_id(fcinfo, 1, "config name", cext_sources.name_type);
	*request = (CextConfigRequest) {0};
	cext_config_ask(request, user.data == NULL ? CEXT_SPACE_PUBLIC : CEXT_SPACE_JSONB, user, name);
	return name.data != NULL;
}

/*
 * compute_config(user_id text, config_name text)
 */
Datum
cache_ext_compute_config(PG_FUNCTION_ARGS)
{
	CextConfigRequest request;
	struct varlena *value = NULL;

	if (get_request(fcinfo, &request))
		value = cext_config_compute(&request);
	if (value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(value);
}

/*
 * Why a read that the cache may answer would not find an entry, or NULL.
 */
static const char *
find_miss(const CextConfigRequest *request, Snapshot snapshot, uint64 any)
{
	CextSeen	seen;

	if (!cext_scan_look(&request->read.key, false, &seen))
		return "it is not cached";
	if (cext_expired(seen.expires))
		return "its time to live is over";
	if (!cext_seen_holds(&seen, snapshot, any))
		return "it was invalidated after this snapshot or after it was cached";
	return NULL;
}

/*
 * Has this transaction changed what the result depends on?  As far as that shows
 * before it is computed.
 */
static bool
is_own(const CextConfigRequest *request)
{
	CextSeen	seen;

	return cext_config_is_own(request) ||
		(cext_scan_look(&request->read.key, false, &seen) && cext_seen_is_own(&seen));
}

/*
 * read_state(user_id text, config_name text): what a read would do now, and why.
 * Whether the result of a miss is one to be stored shows when it is computed, which
 * stores nothing.
 */
Datum
cache_ext_read_state(PG_FUNCTION_ARGS)
{
	Snapshot	snapshot = GetActiveSnapshot();
	CextConfigRequest request;
	uint64		any;
	CextCounter reason;
	bool		usable;
	const char *miss = NULL;

	if (!get_request(fcinfo, &request))
		PG_RETURN_NULL();
	usable = cext_config_prepare(&request, snapshot, &any, &reason);
	if (cext_sources.set.suspended != NULL)
		PG_RETURN_TEXT_P(cstring_to_text(psprintf("reads through: the source of %s is suspended",
												  cext_sources.set.suspended->part->name)));
	if (usable && is_own(&request))
	{
		reason = CEXT_COUNT_RT_OWN_CHANGE;
		usable = false;
	}
	if (usable)
		miss = find_miss(&request, snapshot, any);
	if (!usable ||
		(miss != NULL && !cext_entry_is_wanted(cext_config_compute(&request), &reason)))
		PG_RETURN_TEXT_P(cstring_to_text(psprintf("reads through: %s",
												  cext_counter_info[reason].reason)));
	PG_RETURN_TEXT_P(cstring_to_text(miss == NULL ? "hit" : psprintf("miss: %s", miss)));
}

/*
 * Add a row for each document that a scope contributed.
 */
static void
put_fragments(ReturnSetInfo *rsinfo, const CextFetch *fetch, const CextScope *scope,
			  int first, int64 *position)
{
	CextString	id = cext_fetch_scope_id(fetch, scope);

	for (int i = first; i < fetch->ndocs; i++)
	{
		Datum		values[6];
		bool		nulls[6] = {0};

		values[0] = Int64GetDatum(++*position);
		values[1] = Int64GetDatum(scope->rank);
		values[2] = cext_string_datum(scope->name, &nulls[2]);
		values[3] = cext_string_datum(id, &nulls[3]);
		values[4] = CStringGetTextDatum(cext_strategy_name(fetch->strategy));
		values[5] = JsonbPGetDatum(fetch->docs[i]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

/*
 * fragments_rows(user_id text, config_name text): what contributes, lowest rank
 * first.
 */
Datum
cache_ext_fragments(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Snapshot	snapshot = GetActiveSnapshot();
	int64		position = 0;
	CextConfigRequest request;
	CextFetch	fetch;
	uint64		any;
	CextCounter reason;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	if (!get_request(fcinfo, &request))
		return (Datum) 0;
	(void) cext_config_prepare(&request, snapshot, &any, &reason);
	cext_fetch_begin(&fetch, snapshot);
	fetch.user = request.read.key.parts[CEXT_ID];
	fetch.name = request.read.key.parts[CEXT_NAME];
	cext_fetch_domain(&fetch);
	cext_fetch_rules(&fetch);
	foreach(cell, fetch.scopes)
	{
		int			first = fetch.ndocs;

		cext_fetch_fragments(&fetch, lfirst(cell));
		put_fragments(rsinfo, &fetch, lfirst(cell), first, &position);
	}
	cext_fetch_end(&fetch);
	return (Datum) 0;
}
