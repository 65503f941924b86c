/*-------------------------------------------------------------------------
 *
 * cext_ddl.c
 *	  Hooks that notice what no row trigger sees.
 *
 * Whatever is done to a source's definition, triggers or privileges, to a
 * function of ours or a type, and to a database that is dropped, makes that
 * transaction invalidate everything; cext_source.c says what follows.  The hooks
 * run in the altering backend, whatever session_replication_role says.
 *
 * The object access hook sees most of it, however it comes about.  It is not
 * called for row-level security, for privileges, and in the transaction of
 * DETACH PARTITION CONCURRENTLY that hides the partition's rows; for these there
 * is the utility hook.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "cext_ddl.h"

#include "cext_change.h"
#include "cext_check.h"
#include "cext_extension.h"
#include "cext_xact.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

static object_access_hook_type prev_object_access_hook = NULL;
static ProcessUtility_hook_type prev_process_utility_hook = NULL;

/*
 * Does a trigger, which may have been created in this command, call a function
 * of ours?
 */
static bool
trigger_is_ours(Oid trigger)
{
	Relation	rel = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		ours = false;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(trigger));
	scan = systable_beginscan(rel, TriggerOidIndexId, true, SnapshotSelf, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		ours = cext_is_our_function(((Form_pg_trigger) GETSTRUCT(tuple))->tgfoid);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return ours;
}

/*
 * Can what happened to the object make a source's entries wrong, or let them
 * be right again?
 */
static bool
concerns_source(ObjectAccessType access, Oid class, Oid object)
{
	if (class == TriggerRelationId)
		return trigger_is_ours(object);
	/* It becomes a partition, or is one no more. */
	if (class == InheritsRelationId)
		return cext_relation_has_trigger(object);
	if (class == RelationRelationId && access != OAT_POST_CREATE)
		return cext_relation_has_trigger(object);
	/* CREATE OR REPLACE; a label of an enum that is renamed. */
	if (class == ProcedureRelationId)
		return cext_is_our_function(object);
	return class == TypeRelationId && access == OAT_POST_ALTER;
}

static void
invalidate_for_ddl(void)
{
	cext_xact_set_wrote();
	cext_xact_set_ddl();
	cext_change_because(CEXT_CAUSE_DDL, InvalidOid);
	cext_xact_invalidate_all(MyDatabaseId);
}

static void
object_access(ObjectAccessType access, Oid class, Oid object, int sub, void *arg)
{
	if (prev_object_access_hook)
		prev_object_access_hook(access, class, object, sub, arg);

	if (access != OAT_POST_CREATE && access != OAT_POST_ALTER &&
		access != OAT_DROP && access != OAT_TRUNCATE)
		return;
	if (!IsTransactionState() || !OidIsValid(MyDatabaseId))
		return;

	if (class == DatabaseRelationId && access == OAT_DROP)
	{
		/* Its OID may come again. */
		cext_xact_invalidate_all(object);
	}
	else if (concerns_source(access, class, object))
		invalidate_for_ddl();
}

/* Is it a table with a trigger of ours, as far as can be seen without a lock? */
static bool
names_source(RangeVar *name)
{
	Oid			relid = RangeVarGetRelid(name, NoLock, true);

	return OidIsValid(relid) && cext_relation_has_trigger(relid);
}

/*
 * Can a utility statement change what a source's owner reads?
 */
static bool
statement_concerns_source(const Node *statement)
{
	const GrantStmt *grant;
	ListCell   *cell;

	switch (nodeTag(statement))
	{
		case T_AlterTableStmt:
			return names_source(((const AlterTableStmt *) statement)->relation);
		case T_DropOwnedStmt:
			return true;
		case T_GrantStmt:
			grant = (const GrantStmt *) statement;
			if (grant->objtype == OBJECT_SCHEMA ||
				(grant->objtype == OBJECT_TABLE && grant->targtype == ACL_TARGET_ALL_IN_SCHEMA))
				return true;
			if (grant->objtype != OBJECT_TABLE || grant->targtype != ACL_TARGET_OBJECT)
				return false;
			foreach(cell, grant->objects)
			{
				if (names_source(lfirst_node(RangeVar, cell)))
					return true;
			}
			return false;
		default:
			return false;
	}
}

static void
process_utility(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc)
{
	if (IsTransactionState() && !RecoveryInProgress() &&
		statement_concerns_source(pstmt->utilityStmt))
		invalidate_for_ddl();
	if (prev_process_utility_hook)
		prev_process_utility_hook(pstmt, queryString, readOnlyTree, context,
								  params, queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context,
								params, queryEnv, dest, qc);
}

/*
 * Install the hooks; called once, from _PG_init.
 */
void
cext_ddl_init(void)
{
	prev_object_access_hook = object_access_hook;
	object_access_hook = object_access;
	prev_process_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
