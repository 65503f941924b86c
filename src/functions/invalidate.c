/*-------------------------------------------------------------------------
 *
 * functions/invalidate.c
 *	  Invalidation by hand: for results whose inputs change outside the tables.
 *
 * Like what triggers collect, it takes effect when the transaction commits, and
 * listeners are notified of it.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "config/kind.h"
#include "config/parts.h"
#include "core/shmem.h"
#include "functions/argument.h"
#include "read/entry.h"
#include "write/change.h"
#include "write/xact.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/snapmgr.h"

CEXT_FUNCTION_INFO_V1(cache_ext_invalidate_all);
CEXT_FUNCTION_INFO_V1(cache_ext_invalidate_user);
CEXT_FUNCTION_INFO_V1(cache_ext_invalidate_domain);
CEXT_FUNCTION_INFO_V1(cache_ext_invalidate_name);
CEXT_FUNCTION_INFO_V1(cache_ext_invalidate_scope);

/*
 * Begin an invalidation: the sources say what types ids have.
 */
static void
begin(const char *function)
{
	Snapshot	snapshot = GetActiveSnapshot();

	PreventCommandDuringRecovery(function);
	cext_source_require(&cext_sources.set, snapshot, cext_shmem_available() ?
						cext_entry_any(snapshot) : CEXT_NO_GENERATION);
	cext_change_because(CEXT_CAUSE_FUNCTION, InvalidOid);
}

static void
invalidate(CextConfigSlice type, CextString id, CextString name)
{
	CextSlice	slice = cext_config_slice(type, id, name);

	cext_xact_invalidate(&slice);
}

/*
 * The canonical text of an id that is not to be null.
 */
static CextString
get_canonical(FunctionCallInfo fcinfo, int n, const char *what, CextType type)
{
	CextString	id = cext_argument_id(fcinfo, n, what);

	if (id.data == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", what)));
	return type.kind == CEXT_TYPE_OTHER ? id : cext_type_canonicalize(type, id);
}

/*
 * The type of domain ids: of the column where a user's domain is found.
 */
static CextType
domain_type(void)
{
	const CextSource *domains = &cext_sources.source[CEXT_PART_DOMAINS];
	const CextSource *users = &cext_sources.source[CEXT_PART_USERS];

	return OidIsValid(domains->relid) ? domains->columns[CEXT_COL_DOMAIN_VALUE].type :
		users->columns[CEXT_COL_USER_DOMAIN].type;
}

/*
 * invalidate_all()
 */
Datum
cache_ext_invalidate_all(PG_FUNCTION_ARGS)
{
	PreventCommandDuringRecovery("cache_ext.invalidate_all()");
	cext_change_because(CEXT_CAUSE_FUNCTION, InvalidOid);
	cext_xact_invalidate_all(MyDatabaseId);
	PG_RETURN_VOID();
}

/*
 * invalidate_user(user_id text)
 */
Datum
cache_ext_invalidate_user(PG_FUNCTION_ARGS)
{
	begin("cache_ext.invalidate_user()");
	invalidate(CEXT_SLICE_USER,
			   get_canonical(fcinfo, 0, "user id", cext_sources.user_type),
			   CEXT_NULL_STRING);
	PG_RETURN_VOID();
}

/*
 * invalidate_domain(domain_id text)
 */
Datum
cache_ext_invalidate_domain(PG_FUNCTION_ARGS)
{
	begin("cache_ext.invalidate_domain()");
	invalidate(CEXT_SLICE_DOMAIN,
			   get_canonical(fcinfo, 0, "domain id", domain_type()),
			   CEXT_NULL_STRING);
	PG_RETURN_VOID();
}

/*
 * invalidate_name(config_name text) and invalidate_policy(config_name text)
 */
Datum
cache_ext_invalidate_name(PG_FUNCTION_ARGS)
{
	begin("cache_ext.invalidate_name()");
	invalidate(CEXT_SLICE_NAME, CEXT_NULL_STRING,
			   get_canonical(fcinfo, 0, "config name", cext_sources.name_type));
	PG_RETURN_VOID();
}

static void
report_scope_type(CextString name)
{
	StringInfoData known;

	initStringInfo(&known);
	for (int i = 0; i < cext_sources.nscope_types; i++)
		appendStringInfo(&known, "%s%s", i > 0 ? ", " : "",
						 cext_sources.scope_types[i].name.data);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("scope type \"%.*s\" does not exist", name.len, name.data),
			 errhint("Scope types are: %s.", known.data)));
}

/*
 * invalidate_scope(scope_type text, scope_id text): what fragments of one scope
 * contribute to, whatever their name.
 */
Datum
cache_ext_invalidate_scope(PG_FUNCTION_ARGS)
{
	const CextType text = {CEXT_TYPE_TEXT, TEXTOID};
	const CextScopeType *type;
	CextString	name;

	begin("cache_ext.invalidate_scope()");
	name = get_canonical(fcinfo, 0, "scope type", text);
	type = cext_parts_scope_type(&cext_sources, name);
	if (type == NULL)
		report_scope_type(name);
	else if (type->keyed_by == CEXT_KEYED_BY_NONE)
	{
		if (!PG_ARGISNULL(1))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("scope type \"%s\" has no scope ids", type->name.data),
					 errhint("Give null for the scope id.")));
		/* It contributes to every name. */
		cext_xact_invalidate_all(MyDatabaseId);
	}
	else if (type->keyed_by == CEXT_KEYED_BY_DOMAIN)
		invalidate(CEXT_SLICE_DOMAIN, get_canonical(fcinfo, 1, "scope id", domain_type()),
				   CEXT_NULL_STRING);
	else
		invalidate(CEXT_SLICE_USER,
				   get_canonical(fcinfo, 1, "scope id", cext_sources.user_type),
				   CEXT_NULL_STRING);
	PG_RETURN_VOID();
}
