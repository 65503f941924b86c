/*-------------------------------------------------------------------------
 *
 * config/rows.c
 *	  Which slices a changed row of a configuration's tables touches.
 *
 * An update that changes no column that the merge reads touches none.
 *
 * A trigger needs to know its table's columns.  A session that attaches a table keeps
 * writers out with a lock, and its messages are there when a writer gets its own
 * lock.  So here invalidation messages suffice, and the latest snapshot.  Tables are
 * described when they are written, with no other lock than the writer's.
 *
 * Locks: those of config/parts.c.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "config/rows.h"

#include "config/kind.h"
#include "config/parts.h"
#include "write/xact.h"

#include "catalog/partition.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* What a writer remembers of a relation that has triggers of ours. */
typedef struct WriterRelation
{
	Oid			relid;			/* key */
	bool		is_source;
	CextSource	source;			/* with the relation's own columns */
} WriterRelation;

static List *load_writer(CextSourceSet *set);

static CextConfigSources writer_sources = {.set = CEXT_SOURCE_SET(load_writer)};
static HTAB *writer_relations;	/* in writer_sources.set.context */
static List *writer_own;		/* likewise: OIDs of the extension's own
								 * tables */

/*
 * Load what writers need to know.  What is not attached, and the tables' columns,
 * are looked at when they are written.
 */
