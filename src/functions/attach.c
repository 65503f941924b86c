/*-------------------------------------------------------------------------
 *
 * functions/attach.c
 *	  SQL functions: attach and detach an application's tables.
 *
 * Attaching a table is a row of cache_ext.attached and triggers on the table.
 * Both are made by the extension's owner, for a caller who owns the table, so
 * that an owner needs nothing but EXECUTE on the function.  All is transactional:
 * the row's trigger invalidates everything at commit.
 *
 * Attaching again what is attached mends its triggers, or changes its columns.
 *
 * Locks: EXCLUSIVE on cache_ext.attached, then SHARE ROW EXCLUSIVE on the table and its
 * partitions.  The first keeps callers apart, the second waits for transactions that
 * wrote without the triggers.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "config/advise.h"
#include "config/parts.h"
#include "sources/check.h"
#include "sources/extension.h"
#include "sources/mapping.h"
#include "sources/regcolumn.h"
#include "sources/spi.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

CEXT_FUNCTION_INFO_V1(cache_ext_attach_fragments);
CEXT_FUNCTION_INFO_V1(cache_ext_attach_policies);
CEXT_FUNCTION_INFO_V1(cache_ext_attach_users);
CEXT_FUNCTION_INFO_V1(cache_ext_detach);

/* What works with cache_ext.attached, locked, as its owner. */
typedef struct Session
{
	CextCaller	caller;
	Oid			owner;			/* of cache_ext.attached */
} Session;

static void
begin(Session *session)
{
	CextSource	own[CEXT_NUM_PARTS];

	cext_parts_own(own);
	/* Against transactions that change catalogs, too: see sources/concern.c. */
	if (OidIsValid(own[CEXT_PART_ATTACHED].relid))
		LockRelationOid(own[CEXT_PART_ATTACHED].relid, ExclusiveLock);
	if (!OidIsValid(own[CEXT_PART_ATTACHED].relid) ||
		!cext_mapping_describe(&own[CEXT_PART_ATTACHED]))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"attached\" of extension cache_ext does not exist"),
				 errhint("Create the extension anew, or rename the table back.")));
	session->owner = own[CEXT_PART_ATTACHED].owner;
	cext_spi_begin(&session->caller, session->owner);
}

static void
end(Session *session)
{
	cext_spi_end(&session->caller);
}

/*
 * Run a statement of ours, with parameters of type text.  Its rows are in
 * SPI_tuptable.
 */
static uint64
run(const char *sql, int nargs, const char **args)
{
	Oid			types[4] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[4] = {0};
	char		nulls[4] = "";
	int			rc;

	for (int i = 0; i < nargs; i++)
	{
		nulls[i] = args[i] == NULL ? 'n' : ' ';
		values[i] = args[i] == NULL ? (Datum) 0 : CStringGetTextDatum(args[i]);
	}
	rc = SPI_execute_with_args(sql, nargs, types, values, nulls, false, 0);
	if (rc < 0)
		elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(rc));
	return SPI_processed;
}

static void
check_owner(Oid relid, Oid role)
{
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	if (!CextOwnsRelation(relid, role))
		aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(get_rel_relkind(relid)),
					   name);
}

static void
report_refusal(const CextSource *source)
{
	ereport(ERROR,
			(errcode(source->problem.sqlerrcode),
			 errmsg("cannot attach table %s as the source of %s",
					source->relname, source->part->name),
			 errdetail_internal("%s", source->problem.reason),
			 errhint("%s", source->problem.hint)));
}

/*
 * Find a column by its name, which is null where the source has none.
 */
static void
find_column(CextSource *source, int i, const NameData *name)
{
	if (name == NULL)
		return;
	source->columns[i].attnum = get_attnum(source->relid, NameStr(*name));
	if (source->columns[i].attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						NameStr(*name), get_rel_name(source->relid)),
				 errhint("Name the column with %s => '...'.",
						 source->part->columns[i].name)));
}

/*
 * Refuse what could not be kept exact.  The table is locked against writers.
 */
