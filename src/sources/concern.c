/*-------------------------------------------------------------------------
 *
 * sources/concern.c
 *	  Whether what a transaction changed in the catalogs concerns a source.
 *
 * This is asked before the commit, when all that the transaction did is there to be
 * looked at.  Its own invalidation messages say which relations it touched, and
 * rows of which catalogs.  The rows say whether anything is different now.  They are
 * read under two snapshots that differ in one thing: "before" sees nothing of
 * what this transaction did, "after" sees all of it.  So a trigger or a table that
 * was dropped is found under the first one.
 *
 * Rows of pg_class, pg_attribute and pg_namespace that have the same content are
 * the same: a GRANT that only warns writes them as they had been, and anybody can
 * give one.  Rows of other catalogs are the same only if they were not touched:
 * while a trigger was disabled, or a label had another name, rows of the table may
 * have been written, even if all is as it was now.
 *
 * Of a relation these rows matter: those of pg_class (name, schema, owner,
 * privileges, row-level security, storage), pg_attribute, pg_trigger, and its
 * children's in pg_inherits.  Other commands change one of them too: TRUNCATE and
 * rewrites change the storage, ATTACH and both transactions of DETACH PARTITION
 * CONCURRENTLY the parent's children.  Policies do not matter, since a source that
 * they bind is not cached; nor do indexes and constraints.
 *
 * A relation is a source if it is attached or if, under either snapshot, it is one
 * of the extension's own tables or has a trigger of ours, as partitions do.
 *
 * A commit must not fail because of us.  Whatever is looked up here by a number,
 * which can be out of date, may be missing, and nothing here waits.
 *
 * Locks: ROW SHARE on the tables that say what is attached, if it is free, until the
 * transaction ends.  A session that attaches a table holds a lock that excludes
 * ours.  If it has it already we notice, and take everything to concern a source.
 * If it gets it after us it sees what this transaction did.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "sources/concern.h"

#include "core/kind.h"
#include "sources/catalog.h"
#include "sources/extension.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

/* What the messages tell of, and what it is compared with. */
typedef struct Look
{
	Snapshot	before;
	Snapshot	after;
	Oid			schema;			/* the extension's */
	bool		functions;		/* rows of pg_proc were changed */
	bool		schemas;		/* of pg_namespace */
	bool		labels;			/* of pg_enum */
	bool		unknown;		/* whole catalogs */
	int			nrelids;
	Oid		   *relids;			/* of relations that were changed */
	bool		attached_known;
	bool		attached_unsure;	/* somebody attaches a table */
	List	   *attached;		/* OIDs */
} Look;

static bool
same_content(HeapTuple a, HeapTuple b)
{
	const Size	start = offsetof(HeapTupleHeaderData, t_bits);

	return a->t_len == b->t_len && a->t_data->t_hoff == b->t_data->t_hoff &&
		HeapTupleHeaderGetNatts(a->t_data) == HeapTupleHeaderGetNatts(b->t_data) &&
		HeapTupleHasNulls(a) == HeapTupleHasNulls(b) &&
		memcmp((char *) a->t_data + start, (char *) b->t_data + start,
			   a->t_len - start) == 0;
}

static bool
same_rows(const CextRows *rows, const List *a, const List *b)
{
	ListCell   *cell_a;
	ListCell   *cell_b;

	if (list_length(a) != list_length(b))
		return false;
	forboth(cell_a, a, cell_b, b)
	{
		HeapTuple	row_a = lfirst(cell_a);
		HeapTuple	row_b = lfirst(cell_b);

		if (!ItemPointerEquals(&row_a->t_self, &row_b->t_self) &&
			(!rows->by_content || !same_content(row_a, row_b)))
			return false;
	}
	return true;
}

static bool
is_changed(const Look *look, const CextRows *rows, Oid oid)
{
	return !same_rows(rows, cext_catalog_rows(rows, ObjectIdGetDatum(oid), look->before),
					  cext_catalog_rows(rows, ObjectIdGetDatum(oid), look->after));
}

/*
 * Take in what the messages tell of.
 */
static void
read_messages(Look *look, const SharedInvalidationMessage *messages, int n)
{
	look->relids = palloc(n * sizeof(Oid));
	for (int i = 0; i < n; i++)
	{
		const SharedInvalidationMessage *message = &messages[i];

		if (message->id >= 0)
		{
			look->functions |= message->id == PROCOID;
			look->schemas |= message->id == NAMESPACEOID;
			look->labels |= message->id == ENUMOID;
		}
		else if (message->id == SHAREDINVALCATALOG_ID)
			look->unknown = true;
		else if (message->id == SHAREDINVALRELCACHE_ID &&
				 !OidIsValid(message->rc.relId))
			look->unknown = true;
		else if (message->id == SHAREDINVALRELCACHE_ID)
			look->relids[look->nrelids++] = message->rc.relId;
	}
	qsort(look->relids, look->nrelids, sizeof(Oid), oid_cmp);
}

/*
 * A snapshot like another, but for how many of our commands it sees.
 */
