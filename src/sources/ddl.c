/*-------------------------------------------------------------------------
 *
 * sources/ddl.c
 *	  Changes that no row trigger sees.
 *
 * A transaction invalidates everything if it changes a source's definition,
 * triggers, privileges or partitions, a trigger function of ours, or what names and
 * privileges depend on; sources/source.c says what follows.  That is decided before
 * the commit, by what is different then (sources/concern.c), in the backend that made
 * it so, whatever session_replication_role says.  Transactions that change no catalogs
 * pay nothing, since they have no invalidation messages.
 *
 * CLUSTER and VACUUM FULL give a table new storage as TRUNCATE does, but with the
 * same rows.  A transaction that did such a thing and ran no other command that
 * could matter is not looked at.
 *
 * From its first command on that may change a source, the transaction itself reads
 * through, since its reads see what no others do.  This matters to no other
 * transaction, and so may happen once too often.  But it does not happen for what is
 * temporary, nor in databases without the extension.  For commands whose objects can
 * be temporary the object access hook decides, which is told of each of them; for
 * others the utility hook.
 *
 * All state here is the backend's own.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "sources/ddl.h"

#include "sources/catalog.h"
#include "sources/concern.h"
#include "sources/extension.h"
#include "write/change.h"
#include "write/xact.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "replication/logicalworker.h"
#include "tcop/utility.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"

/* What a command can do to a source. */
typedef enum Effect
{
	NONE,
	SAME_ROWS,					/* new storage for them */
	TOLD,						/* to the object access hook, all of it */
	ANY
} Effect;

static object_access_hook_type prev_object_access_hook = NULL;
static ProcessUtility_hook_type prev_process_utility_hook = NULL;

static int	storing_same_rows = 0;	/* commands that do, under way */
static bool stored_same_rows = false;	/* this transaction did */
static bool ran_others = false; /* and ran other commands */
static bool decided = false;	/* PRE_COMMIT is past */

static void
invalidate(CextCause cause, Oid relid)
{
	cext_xact_complete_late();
	cext_change_because(cause, relid);
	cext_xact_invalidate_all(MyDatabaseId);
}

/*
 * This transaction may have changed a source.
 */
static void
read_through(void)
{
	cext_xact_set_catalogs();
	/* Another extension's callback did it, after we looked at the catalogs. */
	if (decided)
		invalidate(CEXT_CAUSE_DDL, InvalidOid);
}

/*
 * A row of a catalog, which may have been made in this command; or NULL.
 */
static void *
find_row(const CextRows *rows, Oid oid)
{
	List	   *found = cext_catalog_rows(rows, ObjectIdGetDatum(oid), SnapshotSelf);

	return found == NIL ? NULL : GETSTRUCT((HeapTuple) linitial(found));
}

/*
 * Is it a table that is not temporary?
 */
static bool
is_permanent_table(Oid relid)
{
	Form_pg_class form = find_row(&cext_rows_class, relid);

	return form != NULL && form->relpersistence != RELPERSISTENCE_TEMP &&
		(form->relkind == RELKIND_RELATION || form->relkind == RELKIND_PARTITIONED_TABLE ||
		 form->relkind == RELKIND_FOREIGN_TABLE);
}

static Oid
relation_of_trigger(Oid trigger)
{
	Form_pg_trigger form = find_row(&cext_rows_trigger, trigger);

	return form == NULL ? InvalidOid : form->tgrelid;
}

static bool
may_concern_reads(Oid class, Oid object)
{
	switch (class)
	{
		case RelationRelationId:
			/* It has one all the time while anything of it is cached. */
			return cext_is_any_trigger_ours(cext_catalog_rows(&cext_rows_triggers,
															  ObjectIdGetDatum(object),
															  SnapshotSelf));
		case InheritsRelationId:
			return is_permanent_table(object);
		case TriggerRelationId:
			return is_permanent_table(relation_of_trigger(object));
		case ProcedureRelationId:
			return cext_is_our_function(object);
		default:
			return false;
	}
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
	else if (((cext_xact_own & CEXT_OWN_CATALOGS) == 0 || decided) &&
			 OidIsValid(cext_extension_schema()) && may_concern_reads(class, object))
		read_through();
}