static void
check_source(CextSource *source)
{
	if (cext_mapping_describe(source))
		cext_check_table(source);
	if (get_rel_namespace(source->relid) == cext_extension_schema())
		cext_problem_add(source, ERRCODE_WRONG_OBJECT_TYPE, false,
						 "It is one of the extension's own, which are read where nothing is attached.",
						 "Attach a table of yours, or detach what is attached.");
	if (source->relkind == RELKIND_RELATION && has_subclass(source->relid))
		cext_problem_add(source, ERRCODE_FEATURE_NOT_SUPPORTED, false,
						 "Other tables inherit from it, and changes of those would go unnoticed.",
						 "Use a partitioned table instead.");
	if (source->problem.reason != NULL)
		report_refusal(source);
}

/*
 * Lock the table and its partitions against writers.
 */
static void
lock_table(Oid relid)
{
	LockRelationOid(relid, ShareRowExclusiveLock);
	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		(void) find_all_inheritors(relid, ShareRowExclusiveLock, NULL);
}

/*
 * Bring the literal id of public fragments to its canonical text.
 */
static void
canonicalize_public_id(CextSource *source)
{
	CextType	type = source->columns[CEXT_COL_FRAGMENT_ID].type;

	if (source->stand_in.data != NULL)
		source->stand_in =
			cext_string_copy(cext_type_canonicalize(type, source->stand_in),
							 CurrentMemoryContext);
}

/*
 * Write the row, unless it is there.  One table can play one part, and a part is
 * played by one table; one that was dropped makes way.
 */
static void
put_row(const CextSource *source)
{
	const char *args[4];
	StringInfoData columns;

	initStringInfo(&columns);
	for (int i = 0; i < CEXT_SOURCE_COLUMNS; i++)
	{
		if (source->columns[i].attnum == InvalidAttrNumber)
			appendStringInfo(&columns, "%s-", i == 0 ? "{" : ",");
		else
			appendStringInfo(&columns, "%s%u.%d", i == 0 ? "{" : ",",
							 source->relid, source->columns[i].attnum);
	}
	appendStringInfoChar(&columns, '}');
	args[0] = source->part->name;
	args[1] = psprintf("%u", source->relid);
	args[2] = columns.data;
	args[3] = source->stand_in.data;

	if (run("SELECT relation::oid, part, relation::text FROM cache_ext.attached"
			" WHERE (part = $1) <> (relation = $2::oid::regclass)"
			" AND EXISTS (SELECT FROM pg_class c WHERE c.oid = relation)", 2, args) > 0)
	{
		HeapTuple	tuple = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;

		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot attach table %s as the source of %s",
						source->relname, source->part->name),
				 errdetail("Table %s is attached as the source of %s.",
						   SPI_getvalue(tuple, desc, 3), SPI_getvalue(tuple, desc, 2)),
				 errhint("Detach that one first, with cache_ext.detach('%s').",
						 SPI_getvalue(tuple, desc, 3))));
	}
	if (run("SELECT 1 FROM cache_ext.attached WHERE part = $1 AND relation = $2::oid::regclass"
			" AND columns::text = $3::cache_ext.regcolumn[]::text"
			" AND public_id IS NOT DISTINCT FROM $4", 4, args) > 0)
		return;
	run("DELETE FROM cache_ext.attached WHERE part = $1 OR relation = $2::oid::regclass", 2, args);
	run("INSERT INTO cache_ext.attached (part, relation, columns, public_id)"
		" VALUES ($1, $2::oid::regclass, $3::cache_ext.regcolumn[], $4)", 4, args);
}

/*
 * Drop a table's triggers, those that there are.
 */
static void
drop_triggers(Oid relid)
{
	for (int partitioned = 0; partitioned < 2; partitioned++)
	{
		const CextTrigger *const *triggers = cext_triggers_of(partitioned);

		for (int i = 0; i < CEXT_NUM_TRIGGERS; i++)
		{
			Oid			trigger = get_trigger_oid(relid, triggers[i]->name, true);
			ObjectAddress address;

			if (!OidIsValid(trigger))
				continue;
			ObjectAddressSet(address, TriggerRelationId, trigger);
			performDeletion(&address, DROP_RESTRICT, 0);
			CommandCounterIncrement();
		}
	}
}

/*
 * Make a trigger.  The table and the function are given by number.  A name that was
 * checked could belong to another table by the time that a statement uses it, and
 * this runs as the extension's owner.
 */
