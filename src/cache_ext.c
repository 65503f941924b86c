/*-------------------------------------------------------------------------
 *
 * cache_ext.c
 *	  Entry point: settings, shared memory, callbacks, hooks.
 *
 * The object access hook notices what no row trigger sees: whatever is done to
 * a source's definition or triggers, and a database that is dropped.  It runs
 * in the altering backend, whatever session_replication_role says, and makes
 * that transaction invalidate everything; cext_source.c says what follows.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
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
#include "catalog/pg_trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

static object_access_hook_type prev_object_access_hook = NULL;

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
		ours = cext_source_is_our_trigger(((Form_pg_trigger) GETSTRUCT(tuple))->tgfoid);
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
		return cext_source_relation_has_trigger(object);
	return false;
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
	{
		cext_xact_set_wrote();
		cext_xact_invalidate_all(MyDatabaseId);
	}
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
}
