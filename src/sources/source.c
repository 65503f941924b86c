/*-------------------------------------------------------------------------
 *
 * sources/source.c
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
 *	  out (write/xact.c), unlike one that wrote rows.  So if it was completed
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
 * Our own transaction's changes show as invalidations that came.  A snapshot for
 * which EVERYTHING is not settled, since it is older than what was changed last,
 * keeps what was loaded under it.  So does each where there are no slots, as on a
 * standby, where this transaction itself changed EVERYTHING, and before the start
 * is over (protocol/start.c).
 *
 * While a source is suspended no read passes cext_source_require without being
 * told: ANY is not remembered then.
 *
 * Writers.  A trigger needs to know its table's columns.  Whoever attaches a table
 * keeps writers out with a lock, and his messages arrive with the writer's lock;
 * so there invalidations suffice, and the latest snapshot.  Tables are described
 * when they are written, without a lock but the writer's.
 *
 * Locks: ACCESS SHARE on cache_ext.attached and cache_ext.scope_types, which are
 * read, to the end of the transaction.  None on the sources: a hit waits for
 * nobody who alters one.
 *
 * All state here is the backend's own.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "sources/source.h"

#include "core/shmem.h"
#include "protocol/slot.h"
#include "protocol/start.h"
#include "sources/check.h"
#include "sources/reader.h"
#include "write/xact.h"

#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

/* What a writer remembers of a relation that has triggers of ours. */
typedef struct WriterRelation
{
	Oid			relid;			/* key */
	bool		is_source;
	CextSource	source;			/* with the relation's own columns */
} WriterRelation;

CextSources cext_sources = {.generation = CEXT_NO_GENERATION,.any = CEXT_NO_GENERATION};

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
catalog_callback(Datum arg, int cacheid, uint32 hashvalue)
{
	cext_sources.current = false;
}

/*
 * Load the sources anew when they are needed next.
 */
void
cext_source_forget(void)
{
	cext_sources.current = false;
	writer_sources.current = false;
}

/*
 * Listen to invalidations; called once, from _PG_init.
 */
void
cext_source_init(void)
{
	CacheRegisterRelcacheCallback(relcache_callback, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, catalog_callback, (Datum) 0);
	/* What an owner may read depends on roles, which all databases share. */
	CacheRegisterSyscacheCallback(AUTHOID, catalog_callback, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, catalog_callback, (Datum) 0);
}

static bool
parse_keyed_by(CextString text, CextKeyedBy *keyed_by)
{
	static const char *const names[] = {
		[CEXT_KEYED_BY_NONE] = "none",
		[CEXT_KEYED_BY_DOMAIN] = "domain",
		[CEXT_KEYED_BY_USER] = "user"
	};

	for (int i = 0; i < lengthof(names); i++)
	{
		if (cext_string_equals(text, cext_string(names[i])))
		{
			*keyed_by = i;
			return true;
		}
	}
	return false;
}

/*
 * A row of scope_types, whose constraints may be gone.  One that does not say what
 * its fragments are keyed by is none.
 */
static bool
scope_type_row(void *arg, TupleTableSlot *row, const AttrNumber *attnums)
{
	CextSources *sources = arg;
	const CextColumn *columns = sources->source[CEXT_ROLE_SCOPE_TYPES].columns;
	CextScopeType type = {0};
	bool		nulls[CEXT_SOURCE_COLUMNS];
	Datum		values[CEXT_SOURCE_COLUMNS];

	for (int i = 0; i <= CEXT_COL_TYPE_RANK; i++)
		values[i] = slot_getattr(row, attnums[i], &nulls[i]);
	if (nulls[CEXT_COL_KEY] || nulls[CEXT_COL_TYPE_KEYED_BY] ||
		!parse_keyed_by(cext_type_text(columns[CEXT_COL_TYPE_KEYED_BY].type,
									   values[CEXT_COL_TYPE_KEYED_BY]), &type.keyed_by))
		return true;
	type.name = cext_string_copy(cext_type_text(columns[CEXT_COL_KEY].type,
												values[CEXT_COL_KEY]),
								 CurrentMemoryContext);
	if (!nulls[CEXT_COL_TYPE_RANK])
		type.default_rank = cext_type_integer(columns[CEXT_COL_TYPE_RANK].type,
											  values[CEXT_COL_TYPE_RANK]);
	if (sources->nscope_types == 0)
		sources->scope_types = palloc(sizeof(CextScopeType));
	else
		sources->scope_types = repalloc(sources->scope_types,
										(sources->nscope_types + 1) * sizeof(CextScopeType));
	sources->scope_types[sources->nscope_types++] = type;
	return true;
}

