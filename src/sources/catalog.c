/*-------------------------------------------------------------------------
 *
 * sources/catalog.c
 *	  Rows of PostgreSQL's catalogs, under any snapshot.
 *
 * The catalog caches show the command that runs what it may see.  Here are the rows
 * that they have no key for, and those that another snapshot sees.
 *
 * Locks: ACCESS SHARE on the catalog while it is scanned.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "sources/catalog.h"

#include "access/genam.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

const CextRows cext_rows_class = {
	RelationRelationId, ClassOidIndexId, Anum_pg_class_oid,
	F_OIDEQ, true
};

const CextRows cext_rows_attributes = {
	AttributeRelationId, AttributeRelidNumIndexId, Anum_pg_attribute_attrelid,
	F_OIDEQ, true
};

/* Those of a relation. */
const CextRows cext_rows_triggers = {
	TriggerRelationId, TriggerRelidNameIndexId, Anum_pg_trigger_tgrelid,
	F_OIDEQ, false
};

const CextRows cext_rows_trigger = {
	TriggerRelationId, TriggerOidIndexId, Anum_pg_trigger_oid,
	F_OIDEQ, false
};

const CextRows cext_rows_children = {
	InheritsRelationId, InheritsParentIndexId, Anum_pg_inherits_inhparent,
	F_OIDEQ, false
};

const CextRows cext_rows_schema = {
	NamespaceRelationId, NamespaceOidIndexId, Anum_pg_namespace_oid,
	F_OIDEQ, true
};

const CextRows cext_rows_function = {
	ProcedureRelationId, ProcedureOidIndexId, Anum_pg_proc_oid,
	F_OIDEQ, false
};

const CextRows cext_rows_functions_named = {
	ProcedureRelationId, ProcedureNameArgsNspIndexId, Anum_pg_proc_proname,
	F_NAMEEQ, false
};

const CextRows cext_rows_labels = {
	EnumRelationId, EnumTypIdLabelIndexId, Anum_pg_enum_enumtypid,
	F_OIDEQ, false
};

const CextRows cext_rows_extension = {
	ExtensionRelationId, ExtensionNameIndexId, Anum_pg_extension_extname,
	F_NAMEEQ, false
};

/*
 * Copies of the rows that a snapshot sees, in the order of the index.  NULL stands
 * for the catalog's own snapshot.  No value in the copies is out of line.  They are
 * in the current context, and list_free_deep frees them.  Needs a transaction.
 */
List *
cext_catalog_rows(const CextRows *rows, Datum value, Snapshot snapshot)
{
	Relation	rel = table_open(rows->catalog, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *result = NIL;

	ScanKeyInit(&key, rows->column, BTEqualStrategyNumber, rows->equals, value);
	scan = systable_beginscan(rel, rows->index, true, snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		result = lappend(result, HeapTupleHasExternal(tuple) ?
						 toast_flatten_tuple(tuple, RelationGetDescr(rel)) :
						 heap_copytuple(tuple));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}