static void
create_trigger(const CextSource *source, const CextTrigger *trigger)
{
	CreateTrigStmt *stmt = makeNode(CreateTrigStmt);
	Oid			function = cext_trigger_function(trigger);

	if (!OidIsValid(function))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("trigger function \"%s\" of extension cache_ext does not exist or was replaced",
						trigger->function),
				 errhint("Create the extension anew.")));
	stmt->trigname = pstrdup(trigger->name);
	stmt->funcname = list_make1(makeString(pstrdup(trigger->function)));
	stmt->row = TRIGGER_FOR_ROW(trigger->type);
	stmt->timing = trigger->type & TRIGGER_TYPE_TIMING_MASK;
	stmt->events = trigger->type & TRIGGER_TYPE_EVENT_MASK;
	(void) CreateTriggerFiringOn(stmt, "", source->relid, InvalidOid, InvalidOid, InvalidOid,
								 function, InvalidOid, NULL, false, false,
								 TRIGGER_FIRES_ALWAYS);
	CommandCounterIncrement();
}

/*
 * Give the table its triggers, unless they are whole.
 */
static void
put_triggers(CextSource *source)
{
	const CextTrigger *const *triggers =
		cext_triggers_of(source->relkind == RELKIND_PARTITIONED_TABLE);

	cext_check_triggers(source);
	if (source->problem.reason != NULL)
	{
		drop_triggers(source->relid);
		for (int i = 0; i < CEXT_NUM_TRIGGERS; i++)
			create_trigger(source, triggers[i]);
	}
	source->problem = (CextProblem) {0};
}

/*
 * Let the owner of a partitioned table add partitions: PostgreSQL copies the
 * triggers to them as the user that adds them, and checks that this user may call
 * their functions.
 */
static void
grant_trigger_functions(const CextSource *source)
{
	static const char *const names[] = {"source_row", "source_before_row"};
	const char *owner = GetUserNameFromId(source->owner, false);

	for (int i = 0; i < lengthof(names); i++)
	{
		const char *args[] = {owner, psprintf("cache_ext.%s()", names[i])};

		if (run("SELECT 1 WHERE has_function_privilege($1::name, $2, 'EXECUTE')", 2, args) == 0)
			run(psprintf("GRANT EXECUTE ON FUNCTION %s TO %s", args[1], quote_identifier(owner)),
				0, NULL);
	}
}

/*
 * Attach a table of which the part, the OID and the columns' numbers are known.
 */
static void
attach(CextSource *source)
{
	if (source->part->number == CEXT_PART_FRAGMENTS)
		canonicalize_public_id(source);
	put_row(source);
	put_triggers(source);
	if (source->relkind == RELKIND_PARTITIONED_TABLE)
		grant_trigger_functions(source);
	if (source->part->number == CEXT_PART_FRAGMENTS || source->part->number == CEXT_PART_POLICIES)
		cext_advise_of_rows(source);
	cext_advise_of_index(source);
}

static NameData *
get_name_arg(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : PG_GETARG_NAME(n);
}

static void
check_given(FunctionCallInfo fcinfo, int n, const char *what)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", what)));
}

/*
 * Begin to attach the table that is argument n, whose columns are the ncolumns
 * arguments after it.
 */
static void
begin_attach(Session *session, FunctionCallInfo fcinfo, int n, CextConfigPart part,
			 int ncolumns, CextSource *source)
{
	*source = (CextSource) {.part = &cext_parts[part], .attached = true};
	check_given(fcinfo, n, "the table");
	source->relid = PG_GETARG_OID(n);
	check_owner(source->relid, GetUserId());
	begin(session);
	lock_table(source->relid);
	/* It can have been dropped or changed hands while we waited. */
	check_owner(source->relid, session->caller.role);
	for (int i = 0; i < ncolumns; i++)
		find_column(source, i, get_name_arg(fcinfo, n + 1 + i));
	check_source(source);
}

/*
 * attach_fragments(rel regclass, scope_type name, scope_id name,
 *					config_name name, config name, public_id text)
 */
