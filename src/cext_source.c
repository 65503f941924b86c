/*-------------------------------------------------------------------------
 *
 * cext_source.c
 *	  The tables that the merge reads.
 *
 * A source is a table with a role, a few columns, and two triggers of ours that
 * are enabled ALWAYS.  As long as all triggers of all sources are whole, every
 * write is noticed; where they are not the sources are suspended, and reads
 * compute their result and store nothing.
 *
 * A fill that may be stored needs to know that the triggers are whole when it
 * stores, not just when it looked.  It therefore holds ROW EXCLUSIVE locks on
 * the sources from before it looks until it has stored.  Whatever can break a
 * trigger needs a lock that conflicts (SHARE ROW EXCLUSIVE at least), so:
 *
 *	- a transaction that broke one and let its lock go has sent its relcache
 *	  invalidation before, and our taking the lock received it;
 *	- a transaction that breaks one later marks everything when it commits,
 *	  which is after we stored, and so the entry dies.
 *
 * An ACCESS SHARE lock would not do: a transaction leaves the proc array, and
 * completes its slots, before its relcache invalidations go out.  The locks are
 * taken only if they are free, since a reader must not wait for CREATE INDEX.
 *
 * Sources are known by OID, which is looked up in the schema cache_ext and
 * nowhere else, so that search_path and temporary tables cannot interfere; the
 * statements run with a pinned search_path, as the owner of the tables, in a
 * security-restricted context.  Plans live as long as what they were made for:
 * a relcache invalidation of a source discards them.
 *
 * All state here is the backend's own.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "cext_source.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"

#define ROW_FUNCTION		"source_row"
#define STATEMENT_FUNCTION	"source_statement"

static const struct
{
	const char *relname;
	const char *columns[CEXT_SOURCE_COLUMNS];
}			source_info[CEXT_NUM_ROLES] =
{
	[CEXT_ROLE_SCOPE_TYPES] = {"scope_types", {"scope_type", "keyed_by", "default_rank"}},
	[CEXT_ROLE_DEFINITIONS] = {"config_definitions", {"config_name", "merge_strategy", "ttl"}},
	[CEXT_ROLE_POLICIES] = {"config_policies", {"config_name", "scope_type", "rank"}},
	[CEXT_ROLE_FRAGMENTS] = {"config_fragments", {"scope_type", "scope_id", "config_name", "config"}},
	[CEXT_ROLE_USERS] = {"users", {"user_id", "domain_id"}},
};

/*
 * One row for each fragment that applies, in rank order, or one row without a
 * fragment.  At most one index scan for each scope: the branches for the other
 * keys are cut off by a one-time filter.
 */
static const char *const fetch_query =
"SELECT d.merge_strategy,"
" (extract(epoch FROM d.ttl) * 1000)::bigint,"
" s.domain_id,"
" f.config"
" FROM (SELECT (SELECT u.domain_id FROM ONLY cache_ext.users u WHERE u.user_id = $1)"
"       OFFSET 0) s(domain_id)"
" LEFT JOIN ONLY cache_ext.config_definitions d ON d.config_name = $2"
" LEFT JOIN (ONLY cache_ext.config_policies p"
"   JOIN ONLY cache_ext.scope_types t ON t.scope_type = p.scope_type"
"   JOIN LATERAL (SELECT x.config FROM ONLY cache_ext.config_fragments x"
"                  WHERE t.keyed_by = 'none' AND x.config_name = $2"
"                    AND x.scope_type = p.scope_type AND x.scope_id IS NULL"
"                 UNION ALL"
"                 SELECT x.config FROM ONLY cache_ext.config_fragments x"
"                  WHERE t.keyed_by = 'domain' AND x.config_name = $2"
"                    AND x.scope_type = p.scope_type AND x.scope_id = s.domain_id"
"                 UNION ALL"
"                 SELECT x.config FROM ONLY cache_ext.config_fragments x"
"                  WHERE t.keyed_by = 'user' AND x.config_name = $2"
"                    AND x.scope_type = p.scope_type AND x.scope_id = $1) f ON true)"
"   ON p.config_name = $2 AND p.config_name = d.config_name"
" ORDER BY coalesce(p.rank, t.default_rank), p.scope_type";

static CextSource sources[CEXT_NUM_ROLES];
static bool sources_valid = false;	/* cleared by invalidations */
static bool sources_complete;	/* all tables are there */
static bool sources_checked;	/* the triggers were looked at */
static bool sources_whole;		/* and found whole */
static Oid	row_function;
static Oid	statement_function;

static SPIPlanPtr fetch_plan = NULL;
static bool fetch_planned;

