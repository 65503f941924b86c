/*-------------------------------------------------------------------------
 *
 * functions/get.c
 *	  The SQL functions that read configurations.
 *
 * They check their arguments and leave the rest to config/compute.c.  A null user
 * or name gives null, as a name without a configuration does.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "functions/get.h"

#include "config/compute.h"
#include "config/nameset.h"
#include "functions/argument.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/tuplestore.h"

CEXT_FUNCTION_INFO_V1(cache_ext_get_merged_configs_support);
CEXT_FUNCTION_INFO_V1(cache_ext_get_public_config);
CEXT_FUNCTION_INFO_V1(cache_ext_get_public_configs);
CEXT_FUNCTION_INFO_V1(cache_ext_get_public_configs_json);
CEXT_FUNCTION_INFO_V1(cache_ext_get_my_config);
CEXT_FUNCTION_INFO_V1(cache_ext_get_my_configs);
CEXT_FUNCTION_INFO_V1(cache_ext_get_my_configs_json);

/*
 * The SQL functions of one name whose first argument is a user id, of type text, uuid or
 * bigint.  In the expression for their result, user is the id as a string.
 */
#define FUNCTIONS_OF_USER(name, result) \
	FUNCTION_OF_USER(name, cext_argument_id(fcinfo, 0, "user id"), result) \
	FUNCTION_OF_USER(name##_uuid, cext_argument_uuid(fcinfo, 0, ID_BUFFER), result) \
	FUNCTION_OF_USER(name##_bigint, cext_argument_bigint(fcinfo, 0, ID_BUFFER), result)

/* Of the function that it stands in. */
#define ID_BUFFER	((char[CEXT_ID_TEXT_LEN]) {0})

#define FUNCTION_OF_USER(name, id, result) \
	CEXT_FUNCTION_INFO_V1(name); \
	Datum \
	name(PG_FUNCTION_ARGS) \
	{ \
		CextString	user = id; \
 \
		return result; \
	}

/* The setting cache_ext.user_id. */
static char *my_user_id = NULL;

/* Room that is taken for several documents before they are known. */
#define MAX_JSON_GUESS	((Size) 1024 * 1024)

/*
 * Define what get_my_config reads; called once, from _PG_init.
 */
void
cext_get_define(void)
{
	/*
	 * It decides whose configurations are read.  So only superusers may set
	 * it, and roles that were granted SET on it.
	 */
	DefineCustomStringVariable("cache_ext.user_id",
							   "The user whose configurations get_my_config and get_my_configs give.",
							   NULL,
							   &my_user_id, "",
							   PGC_SUSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
}

/*
 * The user that the setting names, which those who ask may not be able to change.
 */
static CextString
get_my_user(void)
{
	CextString	user;

	if (my_user_id == NULL || my_user_id[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no user whose configuration could be read"),
				 errdetail("The setting cache_ext.user_id is empty."),
				 errhint("A superuser, or a role that was granted SET on cache_ext.user_id, sets it; for a role of its own with ALTER ROLE ... SET cache_ext.user_id.")));
	user = cext_string(my_user_id);
	cext_argument_check(user, "cache_ext.user_id");
	return user;
}

/*
 * Does the space have a configuration for the id?  Only the public ones are nobody's.
 */
static inline bool
is_asked_for(CextConfigSpace space, CextString id)
{
	return likely(id.data != NULL) || CEXT_SPACE_IS_PUBLIC(space);
}

/*
 * Read a configuration; NULL where there is none, or where the id or name is null.
 */
static inline struct varlena *
read_config(CextConfigSpace space, CextString id, CextString name)
{
	CextConfigRequest request = {0};

	cext_config_ask(&request, space, id, name);
	if (likely(is_asked_for(space, id) && name.data != NULL))
		return cext_config_read(&request);
	return NULL;
}

static void
report_missing(CextString user, CextString name)
{
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 errmsg("no configuration found"),
			 user.data == NULL || name.data == NULL ?
			 errdetail("The user id or the config name is null.") :
			 errdetail("Nothing contributes to config name \"%.*s\" for user \"%.*s\".",
					   name.len, name.data, user.len, user.data)));
}

/*
 * get_merged_config and get_merged_config_json
 */
static inline Datum
get_merged(FunctionCallInfo fcinfo, CextConfigSpace space, CextString user)
{
	CextString	name = cext_argument_id(fcinfo, 1, "config name");
	struct varlena *value;

	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("missing_ok must not be null")));

	value = read_config(space, user, name);
	if (value != NULL)
		PG_RETURN_POINTER(value);
	if (!PG_GETARG_BOOL(2))
		report_missing(user, name);
	PG_RETURN_NULL();
}