static Snapshot
snapshot_with(Snapshot snapshot, CommandId curcid)
{
	Snapshot	result;

	PushCopiedSnapshot(snapshot);
	result = RegisterSnapshot(GetActiveSnapshot());
	PopActiveSnapshot();
	result->curcid = curcid;
	return result;
}

/*
 * Is it a column that names relations?
 */
static bool
names_relations(Form_pg_attribute att)
{
	return (att->atttypid == REGCLASSOID || att->atttypid == OIDOID) &&
		strcmp(NameStr(att->attname), "relation") == 0;
}

/*
 * Find out which tables a table of a kind says are sources.  The snapshot is one that
 * takes no predicate locks.  None is needed: a transaction that changes that table
 * invalidates everything itself.
 */
static void
find_attached(Look *look, const char *relname)
{
	Oid			relid = get_relname_relid(relname, look->schema);
	Relation	rel;
	TupleDesc	desc;
	int			column = 0;

	if (!OidIsValid(relid))
		return;
	if (!ConditionalLockRelationOid(relid, RowShareLock))
	{
		look->attached_unsure = true;
		return;
	}
	rel = try_relation_open(relid, NoLock);
	if (rel == NULL)
		return;
	desc = RelationGetDescr(rel);
	while (column < desc->natts && !names_relations(TupleDescAttr(desc, column)))
		column++;
	if (rel->rd_rel->relkind == RELKIND_RELATION && column < desc->natts)
	{
		TupleTableSlot *slot = table_slot_create(rel, NULL);
		TableScanDesc scan = CextTableBeginScan(rel, SnapshotSelf);

		while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
		{
			bool		isnull;
			Datum		value = slot_getattr(slot, column + 1, &isnull);

			if (!isnull)
				look->attached = lappend_oid(look->attached, DatumGetObjectId(value));
		}
		table_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
	}
	relation_close(rel, NoLock);
}

static List *
get_attached(Look *look)
{
	for (int i = 1; i < CEXT_MAX_KINDS && !look->attached_known; i++)
	{
		if (cext_kinds[i] != NULL && cext_kinds[i]->relations != NULL)
			find_attached(look, cext_kinds[i]->relations);
	}
	look->attached_known = true;
	return look->attached;
}

/*
 * Is it a table, of which others see something?
 */
static bool
may_be_source(const List *class)
{
	Form_pg_class form = class == NIL ? NULL : (Form_pg_class) GETSTRUCT((HeapTuple) linitial(class));

	return form != NULL && form->relpersistence != RELPERSISTENCE_TEMP &&
		(form->relkind == RELKIND_RELATION || form->relkind == RELKIND_PARTITIONED_TABLE ||
		 form->relkind == RELKIND_FOREIGN_TABLE || form->relkind == RELKIND_VIEW);
}

static bool
is_own(const Look *look, const List *class)
{
	return class != NIL &&
		((Form_pg_class) GETSTRUCT((HeapTuple) linitial(class)))->relnamespace == look->schema;
}

/*
 * Is a relation a source, under either snapshot?  Our functions, by which triggers
 * are known, are the same under both.
 */
static bool
is_source(Look *look, Oid relid)
{
	Datum		key = ObjectIdGetDatum(relid);
	List	   *old_class = cext_catalog_rows(&cext_rows_class, key, look->before);
	List	   *new_class = cext_catalog_rows(&cext_rows_class, key, look->after);

	return (may_be_source(old_class) || may_be_source(new_class)) &&
		(is_own(look, old_class) || is_own(look, new_class) ||
		 cext_is_any_trigger_ours(cext_catalog_rows(&cext_rows_triggers, key, look->before)) ||
		 cext_is_any_trigger_ours(cext_catalog_rows(&cext_rows_triggers, key, look->after)) ||
		 list_member_oid(get_attached(look), relid) || look->attached_unsure);
}

/*
 * Has a source become a child of the relation, or ceased to be one?  It need not
 * have been touched itself.  The index has rows of one key in the order of their
 * places in the catalog, so that both lists can be walked together.
 */
static bool
has_changed_child(Look *look, Oid relid)
{
	List	   *old = cext_catalog_rows(&cext_rows_children, ObjectIdGetDatum(relid), look->before);
	List	   *new = cext_catalog_rows(&cext_rows_children, ObjectIdGetDatum(relid), look->after);
	int			i = 0;
	int			j = 0;

	while (i < list_length(old) || j < list_length(new))
	{
		HeapTuple	a = i < list_length(old) ? list_nth(old, i) : NULL;
		HeapTuple	b = j < list_length(new) ? list_nth(new, j) : NULL;
		int			order = a == NULL ? 1 : b == NULL ? -1 :
			ItemPointerCompare(&a->t_self, &b->t_self);

		i += order <= 0;
		j += order >= 0;
		if (order != 0 &&
			is_source(look, ((Form_pg_inherits) GETSTRUCT(order < 0 ? a : b))->inhrelid))
			return true;
	}
	return false;
}

