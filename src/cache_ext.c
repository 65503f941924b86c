/*-------------------------------------------------------------------------
 *
 * cache_ext.c
 *	  Entry point: settings, shared memory, callbacks, hooks.
 *
 * The object access hook notices what no row trigger sees: whatever is done to
 * a source's definition or triggers, to a function of ours or a type, and a
 * database that is dropped.  It runs in the altering backend, whatever
 * session_replication_role says, and makes that transaction invalidate
 * everything; cext_source.c says what follows.
 *
 * DETACH PARTITION CONCURRENTLY hides the partition's rows in a transaction
 * that the object access hook is not called in; the utility hook sees it.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "cext_check.h"
#include "cext_guc.h"
#include "cext_shmem.h"
#include "cext_source.h"
#include "cext_xact.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

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

static bool
detaches_concurrently(const Node *statement)
{
	ListCell   *cell;

	if (!IsA(statement, AlterTableStmt))
		return false;
	foreach(cell, ((const AlterTableStmt *) statement)->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, cell);

		if (cmd->subtype == AT_DetachPartition &&
			castNode(PartitionCmd, cmd->def)->concurrent)
			return true;
	}
	return false;
}

static void
process_utility(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc)
{
	if (detaches_concurrently(pstmt->utilityStmt))
		invalidate_for_ddl();
	if (prev_process_utility_hook)
		prev_process_utility_hook(pstmt, queryString, readOnlyTree, context,
								  params, queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context,
								params, queryEnv, dest, qc);
}

void
_PG_init(void)
{
	cext_guc_define();
	if (process_shared_preload_libraries_in_progress)
		cext_shmem_install_hooks();
	cext_source_init();
	cext_xact_init();

	prev_object_access_hook = object_access_hook;
	object_access_hook = object_access;
	prev_process_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