Datum
cache_ext_attach_fragments(PG_FUNCTION_ARGS)
{
	Session		session;
	CextSource	source;

	for (int i = 0; i < 4; i++)
		check_given(fcinfo, 1 + i, cext_parts[CEXT_PART_FRAGMENTS].columns[i].name);
	begin_attach(&session, fcinfo, 0, CEXT_PART_FRAGMENTS, 4, &source);
	if (!PG_ARGISNULL(5))
		source.stand_in = cext_string(text_to_cstring(PG_GETARG_TEXT_PP(5)));
	attach(&source);
	end(&session);
	PG_RETURN_VOID();
}

/*
 * attach_policies(rel regclass, config_name name, scope_type name, rank name,
 *				   scope_sources name)
 */
Datum
cache_ext_attach_policies(PG_FUNCTION_ARGS)
{
	Session		session;
	CextSource	source;

	check_given(fcinfo, 1, "config_name");
	if (PG_ARGISNULL(2) == PG_ARGISNULL(4) || (!PG_ARGISNULL(4) && !PG_ARGISNULL(3)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("either scope_type or scope_sources must be given"),
				 errdetail("A policy has a row for each scope type, with or without a rank, or all scope types in an array, lowest first.")));
	begin_attach(&session, fcinfo, 0, CEXT_PART_POLICIES, 4, &source);
	attach(&source);
	end(&session);
	PG_RETURN_VOID();
}

static void
remove_source(const char *part, Oid relid)
{
	const char *args[1] = {part};

	drop_triggers(relid);
	run("DELETE FROM cache_ext.attached WHERE part = $1", 1, args);
}

/*
 * Remove the lookup of domains, if there is one.  But for the table `keep`.
 */
static void
remove_domains(Oid keep)
{
	const char *args[1] = {psprintf("%u", keep)};
	Oid			relid;
	bool		isnull;

	if (run("SELECT relation::oid FROM cache_ext.attached WHERE part = 'domains' AND relation <> $1::oid::regclass",
			1, args) == 0)
		return;
	relid = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0],
										   SPI_tuptable->tupdesc, 1, &isnull));
	remove_source("domains", relid);
}

/*
 * attach_users(rel regclass, user_id name, domain_id name,
 *				domains regclass, domain_key name, domain_value name)
 */
Datum
cache_ext_attach_users(PG_FUNCTION_ARGS)
{
	Session		session;
	CextSource	users;

	check_given(fcinfo, 1, "user_id");
	check_given(fcinfo, 2, "domain_id");
	begin_attach(&session, fcinfo, 0, CEXT_PART_USERS, 2, &users);
	remove_domains(PG_ARGISNULL(3) ? InvalidOid : PG_GETARG_OID(3));
	attach(&users);
	end(&session);
	if (!PG_ARGISNULL(3))
	{
		CextSource	domains;

		check_given(fcinfo, 4, "domain_key");
		check_given(fcinfo, 5, "domain_value");
		begin_attach(&session, fcinfo, 3, CEXT_PART_DOMAINS, 2, &domains);
		attach(&domains);
		end(&session);
	}
	PG_RETURN_VOID();
}

/*
 * detach(rel regclass).  A table that was dropped is known by its number, and
 * has no owner but the extension's.
 */
Datum
cache_ext_detach(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	char	   *relname = cext_relation_name(relid);
	const char *args[1] = {psprintf("%u", relid)};
	Session		session;
	char	   *part;

	if (relname != NULL)
		check_owner(relid, GetUserId());
	begin(&session);
	if (relname != NULL)
		LockRelationOid(relid, ShareRowExclusiveLock);
	relname = cext_relation_name(relid);
	if (relname != NULL)
		check_owner(relid, session.caller.role);
	if (relname == NULL && !has_privs_of_role(session.caller.role, session.owner))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, args[0]);
	if (run("SELECT part FROM cache_ext.attached WHERE relation = $1::oid::regclass", 1, args) == 0)
	{
		ereport(NOTICE,
				(errmsg("table %s is not attached, skipping", relname ? relname : args[0])));
		end(&session);
		PG_RETURN_VOID();
	}
	part = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (strcmp(part, "domains") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot detach table %s, in which users' domains are looked up",
						relname ? relname : args[0]),
				 errhint("Detach the table of users, or attach it without domains.")));
	if (strcmp(part, "users") == 0)
		remove_domains(InvalidOid);
	remove_source(part, relid);
	end(&session);
	PG_RETURN_VOID();
}