/*
 * Read the scope types under the active snapshot.
 */
static void
load_scope_types(CextSources *sources)
{
	const CextSource *source = &sources->source[CEXT_ROLE_SCOPE_TYPES];
	CextReader	reader;

	sources->nscope_types = 0;
	if (!OidIsValid(source->relid) || source->problem.unreadable)
		return;
	cext_reader_begin(&reader, GetActiveSnapshot());
	if (cext_reader_open(&reader, source))
		cext_reader_scan(&reader, source, CEXT_ASK_ALL, NULL, scope_type_row, sources);
	cext_reader_end(&reader);
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
	bool		by_policies = policies->attached && !fragments->attached;

	sources->user_type = fragments->attached && !users->attached ?
		fragments->columns[CEXT_COL_FRAGMENT_ID].type : users->columns[CEXT_COL_KEY].type;
	sources->name_type = by_policies ? policies->columns[CEXT_COL_KEY].type :
		fragments->columns[CEXT_COL_FRAGMENT_NAME].type;
}

/*
 * Begin to load: until that is done whatever invalidation comes makes what is
 * loaded out of date at once.
 */
static void
begin_load(CextSources *sources)
{
	sources->generation = sources->any = CEXT_NO_GENERATION;
	sources->snapshot.valid = false;
	sources->watched = NIL;
	sources->suspended = NULL;
	sources->loads++;
	sources->current = true;
	if (sources->context == NULL)
		sources->context = AllocSetContextCreate(TopMemoryContext, "cache_ext sources",
												 ALLOCSET_SMALL_SIZES);
	MemoryContextReset(sources->context);
}

/*
 * Which table plays which role, and the scope types, as the active snapshot sees
 * them.  The tables that are read for that are described.  Returns their OIDs.
 */
static List *
load_mapping(CextSources *sources)
{
	List	   *watched;

	cext_mapping_own(sources->source);
	watched = cext_check_source(&sources->source[CEXT_ROLE_ATTACHED]);
	cext_mapping_attached(sources->source);
	watched = list_concat(watched, cext_check_source(&sources->source[CEXT_ROLE_SCOPE_TYPES]));
	load_scope_types(sources);
	return watched;
}

/*
 * Load the sources as the active snapshot sees them, for readers.
 */
static void
load(CextSources *sources)
{
	MemoryContext old;
	List	   *watched;

	begin_load(sources);
	old = MemoryContextSwitchTo(sources->context);
	watched = load_mapping(sources);
	for (int i = 0; i < CEXT_NUM_ROLES; i++)
	{
		CextSource *source = &sources->source[i];

		if (i > CEXT_ROLE_SCOPE_TYPES)
			watched = list_concat(watched, cext_check_source(source));
		if (source->problem.reason != NULL &&
			(sources->suspended == NULL || source->problem.unreadable))
			sources->suspended = source;
	}
	find_key_types(sources);
	sources->watched = watched;
	MemoryContextSwitchTo(old);
}

/*
 * The generation of EVERYTHING, if it is settled for the snapshot and says
 * something about it.
 */
static uint64
settled_generation(Snapshot snapshot)
{
	uint64		generation;
	uint32		everything;

	if (!cext_shmem_available() || snapshot->takenDuringRecovery ||
		snapshot->snapshot_type != SNAPSHOT_MVCC || !cext_start_passed(snapshot))
		return CEXT_NO_GENERATION;
	everything = cext_slot_of(cext_everything_hash());
	if (!cext_slot_settled(everything, snapshot, &generation) ||
		cext_xact_owns(everything))
		return CEXT_NO_GENERATION;
	return generation;
}

