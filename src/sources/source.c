/*-------------------------------------------------------------------------
 *
 * sources/source.c
 *	  What a backend remembers of sources, and for which snapshots it holds.
 *
 * A backend remembers what the mapping and the catalogs say of the sources, and
 * whether their triggers are whole.  As long as all are, every write is noticed.
 * If one is not, the sources are suspended: reads compute their result and store
 * nothing.
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
 *	- A read uses the cache only if EVERYTHING was settled for it by then.
 *	  Otherwise what was loaded may be older than what the snapshot sees, and
 *	  EVERYTHING may be settled a moment later: a key that was made from the one
 *	  must not meet entries of the other.  If it was settled, it still has that
 *	  generation when a fill stores, or is not settled any more.
 *
 * So no lock has to keep triggers as they are during a fill, and partitions cost
 * it nothing.  If a trigger was disabled and enabled again in between, both
 * transactions invalidated everything, and writers' locks do not let either
 * overlap with a write.
 *
 * Our own transaction's changes show as invalidations that came.  A snapshot for
 * which EVERYTHING is not settled, since it is older than what was changed last,
 * keeps what was loaded under it.  So does every snapshot if there are no slots, as
 * on a standby, if this transaction itself changed EVERYTHING, or if the start is
 * not over yet (protocol/start.c).
 *
 * While a source is suspended no read passes cext_source_require without being
 * told: ANY is not remembered then.
 *
 * Locks: none on the sources, so that a hit does not wait for a session that alters
 * one.  Tables whose content is remembered are read, and locked for that.
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
#include "write/xact.h"

#include "access/xact.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

static CextSourceSet *sets = NULL;
static uint64 loads = 0;

static void
relcache_callback(Datum arg, Oid relid)
{
	for (CextSourceSet *set = sets; set != NULL; set = set->next)
	{
		/* While it is loaded nothing is known of what is watched. */
		if (relid == InvalidOid || set->watched == NIL ||
			list_member_oid(set->watched, relid))
			set->current = false;
	}
}

static void
catalog_callback(Datum arg, int cacheid, uint32 hashvalue)
{
	cext_source_forget();
}

/*
 * Load the sources anew when they are needed next.
 */
void
cext_source_forget(void)
{
	for (CextSourceSet *set = sets; set != NULL; set = set->next)
		set->current = false;
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

/*
 * Load a set as the active snapshot sees it.  Until that is done whatever
 * invalidation comes makes what is loaded out of date at once.
 */
void
cext_source_load(CextSourceSet *set)
{
	MemoryContext old;
	List	   *watched;

	if (set->context == NULL)
	{
		set->context = AllocSetContextCreate(TopMemoryContext, "cache_ext sources",
											 ALLOCSET_SMALL_SIZES);
		set->next = sets;
		sets = set;
	}
	MemoryContextReset(set->context);
	set->generation = set->any = CEXT_NO_GENERATION;
	set->snapshot.valid = false;
	set->watched = NIL;
	set->suspended = NULL;
	set->loads = ++loads;
	set->current = true;
	old = MemoryContextSwitchTo(set->context);
	watched = set->load(set);
	set->watched = watched;
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
	CextSnapshotId id;

	id.valid = snapshot->snapshot_type == SNAPSHOT_MVCC && !snapshot->suboverflowed;
	id.in_recovery = snapshot->takenDuringRecovery;
	id.xmin = snapshot->xmin;
	id.xmax = snapshot->xmax;
	id.xcnt = snapshot->xcnt;
	id.subxcnt = snapshot->subxcnt;
	id.curcid = snapshot->curcid;
	return id;
}

/*
 * Was a set loaded under this very snapshot?  Transactions below xmax can only end,
 * so that two snapshots of one xmax with as many in progress have the same ones in
 * progress.  In recovery these are in subxip, and xip is empty.
 */
static bool
is_same_snapshot(const CextSourceSet *set, Snapshot snapshot)
{
	CextSnapshotId a = set->snapshot;
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
can_hold(const CextSourceSet *set)
{
	return (cext_xact_own & CEXT_OWN_QUERY) == 0 && set->suspended == NULL &&
		!IsolationIsSerializable();
}

/*
 * What cext_source_require does where it has to look.
 */
bool
cext_source_refresh(CextSourceSet *set, Snapshot snapshot, uint64 any)
{
	uint64		generation = settled_generation(snapshot);
	bool		holds = can_hold(set) && (generation != CEXT_NO_GENERATION ?
										  generation == set->generation :
										  is_same_snapshot(set, snapshot));

	/*
	 * Something can change while we load.  A server that discards caches all
	 * the time, for tests, must not hang here.
	 */
	for (int tries = 0; tries < 3 && (!holds || !set->current); tries++)
	{
		generation = settled_generation(snapshot);
		AcceptInvalidationMessages();
		cext_source_load(set);
		set->generation = generation;
		set->snapshot = snapshot_id(snapshot);
		holds = true;
	}
	if (!can_hold(set))
	{
		set->generation = CEXT_NO_GENERATION;
		set->snapshot.valid = false;
	}
	if (set->suspended != NULL || !set->current || generation == CEXT_NO_GENERATION)
		return false;
	set->any = any;
	return true;
}
