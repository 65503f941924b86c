/*-------------------------------------------------------------------------
 *
 * cext_source.c
 *	  The sources, as a snapshot or a writer sees them.
 *
 * A backend remembers what the mapping and the catalogs say of the sources, and
 * whether their triggers are whole.  As long as all are, every write is noticed;
 * where one is not the sources are suspended, and reads compute their result and
 * store nothing.
 *
 * Readers.  What is remembered is a function of tables and catalogs like an
 * entry of the cache, and is held to the same protocol.  Whatever changes the
 * mapping, a scope type, a source's definition or its triggers invalidates
 * EVERYTHING.  So it was loaded at a generation of EVERYTHING that was settled
 * for the loader's snapshot, and holds for each snapshot for which EVERYTHING
 * is settled at that generation.  Three orders matter:
 *
 *	- The generation is read first, then invalidation messages are accepted,
 *	  then the catalogs are looked at.
 *	- A transaction that did DDL completes its slots after its messages went
 *	  out (cext_xact.c), unlike one that wrote rows.  So if it was completed
 *	  when we read the generation, we see what it did; if not, EVERYTHING was
 *	  pending for us, or will have another generation.
 *	- A fill stores only if EVERYTHING still has the generation that was
 *	  remembered before the fill began.
 *
 * So no lock has to keep triggers as they are during a fill, and partitions cost
 * it nothing.  Where a trigger was disabled and enabled again in between, both
 * transactions invalidated everything, and writers' locks do not let either
 * overlap with a write.
 *
 * Our own transaction's changes show as invalidations that came.  Without
 * slots, as on a standby, invalidations alone decide.  A snapshot for which
 * EVERYTHING is not settled, since it is older than what was changed last, keeps
 * what was loaded under it.
 *
 * Writers.  A trigger needs to know its table's columns.  Who attaches a table
 * keeps writers out with a lock, and his messages arrive with the writer's lock;
 * so there invalidations suffice, and the latest snapshot.
 *
 * All state here is the backend's own.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "cext_source.h"

#include "cext_check.h"
#include "cext_shmem.h"
#include "cext_slot.h"
#include "cext_spi.h"

#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

/* The generation where there are no slots to go by. */
#define NO_SLOTS		(CEXT_NO_GENERATION - 1)

/* What a writer remembers of a relation that has triggers of ours. */
typedef struct WriterRelation
{
	Oid			relid;			/* key */
	bool		is_source;
	CextSource	source;
} WriterRelation;

CextSources cext_sources = {.generation = CEXT_NO_GENERATION,.any = CEXT_NO_GENERATION};
bool		cext_slots_known = false;
uint32		cext_any;
static uint32 everything;

static CextSources writer_sources;
static HTAB *writer_relations;	/* in writer_sources.context */

static void
forget(CextSources *sources, Oid relid)
{
	/* While they are loaded nothing is known of what is watched. */
	if (relid == InvalidOid || sources->watched == NIL ||
		list_member_oid(sources->watched, relid))
		sources->current = false;
}

static void
relcache_callback(Datum arg, Oid relid)
{
	forget(&cext_sources, relid);
	forget(&writer_sources, relid);
}

static void
namespace_callback(Datum arg, int cacheid, uint32 hashvalue)
{
	cext_sources.current = false;
}

/*
 * Listen to invalidations; called once, from _PG_init.
 */
void
cext_source_init(void)
{
	CacheRegisterRelcacheCallback(relcache_callback, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, namespace_callback, (Datum) 0);
}

/*
 * Find this database's slots.
 */
void
cext_source_find_slots(void)
{
	cext_any = cext_slot_of(cext_slice_hash(MyDatabaseId, CEXT_SLICE_ANY,
											CEXT_NULL_STRING, CEXT_NULL_STRING));
	everything = cext_slot_of(cext_slice_hash(MyDatabaseId, CEXT_SLICE_EVERYTHING,
												   CEXT_NULL_STRING, CEXT_NULL_STRING));
	cext_slots_known = true;
}

static CextKeyedBy
parse_keyed_by(const char *keyed_by)
{
	if (strcmp(keyed_by, "none") == 0)
		return CEXT_KEYED_BY_NONE;
	return strcmp(keyed_by, "domain") == 0 ? CEXT_KEYED_BY_DOMAIN : CEXT_KEYED_BY_USER;
}