/* What scope types are keyed by, as of their last change. */
typedef struct ScopeType
{
	struct ScopeType *next;
	CextSliceKind slice;
	int			len;
	char		name[FLEXIBLE_ARRAY_MEMBER];
} ScopeType;

static ScopeType *scope_types = NULL;
static MemoryContext scope_types_context = NULL;
static bool scope_types_valid = false;

static void
relcache_callback(Datum arg, Oid relid)
{
	for (int i = 0; i < CEXT_NUM_ROLES; i++)
	{
		if (relid == InvalidOid || sources[i].relid == relid)
		{
			sources_valid = false;
			scope_types_valid = false;
		}
	}
}

/*
 * Listen to invalidations; called once, from _PG_init.
 */
void
cext_source_init(void)
{
	CacheRegisterRelcacheCallback(relcache_callback, (Datum) 0);
}

static Oid
trigger_function(const char *name)
{
	return LookupFuncName(list_make2(makeString(CEXT_SCHEMA),
									 makeString(pstrdup(name))),
						  0, NULL, true);
}

/*
 * Look the tables up, unless that was done since the last invalidation.
 */
static void
resolve(void)
{
	Oid			schema;

	if (sources_valid)
		return;

	if (fetch_plan != NULL)
	{
		SPI_freeplan(fetch_plan);
		fetch_plan = NULL;
	}

	/* First, so that an invalidation that comes meanwhile is not lost. */
	sources_valid = true;
	sources_complete = true;
	sources_checked = false;

	schema = get_namespace_oid(CEXT_SCHEMA, true);
	for (int i = 0; i < CEXT_NUM_ROLES; i++)
	{
		CextSource *source = &sources[i];

		source->role = i;
		source->relid = OidIsValid(schema) ?
			get_relname_relid(source_info[i].relname, schema) : InvalidOid;
		if (!OidIsValid(source->relid))
			sources_complete = false;
		for (int k = 0; k < CEXT_SOURCE_COLUMNS; k++)
		{
			const char *column = source_info[i].columns[k];

			source->columns[k] = InvalidAttrNumber;
			if (column == NULL || !OidIsValid(source->relid))
				continue;
			source->columns[k] = get_attnum(source->relid, column);
			if (source->columns[k] == InvalidAttrNumber)
				sources_complete = false;
		}
	}
	row_function = trigger_function(ROW_FUNCTION);
	statement_function = trigger_function(STATEMENT_FUNCTION);

	/* What is not there yet sends no invalidation when it comes. */
	if (!sources_complete)
		sources_valid = false;
}

/*
 * The source with the given OID, or NULL.
 */
const CextSource *
cext_source_by_relid(Oid relid)
{
	resolve();
	for (int i = 0; i < CEXT_NUM_ROLES; i++)
	{
		if (sources[i].relid == relid)
			return sources_complete ? &sources[i] : NULL;
	}
	return NULL;
}

/*
 * Has the table both triggers, enabled whatever session_replication_role is,
 * for all events, and without a condition?
 */
static bool
triggers_are_whole(Relation rel)
{
	const int16 row_type = TRIGGER_TYPE_ROW | TRIGGER_TYPE_AFTER |
		TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE;
	const int16 statement_type = TRIGGER_TYPE_STATEMENT | TRIGGER_TYPE_BEFORE |
		TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE |
		TRIGGER_TYPE_TRUNCATE;
	bool		row = false;
	bool		statement = false;

	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *trigger = &rel->trigdesc->triggers[i];

		if (trigger->tgenabled != TRIGGER_FIRES_ALWAYS ||
			trigger->tgqual != NULL || trigger->tgnattr != 0)
			continue;
		if (trigger->tgfoid == row_function && trigger->tgtype == row_type)
			row = true;
		if (trigger->tgfoid == statement_function &&
			trigger->tgtype == statement_type)
			statement = true;
	}
	return row && statement;
}

/*
 * Look at the triggers of all sources, which must be locked.
 */
static void
check_triggers(void)
{
	sources_whole = true;
	for (int i = 0; i < CEXT_NUM_ROLES; i++)
	{
		Relation	rel = RelationIdGetRelation(sources[i].relid);

		if (!RelationIsValid(rel) || !triggers_are_whole(rel))
			sources_whole = false;
		if (RelationIsValid(rel))
			RelationClose(rel);
	}
	sources_checked = true;
}

/*
 * Lock all sources that can be locked without a wait, in their order, up to
 * the first that cannot.
 */
static void
lock_sources(CextSourceLocks *locks)
{
	for (locks->n = 0; locks->n < CEXT_NUM_ROLES; locks->n++)
	{
		Oid			relid = sources[locks->n].relid;

		if (!ConditionalLockRelationOid(relid, RowExclusiveLock))
			return;
		locks->relids[locks->n] = relid;
	}
}