static List *
load_writer(CextSourceSet *set)
{
	HASHCTL		info = {.keysize = sizeof(Oid), .entrysize = sizeof(WriterRelation)};
	List	   *watched = cext_parts_load(&writer_sources);

	for (int i = 0; i < CEXT_NUM_PARTS; i++)
		watched = list_append_unique_oid(watched, writer_sources.source[i].relid);
	writer_own = cext_row_own_relations();
	info.hcxt = set->context;
	writer_relations = hash_create("cache_ext relations", 16, &info,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return watched;
}

static CextSource *
source_by_relid(Oid relid)
{
	for (int i = 0; i < CEXT_NUM_PARTS; i++)
	{
		if (writer_sources.source[i].relid == relid)
			return &writer_sources.source[i];
	}
	return NULL;
}

/*
 * Find the source that a relation is, or is a partition of: its columns can have
 * other numbers than those of the table that is attached.
 */
static bool
find_source(Oid relid, CextSource *result)
{
	const CextSource *source = source_by_relid(relid);
	List	   *ancestors = source != NULL ? NIL : get_partition_ancestors(relid);
	ListCell   *cell;

	foreach(cell, ancestors)
	{
		if (source == NULL)
			source = source_by_relid(lfirst_oid(cell));
	}
	if (source == NULL)
		return false;
	*result = *source;
	if (!cext_mapping_describe(result))
		return false;
	result->relid = relid;
	for (int i = 0; i < CEXT_SOURCE_COLUMNS && relid != source->relid; i++)
	{
		if (result->columns[i].name != NULL)
			result->columns[i].attnum = get_attnum(relid, result->columns[i].name);
	}
	return true;
}

/*
 * The source that a table with triggers of ours is, for a trigger that runs and
 * so has it locked.  NULL if it is none, as a table of ours is while another is
 * attached, or if it cannot be read.
 */
static const CextSource *
source_of_writer(Oid relid)
{
	WriterRelation *relation;

	if (!writer_sources.set.current || writer_relations == NULL)
	{
		writer_relations = NULL;
		PushActiveSnapshot(GetLatestSnapshot());
		cext_source_load(&writer_sources.set);
		PopActiveSnapshot();
	}
	relation = hash_search(writer_relations, &relid, HASH_FIND, NULL);
	if (relation == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(writer_sources.set.context);
		CextSource	source = {0};
		bool		is_source = find_source(relid, &source);

		writer_sources.set.watched = list_append_unique_oid(writer_sources.set.watched, relid);
		MemoryContextSwitchTo(old);
		relation = hash_search(writer_relations, &relid, HASH_ENTER, NULL);
		relation->is_source = is_source && !source.problem.unreadable;
		relation->source = source;
	}
	return relation->is_source ? &relation->source : NULL;
}

/*
 * The type of slice that a fragment with a scope id belongs to; call it after
 * source_of_writer.  The two possible types hash alike.  So a wrong answer, about a
 * scope type that is gone, matters only to counters and to listeners, and these are
 * told by the change of the scope type that everything changed.
 */
static CextConfigSlice
fragment_slice(CextString scope_type)
{
	const CextScopeType *type = cext_parts_scope_type(&writer_sources, scope_type);

	return type != NULL && type->keyed_by == CEXT_KEYED_BY_DOMAIN ?
		CEXT_SLICE_DOMAIN_NAME : CEXT_SLICE_USER_NAME;
}

/*
 * The canonical text of a key column; null where the column is, or where its
 * type is not one for keys: then the source is suspended.
 */
static CextString
get_key(const CextSource *source, int i, TupleTableSlot *row)
{
	const CextColumn *column = &source->columns[i];
	bool		isnull;
	Datum		value = slot_getattr(row, column->attnum, &isnull);

	if (isnull || column->type.kind == CEXT_TYPE_OTHER)
		return CEXT_NULL_STRING;
	cext_type_pin(column->type);
	return cext_type_text(column->type, value);
}

/*
 * Do two rows differ in one of the first ncolumns columns that the merge reads?
 */
static bool
is_changed(const CextSource *source, int ncolumns,
		   TupleTableSlot *old, TupleTableSlot *new)
{
	for (int i = 0; i < ncolumns; i++)
	{
		AttrNumber	attnum = source->columns[i].attnum;
		Form_pg_attribute att;
		bool		old_null;
		bool		new_null;
		Datum		old_value;
		Datum		new_value;

		if (attnum == InvalidAttrNumber)
			continue;
		att = TupleDescAttr(old->tts_tupleDescriptor, attnum - 1);
		old_value = slot_getattr(old, attnum, &old_null);
		new_value = slot_getattr(new, attnum, &new_null);
		if (old_null != new_null)
			return true;
		if (!old_null &&
			!datum_image_eq(old_value, new_value, att->attbyval, att->attlen))
			return true;
	}
	return false;
}

static void
invalidate(CextConfigSlice type, CextString id, CextString name, CextString scope_type)
{
	CextSlice	slice = cext_config_slice(type, id, name);

	slice.detail = scope_type;
	cext_xact_invalidate(&slice);
}

/*
 * Invalidate results whose domain was looked up by a key.  Listeners do not know
 * the domain by that key, and are told that everything changed.
 */
static void
invalidate_domain_key(CextString key)
{
	CextSlice	slice = cext_config_slice(CEXT_SLICE_DOMAIN, key, CEXT_NULL_STRING);
	CextSlice	everything = cext_slice_everything(MyDatabaseId);

	cext_xact_invalidate_as(&slice, &everything);
}

/*
 * Collect what a fragment is part of: its id's name, and if the id is what
 * public fragments have, the name, whatever its scope type is keyed by.
 */
static void
invalidate_fragment(const CextSource *source, TupleTableSlot *row)
{
	CextString	id = get_key(source, CEXT_COL_FRAGMENT_ID, row);
	CextString	name = get_key(source, CEXT_COL_FRAGMENT_NAME, row);
	CextString	scope_type = get_key(source, CEXT_COL_FRAGMENT_SCOPE, row);

	if (id.data == NULL ||
		(source->stand_in.data != NULL && cext_string_equals(id, source->stand_in)))
		invalidate(CEXT_SLICE_NAME, CEXT_NULL_STRING, name, scope_type);
	if (id.data != NULL)
		invalidate(fragment_slice(scope_type), id, name, scope_type);
}

/*
 * Collect what a row is part of.
 */
static void
invalidate_row(const CextSource *source, TupleTableSlot *row)
{
	CextString	key;

	switch (source->part->number)
	{
		case CEXT_PART_ATTACHED:
		case CEXT_PART_SCOPE_TYPES:
			/* Our own reads, and writers, remember these. */
			cext_xact_invalidate_all(MyDatabaseId);
			cext_xact_complete_late();
			CacheInvalidateRelcacheByRelid(source->relid);
			break;
		case CEXT_PART_DEFINITIONS:
			key = get_key(source, CEXT_COL_DEFINITION_NAME, row);
			invalidate(CEXT_SLICE_NAME, CEXT_NULL_STRING, key, CEXT_NULL_STRING);
			break;
		case CEXT_PART_POLICIES:
			key = get_key(source, CEXT_COL_POLICY_NAME, row);
			invalidate(CEXT_SLICE_NAME, CEXT_NULL_STRING, key, CEXT_NULL_STRING);
			break;
		case CEXT_PART_USERS:
			key = get_key(source, CEXT_COL_USER_ID, row);
			invalidate(CEXT_SLICE_USER, key, CEXT_NULL_STRING, CEXT_NULL_STRING);
			break;
		case CEXT_PART_DOMAINS:
			key = get_key(source, CEXT_COL_DOMAIN_KEY, row);
			invalidate_domain_key(key);
			break;
		case CEXT_PART_FRAGMENTS:
			invalidate_fragment(source, row);
			break;
	}
}

/*
 * Collect what an update changes.
 */
static void
invalidate_update(const CextSource *source, TupleTableSlot *old,
				  TupleTableSlot *new)
{
	if (!is_changed(source, CEXT_SOURCE_COLUMNS, old, new))
		return;
	invalidate_row(source, new);
	if (is_changed(source, CEXT_PART_NKEYS(source->part->number), old, new))
		invalidate_row(source, old);
}

/*
 * See CextKindInfo.
 */
bool
cext_row_changed(Relation rel, TupleTableSlot *old, TupleTableSlot *new)
{
	const CextSource *source = source_of_writer(RelationGetRelid(rel));

	if (source == NULL)
	{
		/*
		 * One of ours is a source again when the one in its place is
		 * detached.
		 */
		if (!list_member_oid(writer_own, RelationGetRelid(rel)))
			return false;
		cext_xact_invalidate_all(MyDatabaseId);
		return true;
	}
	if (old != NULL && new != NULL)
		invalidate_update(source, old, new);
	else
		invalidate_row(source, old != NULL ? old : new);
	return true;
}

/*
 * See CextKindInfo.
 */
bool
cext_row_is_remembered(Oid relid)
{
	const CextSource *source = source_of_writer(relid);

	return source != NULL && (source->part->number == CEXT_PART_ATTACHED ||
							  source->part->number == CEXT_PART_SCOPE_TYPES);
}

/*
 * See CextKindInfo.
 */
List *
cext_row_own_relations(void)
{
	CextSource	own[CEXT_NUM_PARTS];
	List	   *relids = NIL;

	cext_parts_own(own);
	for (int i = 0; i < CEXT_NUM_PARTS; i++)
		relids = lappend_oid(relids, own[i].relid);
	return relids;
}