static CextSnapshotId
snapshot_id(Snapshot snapshot)
{
	return (CextSnapshotId) {
		.valid = snapshot->snapshot_type == SNAPSHOT_MVCC && !snapshot->suboverflowed,
		.in_recovery = snapshot->takenDuringRecovery,
		.xmin = snapshot->xmin,
		.xmax = snapshot->xmax,
		.xcnt = snapshot->xcnt,
		.subxcnt = snapshot->subxcnt,
		.curcid = snapshot->curcid
	};
}

/*
 * Were the sources loaded under this very snapshot?  Transactions below xmax
 * can only end, so that of as many in progress all are the same: those in
 * subxip, in recovery, where xip is empty.
 */
static bool
is_same_snapshot(Snapshot snapshot)
{
	CextSnapshotId a = cext_sources.snapshot;
	CextSnapshotId b = snapshot_id(snapshot);

	return a.valid && b.valid && a.in_recovery == b.in_recovery &&
		a.xmin == b.xmin && a.xmax == b.xmax && a.xcnt == b.xcnt &&
		a.subxcnt == b.subxcnt && a.curcid == b.curcid;
}

/*
 * Can what was loaded hold for another read at all?  Not while triggers do not tell
 * us in time: in a transaction that writes a source, whose statement may have
 * changed some rows already, and while a source is suspended.  Nor in SERIALIZABLE
 * transactions, whose reads have to take predicate locks on these tables too.
 */
static bool
can_hold(void)
{
	return (cext_xact_own & CEXT_OWN_QUERY) == 0 && cext_sources.suspended == NULL &&
		!IsolationIsSerializable();
}

/*
 * What cext_source_require does where it has to look.
 */
bool
cext_source_refresh(Snapshot snapshot, uint64 any)
{
	uint64		generation = settled_generation(snapshot);
	bool		holds = can_hold() && (generation != CEXT_NO_GENERATION ?
									   generation == cext_sources.generation :
									   is_same_snapshot(snapshot));

	/*
	 * Something can change while we load.  Whoever discards caches all the
	 * time, for tests, is not to hang here.
	 */
	for (int tries = 0; tries < 3 && (!holds || !cext_sources.current); tries++)
	{
		generation = settled_generation(snapshot);
		AcceptInvalidationMessages();
		load(&cext_sources);
		cext_sources.generation = generation;
		cext_sources.snapshot = snapshot_id(snapshot);
		holds = true;
	}
	if (!can_hold())
	{
		cext_sources.generation = CEXT_NO_GENERATION;
		cext_sources.snapshot.valid = false;
	}
	if (cext_sources.suspended != NULL || !cext_sources.current)
		return false;
	if (generation != CEXT_NO_GENERATION)
		cext_sources.any = any;
	return true;
}

/*
 * Load what writers need to know.  What is not attached, and the tables' columns,
 * are looked at when they are written.
 */
static void
load_writer(void)
{
	HASHCTL		info = {.keysize = sizeof(Oid),.entrysize = sizeof(WriterRelation)};
	MemoryContext old;
	List	   *watched;

	PushActiveSnapshot(GetLatestSnapshot());
	begin_load(&writer_sources);
	old = MemoryContextSwitchTo(writer_sources.context);
	watched = load_mapping(&writer_sources);
	for (int i = 0; i < CEXT_NUM_ROLES; i++)
		watched = list_append_unique_oid(watched, writer_sources.source[i].relid);
	writer_sources.watched = watched;
	MemoryContextSwitchTo(old);
	PopActiveSnapshot();

	info.hcxt = writer_sources.context;
	writer_relations = hash_create("cache_ext relations", 16, &info,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static CextSource *
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
		CextSource	source = {0};
		bool		is_source = find_source(relid, &source);

		writer_sources.watched = list_append_unique_oid(writer_sources.watched, relid);
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
CextConfigSlice
cext_source_fragment_slice(CextString scope_type)
{
	const CextScopeType *type = cext_source_scope_type(&writer_sources, scope_type);

	return type != NULL && type->keyed_by == CEXT_KEYED_BY_DOMAIN ?
		CEXT_SLICE_DOMAIN_NAME : CEXT_SLICE_USER_NAME;
}