static bool
relation_is_changed(Look *look, Oid relid)
{
	if (!is_source(look, relid))
		return has_changed_child(look, relid);
	return is_changed(look, &cext_rows_class, relid) || is_changed(look, &cext_rows_attributes, relid) ||
		is_changed(look, &cext_rows_triggers, relid) || is_changed(look, &cext_rows_children, relid);
}

static bool
relations_are_changed(Look *look, Oid *relid)
{
	for (int i = 0; i < look->nrelids; i++)
	{
		CHECK_FOR_INTERRUPTS();
		*relid = look->relids[i];
		if ((i == 0 || *relid != look->relids[i - 1]) && relation_is_changed(look, *relid))
			return true;
	}
	*relid = InvalidOid;
	return false;
}

/*
 * Has one of our trigger functions changed, or the extension come or gone?
 */
static bool
functions_are_changed(const Look *look)
{
	static const char *const names[] = CEXT_TRIGGER_FUNCTIONS;

	if (cext_extension_schema_at(look->before) != look->schema)
		return true;
	for (int i = 0; i < lengthof(names); i++)
	{
		Datum		name = CStringGetDatum(names[i]);
		List	   *rows = list_concat(cext_catalog_rows(&cext_rows_functions_named, name, look->before),
									   cext_catalog_rows(&cext_rows_functions_named, name, look->after));
		ListCell   *cell;

		foreach(cell, rows)
		{
			Form_pg_proc form = (Form_pg_proc) GETSTRUCT((HeapTuple) lfirst(cell));

			if (form->pronamespace == look->schema && is_changed(look, &cext_rows_function, form->oid))
				return true;
		}
	}
	return false;
}

/*
 * Has the extension's schema changed, or that of a table that is attached?
 */
static bool
schemas_are_changed(Look *look)
{
	ListCell   *cell;

	if (is_changed(look, &cext_rows_schema, look->schema))
		return true;
	foreach(cell, get_attached(look))
	{
		Oid			schema = get_rel_namespace(lfirst_oid(cell));

		if (OidIsValid(schema) && is_changed(look, &cext_rows_schema, schema))
			return true;
	}
	return look->attached_unsure;
}

/*
 * The enum that a type is, is a domain over, or has elements of; or InvalidOid.
 */
static Oid
enum_of(Oid type)
{
	while (OidIsValid(type))
	{
		HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
		Form_pg_type form;
		Oid			next;

		if (!HeapTupleIsValid(tuple))
			return InvalidOid;
		form = (Form_pg_type) GETSTRUCT(tuple);
		next = form->typtype == TYPTYPE_DOMAIN ? form->typbasetype : form->typelem;
		if (form->typtype == TYPTYPE_ENUM)
			next = type;
		ReleaseSysCache(tuple);
		if (next == type)
			return type;
		type = next;
	}
	return InvalidOid;
}

/*
 * Have labels changed of an enum that a column of a source has?
 */
static bool
labels_are_changed(Look *look)
{
	List	   *relids = list_copy(get_attached(look));
	ListCell   *cell;

	if (look->attached_unsure)
		return true;
	for (int i = 1; i < CEXT_MAX_KINDS; i++)
	{
		if (cext_kinds[i] != NULL && cext_kinds[i]->own_relations != NULL)
			relids = list_concat(relids, cext_kinds[i]->own_relations());
	}
	foreach(cell, relids)
	{
		List	   *columns = cext_catalog_rows(&cext_rows_attributes, ObjectIdGetDatum(lfirst_oid(cell)), look->after);
		ListCell   *column;

		foreach(column, columns)
		{
			Oid			type = enum_of(((Form_pg_attribute) GETSTRUCT((HeapTuple) lfirst(column)))->atttypid);

			if (OidIsValid(type) && is_changed(look, &cext_rows_labels, type))
				return true;
		}
	}
	return false;
}

static bool
look_at_all(Look *look, Oid *relid)
{
	return (look->functions && functions_are_changed(look)) ||
		(OidIsValid(look->schema) &&
		 (look->unknown ||
		  (look->schemas && schemas_are_changed(look)) ||
		  (look->labels && labels_are_changed(look)) ||
		  relations_are_changed(look, relid)));
}

/*
 * Have the catalogs changed, in the transaction that is about to commit and has
 * these invalidation messages to send, so that a source's entries can be wrong
 * or can be right again?  Gives the relation that changed, if that was the reason.
 */
bool
cext_concerns_source(const SharedInvalidationMessage *messages, int n, Oid *relid)
{
	MemoryContext context;
	MemoryContext old;
	Look		look = {0};
	bool		result = false;

	/* Let the catalog caches see what the last command did. */
	CommandCounterIncrement();
	look.schema = cext_extension_schema();
	*relid = InvalidOid;
	context = AllocSetContextCreate(CurTransactionContext, "cache_ext concern",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	read_messages(&look, messages, n);
	if (OidIsValid(look.schema) || look.functions)
	{
		Snapshot	latest = GetLatestSnapshot();

		look.before = snapshot_with(latest, FirstCommandId);
		look.after = snapshot_with(latest, InvalidCommandId);
		result = look_at_all(&look, relid);
		UnregisterSnapshot(look.before);
		UnregisterSnapshot(look.after);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return result;
}