static Effect
effect_of(const Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_TransactionStmt:
		case T_VariableSetStmt:
		case T_VariableShowStmt:
		case T_AlterSystemStmt:
		case T_PrepareStmt:
		case T_ExecuteStmt:
		case T_DeallocateStmt:
		case T_ExplainStmt:
		case T_CallStmt:
		case T_DoStmt:
		case T_DeclareCursorStmt:
		case T_FetchStmt:
		case T_ClosePortalStmt:
		case T_CopyStmt:
		case T_LockStmt:
		case T_ConstraintsSetStmt:
		case T_ListenStmt:
		case T_NotifyStmt:
		case T_UnlistenStmt:
		case T_DiscardStmt:
		case T_LoadStmt:
		case T_CheckPointStmt:
		case T_IndexStmt:
		case T_ReindexStmt:
		case T_RefreshMatViewStmt:
		case T_CommentStmt:
			return NONE;
		case T_VacuumStmt:
		case CEXT_T_ClusterStmt:
			return SAME_ROWS;
		case T_CreateStmt:
		case T_CreateTableAsStmt:
		case T_CreateSeqStmt:
		case T_ViewStmt:
		case T_CompositeTypeStmt:
		case T_CreateEnumStmt:
		case T_CreateFunctionStmt:
		case T_DropStmt:
		case T_TruncateStmt:
			return TOLD;
		default:
			return ANY;
	}
}

static void
run_utility(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
			ProcessUtilityContext context, ParamListInfo params,
			QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc)
{
	if (prev_process_utility_hook)
		prev_process_utility_hook(pstmt, queryString, readOnlyTree, context,
								  params, queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context,
								params, queryEnv, dest, qc);
}

static void
process_utility(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc)
{
	Effect		effect = effect_of(pstmt->utilityStmt);

	if (effect == ANY && IsTransactionState() && !RecoveryInProgress() &&
		OidIsValid(cext_extension_schema()))
		read_through();
	if (effect != SAME_ROWS)
	{
		ran_others |= effect != NONE;
		run_utility(pstmt, queryString, readOnlyTree, context, params, queryEnv, dest, qc);
		return;
	}

	/* It may end transactions, and begin others. */
	stored_same_rows = true;
	storing_same_rows++;
	PG_TRY();
	{
		run_utility(pstmt, queryString, readOnlyTree, context, params, queryEnv, dest, qc);
	}
	PG_FINALLY();
	{
		storing_same_rows--;
	}
	PG_END_TRY();
}

/*
 * Look at what this transaction changed, and invalidate everything if it
 * concerns a source.  Without messages, or without a database, there is nothing to
 * look at.
 */
static void
decide(void)
{
	SharedInvalidationMessage *messages;
	bool		init_file;
	int			n;
	Oid			relid;

	if ((stored_same_rows || storing_same_rows > 0) && !ran_others)
		return;
	n = xactGetCommittedInvalidationMessages(&messages, &init_file);
	if (n == 0 || !OidIsValid(MyDatabaseId) ||
		!cext_concerns_source(messages, n, &relid))
		return;
	if (IsLogicalWorker())
		invalidate(CEXT_CAUSE_REPLICATION, relid);
	else
		invalidate(CEXT_CAUSE_DDL, InvalidOid);
}

/*
 * Callbacks run in the reverse order of their registration, so that this one
 * comes before that of write/xact.c.
 */
static void
xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			decide();
			decided = true;
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			stored_same_rows = false;
			ran_others = false;
			decided = false;
			break;
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			break;
	}
}

/*
 * Install the hooks; called once, from _PG_init, after cext_xact_init.
 */
void
cext_ddl_init(void)
{
	prev_object_access_hook = object_access_hook;
	object_access_hook = object_access;
	prev_process_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	RegisterXactCallback(xact_callback, NULL);
}