/*
 * get_merged_config(user_id, config_name text, missing_ok boolean)
 */
FUNCTIONS_OF_USER(cache_ext_get_merged_config, get_merged(fcinfo, CEXT_SPACE_JSONB, user))

/*
 * get_merged_config_json(user_id, config_name text, missing_ok boolean)
 */
FUNCTIONS_OF_USER(cache_ext_get_merged_config_json, get_merged(fcinfo, CEXT_SPACE_JSON, user))

/*
 * What a function whose first argument is a name returns for an id, which is null
 * for the public configuration.
 */
static Datum
read_name(FunctionCallInfo fcinfo, CextConfigSpace space, CextString id)
{
	struct varlena *value = read_config(space, id, cext_argument_id(fcinfo, 0, "config name"));

	if (value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(value);
}

/*
 * get_my_config(config_name text): of the user that a setting names, which the
 * caller may not be able to change.
 */
Datum
cache_ext_get_my_config(PG_FUNCTION_ARGS)
{
	return read_name(fcinfo, CEXT_SPACE_JSONB, get_my_user());
}

/*
 * get_public_config(config_name text)
 */
Datum
cache_ext_get_public_config(PG_FUNCTION_ARGS)
{
	return read_name(fcinfo, CEXT_SPACE_PUBLIC, CEXT_NULL_STRING);
}

static Datum
get_value(FunctionCallInfo fcinfo, CextString user)
{
	CextConfigRequest request = {0};
	CextString	name = cext_argument_id(fcinfo, 1, "config name");
	CextString *path;
	int			npath;
	struct varlena *value;

	if (PG_ARGISNULL(2))
		PG_RETURN_NULL();
	path = cext_argument_strings(PG_GETARG_ARRAYTYPE_P(2), "path", &npath);
	for (int i = 0; i < npath; i++)
	{
		if (path[i].data == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("path element at position %d is null", i + 1)));
	}
	if (user.data == NULL || name.data == NULL)
		PG_RETURN_NULL();

	cext_config_ask(&request, CEXT_SPACE_JSONB, user, name);
	request.read.path = path;
	request.read.npath = npath;
	value = cext_config_read(&request);
	if (value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(value);
}

/*
 * get_config_value(user_id, config_name text, VARIADIC path text[])
 */
FUNCTIONS_OF_USER(cache_ext_get_config_value, get_value(fcinfo, user))

/*
 * A row for each name of an array, argument n, which is read for the id.
 */
static Datum
read_names(FunctionCallInfo fcinfo, CextConfigSpace space, CextString id, int n)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CextString *names;
	int			nnames;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(n))
		PG_RETURN_VOID();
	names = cext_argument_strings(PG_GETARG_ARRAYTYPE_P(n), "config_names", &nnames);

	for (int i = 0; i < nnames; i++)
	{
		struct varlena *value;
		Datum		values[2] = {0};
		bool		nulls[2] = {false, false};

		CHECK_FOR_INTERRUPTS();
		values[0] = cext_string_datum(names[i], &nulls[0]);
		if (names[i].data != NULL)
			cext_argument_check(names[i], "config name");
		value = read_config(space, id, names[i]);
		values[1] = PointerGetDatum(value);
		nulls[1] = (value == NULL);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		if (value != NULL)
			pfree(value);
	}
	PG_RETURN_VOID();
}

/*
 * get_merged_configs(user_id, config_names text[])
 */