/*
 * Read the scope types under the active snapshot.
 */
static void
load_scope_types(CextSources *sources)
{
	MemoryContext context = CurrentMemoryContext;
	CextCaller	caller;

	cext_spi_begin(&caller);
	cext_spi_become(&caller, sources->source[CEXT_ROLE_SCOPE_TYPES].owner);
	if (SPI_execute("SELECT scope_type, keyed_by, default_rank FROM ONLY cache_ext.scope_types",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read cache_ext.scope_types");
	sources->scope_types = MemoryContextAlloc(context, (SPI_processed + 1) * sizeof(CextScopeType));
	sources->nscope_types = 0;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		CextScopeType *type = &sources->scope_types[sources->nscope_types++];
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;

		type->name = cext_string_copy(cext_string(SPI_getvalue(tuple, desc, 1)), context);
		type->keyed_by = parse_keyed_by(SPI_getvalue(tuple, desc, 2));
		type->default_rank = DatumGetInt32(SPI_getbinval(tuple, desc, 3, &isnull));
	}
	cext_spi_end(&caller);
}

/*
 * A scope type by its name, or NULL.
 */
const CextScopeType *
cext_source_scope_type(const CextSources *sources, CextString name)
{
	for (int i = 0; i < sources->nscope_types; i++)
	{
		if (cext_string_equals(sources->scope_types[i].name, name))
			return &sources->scope_types[i];
	}
	return NULL;
}

/*
 * Which types callers' strings are brought to: that of the column that they
 * are looked for in, the users' first.
 */
static void
find_key_types(CextSources *sources)
{
	const CextSource *fragments = &sources->source[CEXT_ROLE_FRAGMENTS];
	const CextSource *policies = &sources->source[CEXT_ROLE_POLICIES];
	const CextSource *users = &sources->source[CEXT_ROLE_USERS];
	const CextType text = {CEXT_TYPE_TEXT, TEXTOID};

	sources->user_type = users->attached ? users->columns[CEXT_COL_KEY].type :
		fragments->attached ? fragments->columns[CEXT_COL_FRAGMENT_ID].type : text;
	sources->name_type = fragments->attached ? fragments->columns[CEXT_COL_FRAGMENT_NAME].type :
		policies->attached ? policies->columns[CEXT_COL_KEY].type : text;
}

/*
 * Load the sources as the active snapshot sees them.  Until that is done
 * whatever invalidation comes makes them out of date at once.
 */
static void
load(CextSources *sources)
{
	MemoryContext old;
	List	   *watched = NIL;

	sources->generation = sources->any = CEXT_NO_GENERATION;
	sources->watched = NIL;
	sources->suspended = NULL;
	sources->loads++;
	if (!sources->current)
		sources->changes++;
	sources->current = true;
	if (sources->context == NULL)
		sources->context = AllocSetContextCreate(TopMemoryContext, "cache_ext sources",
												 ALLOCSET_SMALL_SIZES);
	MemoryContextReset(sources->context);

	old = MemoryContextSwitchTo(sources->context);
	cext_mapping_load(sources->source);
	load_scope_types(sources);
	for (int i = 0; i < CEXT_NUM_ROLES; i++)
	{
		CextSource *source = &sources->source[i];

		if (!OidIsValid(source->relid) && source->problem.reason == NULL)
			continue;
		if (source->problem.reason == NULL)
			cext_check_table(source);
		watched = list_concat(watched, cext_check_triggers(source));
		if (source->problem.reason != NULL &&
			(sources->suspended == NULL || source->problem.unreadable))
			sources->suspended = source;
	}
	find_key_types(sources);
	sources->watched = watched;
	MemoryContextSwitchTo(old);
}

/*
 * The generation of EVERYTHING, if it is settled for the snapshot.
 */
static uint64
settled_generation(Snapshot snapshot)
{
	uint64		generation;

	if (!cext_shmem_available() || snapshot->takenDuringRecovery)
		return NO_SLOTS;
	(void) cext_any_slot();
	if (snapshot->snapshot_type != SNAPSHOT_MVCC ||
		!cext_slot_settled(everything, snapshot, &generation))
		return CEXT_NO_GENERATION;
	return generation;
}

/*
 * Were the sources loaded under this very snapshot?  Transactions below xmax
 * can only end, so that of as many in progress all are the same.
 */
static bool
is_same_snapshot(Snapshot snapshot)
{
	return snapshot->xmin == cext_sources.xmin &&
		snapshot->xmax == cext_sources.xmax &&
		snapshot->xcnt == cext_sources.xcnt;
}

/*
 * What cext_source_require does where it has to look.
 */
void
cext_source_refresh(Snapshot snapshot, uint64 any)
{
	uint64		generation = settled_generation(snapshot);
	bool		holds = generation != CEXT_NO_GENERATION ?
		generation == cext_sources.generation : is_same_snapshot(snapshot);

	if (!holds || !cext_sources.current)
	{
		cext_sources.xcnt = PG_UINT32_MAX;
		AcceptInvalidationMessages();
		load(&cext_sources);
		cext_sources.generation = generation;
		cext_sources.xmin = snapshot->xmin;
		cext_sources.xmax = snapshot->xmax;
		cext_sources.xcnt = snapshot->xcnt;
	}
	if (generation != CEXT_NO_GENERATION)
		cext_sources.any = any;
}

/*
 * Lock the tables that are about to be read, as any query does, and see to it
 * that what is remembered of them, names above all, is what they are: who
 * changed that has sent his messages before he let his lock go.
 */
void
cext_source_lock(Snapshot snapshot)
{
	/* Who discards caches all the time, for tests, is not to hang here. */
	for (int tries = 0; tries < 3; tries++)
	{
		if (!cext_sources.current)
			cext_source_refresh(snapshot, CEXT_NO_GENERATION);
		for (int i = 0; i < CEXT_NUM_ROLES; i++)
		{
			if (OidIsValid(cext_sources.source[i].relid))
				LockRelationOid(cext_sources.source[i].relid, AccessShareLock);
		}
		if (cext_sources.current)
			return;
	}
}

/*
 * Load what writers need to know.
 */
static void
load_writer(void)
{
	HASHCTL		info = {.keysize = sizeof(Oid),.entrysize = sizeof(WriterRelation)};

	PushActiveSnapshot(GetLatestSnapshot());
	load(&writer_sources);
	PopActiveSnapshot();

	info.hcxt = writer_sources.context;
	writer_relations = hash_create("cache_ext relations", 16, &info,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static const CextSource *
source_by_relid(Oid relid)
{
	for (int i = 0; i < CEXT_NUM_ROLES; i++)
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
	result->relid = relid;
	for (int i = 0; i < CEXT_SOURCE_COLUMNS && relid != source->relid; i++)
	{
		if (result->columns[i].name != NULL)
			result->columns[i].attnum = get_attnum(relid, result->columns[i].name);
	}
	return true;
}

/*
 * The source that a table with triggers of ours is, for a trigger that runs.
 * NULL if it is none, as a table of ours is while another is attached, or if it
 * cannot be read.
 */
const CextSource *
cext_source_of_writer(Oid relid)
{
	WriterRelation *relation;

	if (!writer_sources.current || writer_relations == NULL)
	{
		writer_relations = NULL;
		load_writer();
	}
	relation = hash_search(writer_relations, &relid, HASH_FIND, NULL);
	if (relation == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(writer_sources.context);
		CextSource	source;
		bool		is_source = find_source(relid, &source);

		MemoryContextSwitchTo(old);
		relation = hash_search(writer_relations, &relid, HASH_ENTER, NULL);
		relation->is_source = is_source && !source.problem.unreadable;
		relation->source = source;
	}
	return relation->is_source ? &relation->source : NULL;
}

/*
 * The kind of slice that a fragment with a scope id belongs to.  The two
 * possible ones hash alike, so that an answer about a scope type that is gone
 * is a matter of statistics, and of what listeners are told, whom the change of
 * the scope type tells that everything changed.  After cext_source_of_writer.
 */
CextSliceKind
cext_source_fragment_slice(CextString scope_type)
{
	const CextScopeType *type = cext_source_scope_type(&writer_sources, scope_type);

	return type != NULL && type->keyed_by == CEXT_KEYED_BY_DOMAIN ?
		CEXT_SLICE_DOMAIN_NAME : CEXT_SLICE_USER_NAME;
}