/*
 * Lock the sources for a fill that is to be stored.  Only where the result is
 * CEXT_SOURCE_WHOLE are any locks held; then the caller must call
 * cext_source_unlock, but not after an error.
 */
CextSourceState
cext_source_lock(CextSourceLocks *locks)
{
	for (;;)
	{
		resolve();
		if (!sources_complete)
			return CEXT_SOURCE_SUSPENDED;
		lock_sources(locks);
		if (locks->n < CEXT_NUM_ROLES)
		{
			cext_source_unlock(locks);
			return CEXT_SOURCE_LOCKED;
		}
		if (sources_valid)
			break;
		/* Something changed before we got the locks: look again. */
		cext_source_unlock(locks);
	}

	if (!sources_checked)
		check_triggers();
	if (sources_whole)
		return CEXT_SOURCE_WHOLE;
	cext_source_unlock(locks);
	return CEXT_SOURCE_SUSPENDED;
}

/*
 * Let the locks of cext_source_lock go.
 */
void
cext_source_unlock(CextSourceLocks *locks)
{
	while (locks->n > 0)
		UnlockRelationOid(locks->relids[--locks->n], RowExclusiveLock);
}

/*
 * Prepare the statement, if need be.  Needs SPI and the pinned search_path.
 */
static void
prepare_fetch(void)
{
	Oid			argtypes[2] = {TEXTOID, TEXTOID};
	SPIPlanPtr	plan;

	resolve();
	if (fetch_plan != NULL)
		return;
	plan = SPI_prepare_cursor(fetch_query, 2, argtypes, CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare the fetch: %s",
			 SPI_result_code_string(SPI_result));
	fetch_plan = plan;
	fetch_planned = false;
}

/*
 * Run the statement under the active snapshot.  The first time it is planned,
 * and kept from sequential scans: the plan outlives the table's being small.
 */
static void
execute_fetch(Datum *values, const char *nulls)
{
	int			nestlevel = 0;
	int			rc;

	prepare_fetch();
	if (!fetch_planned)
	{
		nestlevel = NewGUCNestLevel();
		(void) set_config_option("enable_seqscan", "off", PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	}
	rc = SPI_execute_snapshot(fetch_plan, values, nulls, GetActiveSnapshot(),
							  InvalidSnapshot, true, false, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "could not run the fetch: %s", SPI_result_code_string(rc));
	if (!fetch_planned)
	{
		AtEOXact_GUC(false, nestlevel);
		fetch_planned = true;
	}
}

static CextStrategy
parse_strategy(const char *name)
{
	if (strcmp(name, "shallow") == 0)
		return CEXT_MERGE_SHALLOW;
	if (strcmp(name, "replace") == 0)
		return CEXT_MERGE_REPLACE;
	if (strcmp(name, "merge_patch") == 0)
		return CEXT_MERGE_PATCH;
	return CEXT_MERGE_DEEP;
}

/*
 * Copy what the statement returned into a context that outlives SPI.
 */
static void
copy_rows(CextFetched *fetched, MemoryContext context)
{
	SPITupleTable *table = SPI_tuptable;
	MemoryContext old = MemoryContextSwitchTo(context);
	uint64		nrows = SPI_processed;

	memset(fetched, 0, sizeof(*fetched));
	fetched->docs = palloc(nrows * sizeof(Jsonb *));
	for (uint64 i = 0; i < nrows; i++)
	{
		HeapTuple	tuple = table->vals[i];
		bool		isnull;
		Datum		value;

		value = SPI_getbinval(tuple, table->tupdesc, 4, &isnull);
		if (!isnull)
			fetched->docs[fetched->ndocs++] = DatumGetJsonbPCopy(value);
		if (i > 0)
			continue;

		/* These are the same in all rows. */
		value = SPI_getbinval(tuple, table->tupdesc, 1, &isnull);
		if (!isnull)
			fetched->strategy = parse_strategy(TextDatumGetCString(value));
		value = SPI_getbinval(tuple, table->tupdesc, 2, &isnull);
		if (!isnull)
			fetched->ttl_ms = DatumGetInt64(value);
		value = SPI_getbinval(tuple, table->tupdesc, 3, &isnull);
		if (!isnull)
		{
			fetched->domain.data = TextDatumGetCString(value);
			fetched->domain.len = strlen(fetched->domain.data);
		}
	}
	MemoryContextSwitchTo(old);
}

static Datum
string_to_text(CextString s)
{
	return PointerGetDatum(cstring_to_text_with_len(s.data, s.len));
}

/* Who ran before the owner of the sources did. */
typedef struct Caller
{
	Oid			user;
	int			sec_context;
	CextSearchPath path;
} Caller;

/*
 * Become the owner of the sources, in a security-restricted context with a
 * pinned search_path, and connect to SPI.  An error undoes all of it.
 */
static void
become_owner(Caller *caller)
{
	Relation	rel;

	resolve();
	GetUserIdAndSecContext(&caller->user, &caller->sec_context);
	rel = RelationIdGetRelation(sources[CEXT_ROLE_FRAGMENTS].relid);
	if (RelationIsValid(rel))
	{
		SetUserIdAndSecContext(rel->rd_rel->relowner,
							   caller->sec_context |
							   SECURITY_LOCAL_USERID_CHANGE |
							   SECURITY_RESTRICTED_OPERATION);
		RelationClose(rel);
	}
	CextPinSearchPath(&caller->path);
	SPI_connect();
}

static void
become_caller(Caller *caller)
{
	SPI_finish();
	CextUnpinSearchPath(&caller->path);
	SetUserIdAndSecContext(caller->user, caller->sec_context);
}

/*
 * Read, under the active snapshot, what the tables say of a user, who may be
 * null for the public configuration, and a name.  The result is allocated in
 * the current context.  Throws what reading tables can throw.
 */
void
cext_source_fetch(CextString user, CextString name, CextFetched *fetched)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		values[2] = {0};
	char		nulls[3] = "  ";
	Caller		caller;

	become_owner(&caller);
	if (user.data == NULL)
		nulls[0] = 'n';
	else
		values[0] = string_to_text(user);
	values[1] = string_to_text(name);
	execute_fetch(values, nulls);
	copy_rows(fetched, context);
	become_caller(&caller);
}