FUNCTIONS_OF_USER(cache_ext_get_merged_configs, read_names(fcinfo, CEXT_SPACE_JSONB, user, 1))

/*
 * get_my_configs(config_names text[])
 */
Datum
cache_ext_get_my_configs(PG_FUNCTION_ARGS)
{
	return read_names(fcinfo, CEXT_SPACE_JSONB, get_my_user(), 0);
}

/*
 * get_public_configs(config_names text[])
 */
Datum
cache_ext_get_public_configs(PG_FUNCTION_ARGS)
{
	return read_names(fcinfo, CEXT_SPACE_PUBLIC, CEXT_NULL_STRING, 0);
}

/*
 * One object with each name of an array, argument n, which is read for the id.  What
 * is cached is text already, so that this is little more than copying.
 */
static Datum
read_object(FunctionCallInfo fcinfo, CextConfigSpace space, CextString id, int n)
{
	StringInfoData json;
	CextString *names;
	nameset_hash *seen;
	int			nnames;

	if (PG_ARGISNULL(n))
		PG_RETURN_NULL();
	names = cext_argument_strings(PG_GETARG_ARRAYTYPE_P(n), "config_names", &nnames);
	if (!is_asked_for(space, id))
		PG_RETURN_NULL();

	seen = nameset_create(CurrentMemoryContext, Min(nnames, 1024), NULL);
	initStringInfo(&json);
	/* The result is a varlena: its header comes first. */
	appendStringInfoSpaces(&json, VARHDRSZ);
	appendStringInfoChar(&json, '{');
	for (int i = 0; i < nnames; i++)
	{
		struct varlena *value;
		bool		repeated;

		CHECK_FOR_INTERRUPTS();
		if (names[i].data == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("config name at position %d is null", i + 1)));
		cext_argument_check(names[i], "config name");
		nameset_insert(seen, names[i], &repeated);
		if (repeated)
			continue;
		value = read_config(space, id, names[i]);
		if (i > 0)
			appendStringInfoString(&json, ", ");
		escape_json(&json, pnstrdup(names[i].data, names[i].len));
		appendStringInfoString(&json, ": ");
		if (value == NULL)
			appendStringInfoString(&json, "null");
		else
		{
			/* Those that follow will not be much larger, most of the time. */
			if (i == 0)
				enlargeStringInfo(&json, Min((Size) nnames * (VARSIZE(value) + names[i].len + 8),
											 MAX_JSON_GUESS));
			appendBinaryStringInfo(&json, VARDATA(value), VARSIZE(value) - VARHDRSZ);
			pfree(value);
		}
	}
	appendStringInfoChar(&json, '}');
	SET_VARSIZE(json.data, json.len);
	PG_RETURN_POINTER(json.data);
}

/*
 * get_merged_configs_json(user_id, config_names text[])
 */
FUNCTIONS_OF_USER(cache_ext_get_merged_configs_json, read_object(fcinfo, CEXT_SPACE_JSON, user, 1))

/*
 * get_my_configs_json(config_names text[])
 */
Datum
cache_ext_get_my_configs_json(PG_FUNCTION_ARGS)
{
	return read_object(fcinfo, CEXT_SPACE_JSON, get_my_user(), 0);
}

/*
 * get_public_configs_json(config_names text[])
 */
Datum
cache_ext_get_public_configs_json(PG_FUNCTION_ARGS)
{
	return read_object(fcinfo, CEXT_SPACE_PUBLIC_JSON, CEXT_NULL_STRING, 0);
}

/*
 * get_merged_configs_support(internal) returns internal: tells the planner that
 * get_merged_configs and its like give a row for each name of the last argument.
 */
Datum
cache_ext_get_merged_configs_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestRows *rows = (SupportRequestRows *) request;

	if (!IsA(request, SupportRequestRows) || !is_funcclause(rows->node))
		PG_RETURN_POINTER(NULL);
	rows->rows = CextEstimateArrayLength(rows->root,
										 llast(((FuncExpr *) rows->node)->args));
	PG_RETURN_POINTER(rows);
}