static void
add_scope_type(const char *name, const char *keyed_by)
{
	int			len = strlen(name);
	ScopeType  *type = MemoryContextAlloc(scope_types_context,
										  offsetof(ScopeType, name) + len);

	memcpy(type->name, name, len);
	type->len = len;
	type->slice = strcmp(keyed_by, "domain") == 0 ?
		CEXT_SLICE_DOMAIN_NAME : CEXT_SLICE_USER_NAME;
	type->next = scope_types;
	scope_types = type;
}

/*
 * Read what scope types are keyed by.
 */
static void
load_scope_types(void)
{
	Caller		caller;

	if (scope_types_context == NULL)
		scope_types_context = AllocSetContextCreate(TopMemoryContext,
													"cache_ext scope types",
													ALLOCSET_SMALL_SIZES);
	MemoryContextReset(scope_types_context);
	scope_types = NULL;

	become_owner(&caller);
	scope_types_valid = sources_valid;
	if (SPI_execute("SELECT scope_type, keyed_by FROM ONLY cache_ext.scope_types",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the scope types");
	for (uint64 i = 0; i < SPI_processed; i++)
		add_scope_type(SPI_getvalue(SPI_tuptable->vals[i],
									SPI_tuptable->tupdesc, 1),
					   SPI_getvalue(SPI_tuptable->vals[i],
									SPI_tuptable->tupdesc, 2));
	become_caller(&caller);
}

/*
 * The kind of slice that a fragment with a scope id belongs to.  The two
 * possible ones hash alike, so that an answer that is out of date, or about a
 * scope type that is gone, is a matter of statistics only.  Runs SQL after the
 * scope types changed.
 */
CextSliceKind
cext_source_fragment_slice(CextString scope_type)
{
	if (!scope_types_valid)
		load_scope_types();
	for (ScopeType *type = scope_types; type != NULL; type = type->next)
	{
		if (type->len == scope_type.len &&
			memcmp(type->name, scope_type.data, type->len) == 0)
			return type->slice;
	}
	return CEXT_SLICE_USER_NAME;
}

/*
 * Is a function one that triggers of ours call?  Needs a transaction.
 */
bool
cext_source_is_our_trigger(Oid function)
{
	Oid			schema = get_namespace_oid(CEXT_SCHEMA, true);

	return OidIsValid(schema) && get_func_namespace(function) == schema;
}

/*
 * Has a table a trigger of ours, in whatever state?  Needs a transaction.
 */
bool
cext_source_relation_has_trigger(Oid relid)
{
	Relation	rel = RelationIdGetRelation(relid);
	bool		found = false;

	if (!RelationIsValid(rel))
		return false;
	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
		found |= cext_source_is_our_trigger(rel->trigdesc->triggers[i].tgfoid);
	RelationClose(rel);
	return found;
}
