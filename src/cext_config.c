/*-------------------------------------------------------------------------
 *
 * cext_config.c
 *	  The read path: look up, fill, read through.
 *
 * A read first asks whether it may use the cache at all: its transaction, its
 * isolation level or its snapshot may rule that out, and then it computes its
 * result from the tables.  Otherwise it looks the entry up, and takes it if all
 * of the entry's slices are settled for its snapshot at the generation that the
 * entry recorded (cext_slot.c says why that is enough).
 *
 * Most of the time nothing changed since the entry was last found valid, and
 * one slot tells: ANY, which every invalidation in the database goes through.
 * The entry's stamp is a generation at which ANY was settled before the
 * entry's slices were found valid.  If ANY is settled at that generation for
 * our snapshot too, then all writers that ever completed are seen by our
 * snapshot and were seen by that check, and those that have not marked ANY yet
 * have not committed.
 *
 * A miss computes the result under the same snapshot and stores it, if at the
 * moment of storing all slices are settled for that snapshot.  A writer that
 * comes later than this check bumps a generation that the entry has recorded.
 *
 * What a caller's strings mean depends on the sources, which are made to hold
 * for the snapshot first (cext_source.c); ANY is read once for both.
 *
 * Locks: see cext_source.c for the sources, cext_store.c for the store.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "cext_config.h"

#include "cext_fetch.h"
#include "cext_fill.h"
#include "cext_guc.h"
#include "cext_path.h"
#include "cext_shmem.h"
#include "cext_slot.h"
#include "cext_source.h"
#include "cext_stats.h"
#include "cext_store_read.h"
#include "cext_xact.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* The result of a computation, in the caller's context. */
typedef struct Computed
{
	struct varlena *value;		/* NULL: nothing contributes */
	int64		ttl_ms;
	CextString	domain_key;
	CextString	domain;
} Computed;

/*
 * Why a session is not served from the cache is said once.
 */
static void
warn_not_preloaded(void)
{
	static bool warned = false;

	if (warned)
		return;
	warned = true;
	ereport(WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("configurations are computed at each read because cache_ext is not preloaded"),
			 errhint("Add cache_ext to shared_preload_libraries and restart the server.")));
}

static void
warn_suspended(const CextSource *source)
{
	static bool warned = false;

	if (warned)
		return;
	warned = true;
	ereport(WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("configurations are computed at each read because the source of %s, table %s, is suspended",
					cext_role_name(source->role), source->relname),
			 errdetail_internal("%s", source->problem.reason),
			 errhint("%s", source->problem.hint)));
}

/*
 * May a worker's read use the cache?  If not, says why.
 */
static pg_noinline bool
worker_may_read(CextCounter *reason)
{
	if (IsLogicalWorker())
	{
		/* It writes rows without firing statement triggers. */
		*reason = CEXT_COUNT_RT_APPLY;
		return false;
	}
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
	{
		/* Whether the leader wrote to a source is not known here. */
		*reason = CEXT_COUNT_RT_PARALLEL;
		return false;
	}
	return true;
}

/*
 * May a read under this snapshot use the cache?  If not, says why.
 */
static inline bool
cache_is_usable(Snapshot snapshot, CextCounter *reason)
{
	if (!cext_shmem_available())
	{
		warn_not_preloaded();
		*reason = CEXT_COUNT_RT_NOT_PRELOADED;
	}
	else if (!cext_enabled)
		*reason = CEXT_COUNT_RT_DISABLED;
	else if (cext_xact_wrote)
		*reason = CEXT_COUNT_RT_OWN_WRITE;
	else if (snapshot->snapshot_type != SNAPSHOT_MVCC)
		*reason = CEXT_COUNT_RT_SNAPSHOT;
	else if (snapshot->takenDuringRecovery)
		*reason = CEXT_COUNT_RT_RECOVERY;
	else if (IsolationIsSerializable())
	{
		/* Its reads have to reach the tables, to take predicate locks. */
		*reason = CEXT_COUNT_RT_SERIALIZABLE;
	}
	else if (unlikely(cext_is_worker))
		return worker_may_read(reason);
	else
		return true;
	return false;
}

/*
 * The generation of ANY, if it is settled for the snapshot.
 */
static inline uint64
settled_any(Snapshot snapshot)
{
	uint64		any;

	return likely(cext_slot_settled(cext_any_slot(), snapshot, &any)) ?
		any : CEXT_NO_GENERATION;
}

/*
 * Does the entry hold for the snapshot, given the generation of ANY?  Gives the
 * stamp that it deserves if that is not the one it has, else 0.
 */
static pg_attribute_always_inline bool
entry_holds(const CextRef *entry, Snapshot snapshot, uint64 any, uint64 *stamp)
{
	*stamp = 0;
	if (likely(entry->stamp == any))
		return true;

	/*
	 * ANY was read before the slices: a writer that it misses has not bumped
	 * it, so that the stamp cannot cover that writer.
	 */
	pg_read_barrier();
	for (int i = 0; i < entry->nslices; i++)
	{
		uint64		slice = ((const volatile uint64 *) entry->slices)[i];
		uint32		slot = CEXT_PACKED_SLOT(slice) & cext_slot_mask;
		uint64		generation;

		if (!cext_slot_settled(slot, snapshot, &generation) ||
			CEXT_PACK_SLICE(slot, generation) != slice)
			return false;
	}
	if (any != CEXT_NO_GENERATION)
		*stamp = any;
	return true;
}

/*
 * Copy what the request wants out of an entry's value, which may change under
 * us: then the result is garbage, but sound enough to be freed.  NULL if there
 * is nothing.
 */
static pg_attribute_always_inline struct varlena *
copy_out(const CextRequest *request, const char *value, uint32 len, JEntry *type)
{
	CextPiece	piece;
	struct varlena *copy;

	if (likely(request->npath == 0))
	{
		copy = palloc(len);
		memcpy(copy, value, len);
		return copy;
	}
	if (!cext_path_find(value + VARHDRSZ, len - VARHDRSZ,
						request->path, request->npath, &piece))
		return NULL;
	*type = piece.type;
	copy = palloc(VARHDRSZ + piece.len);
	SET_VARSIZE(copy, VARHDRSZ + piece.len);
	memcpy(VARDATA(copy), piece.data, piece.len);
	return copy;
}

static struct varlena *
finish_piece(const CextRequest *request, struct varlena *copy, JEntry type)
{
	if (copy == NULL || request->npath == 0)
		return copy;
	return (struct varlena *) cext_path_build(copy, type);
}

/*
 * Look the request up; true if the cache answers, with NULL for absence.
 */
static pg_attribute_always_inline bool
look_up(const CextRequest *request, Snapshot snapshot, uint64 any,
		struct varlena **value)
{
	const CextKey *key = &request->key;

	/* An entry can only change so often between two looks. */
	for (int tries = 0; tries < 3; tries++)
	{
		CextRef		ref;
		struct varlena *copy = NULL;
		JEntry		type = JENTRY_ISCONTAINER;
		uint64		stamp;
		bool		expired;
		bool		holds;

		if (!cext_store_find(key, &ref))
			return false;
		expired = unlikely(ref.expires != 0) &&
			ref.expires <= cext_store_now();
		holds = !expired && entry_holds(&ref, snapshot, any, &stamp);
		/* A value has a header at least; absence has no bytes. */
		if (holds && ref.value_len >= VARHDRSZ)
			copy = copy_out(request, ref.value, ref.value_len, &type);

		if (unlikely(!cext_store_unchanged(&ref)))
		{
			if (copy != NULL)
				pfree(copy);
			continue;
		}
		if (expired)
			cext_count(CEXT_COUNT_EXPIRATIONS);
		if (!holds)
			return false;

		cext_store_touch(&ref);
		if (unlikely(stamp != 0))
			cext_store_stamp(key->hash, ref, stamp);
		cext_count(CEXT_COUNT_HITS);
		*value = finish_piece(request, copy, type);
		return true;
	}
	return false;
}

static CextString
copy_string(CextString s)
{
	return s.data == NULL ? s : (CextString) {pnstrdup(s.data, s.len), s.len};
}

/*
 * Compute the whole document from the tables, under the active snapshot.
 */
static void
compute(const CextRequest *request, Snapshot snapshot, Computed *computed)
{
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(outer, "cache_ext fill",
												  ALLOCSET_DEFAULT_SIZES);
	CextFetched fetched;
	struct varlena *value = NULL;

	MemoryContextSwitchTo(context);
	cext_fetch(snapshot, request->key.user, request->key.name, &fetched);
	if (fetched.ndocs > 0)
	{
		Jsonb	   *merged = cext_merge(fetched.strategy, fetched.docs, fetched.ndocs);

		value = (struct varlena *) merged;
		if (request->key.kind == CEXT_KIND_JSON)
			value = (struct varlena *)
				cstring_to_text(JsonbToCString(NULL, &merged->root, VARSIZE(merged)));
	}
	MemoryContextSwitchTo(outer);

	computed->value = NULL;
	if (value != NULL)
	{
		computed->value = palloc(VARSIZE(value));
		memcpy(computed->value, value, VARSIZE(value));
	}
	computed->ttl_ms = fetched.ttl_ms;
	computed->domain_key = copy_string(fetched.domain_key);
	computed->domain = copy_string(fetched.domain);
	MemoryContextDelete(context);
}

/* Where EVERYTHING is among an entry's slices. */
#define EVERYTHING_INDEX	0

/*
 * The hashes of the slices that an entry depends on.
 */
static int
get_slices(const CextRequest *request, const Computed *computed,
		   uint64 hashes[CEXT_MAX_SLICES])
{
	CextString	domain = computed->domain;
	CextString	name = request->key.name;
	int			n = 0;

#define SLICE(kind, id, name) \
	(hashes[n++] = cext_slice_hash(MyDatabaseId, kind, id, name))

	SLICE(CEXT_SLICE_EVERYTHING, CEXT_NULL_STRING, CEXT_NULL_STRING);
	SLICE(CEXT_SLICE_NAME, CEXT_NULL_STRING, name);
	if (request->key.user.data != NULL)
	{
		SLICE(CEXT_SLICE_USER, request->key.user, CEXT_NULL_STRING);
		SLICE(CEXT_SLICE_USER_NAME, request->key.user, name);
	}
	if (domain.data != NULL)
	{
		SLICE(CEXT_SLICE_DOMAIN, domain, CEXT_NULL_STRING);
		SLICE(CEXT_SLICE_DOMAIN_NAME, domain, name);
	}
	if (computed->domain_key.data != NULL)
		SLICE(CEXT_SLICE_DOMAIN, computed->domain_key, CEXT_NULL_STRING);
#undef SLICE
	return n;
}

/*
 * Record the generations of an entry's slices; false if one of them is not
 * settled for the snapshot that the entry was computed under, or if the sources
 * are no longer those that the key was made for.
 */
static bool
record_slices(CextEntry *entry, const CextRequest *request,
			  const Computed *computed, Snapshot snapshot)
{
	uint64		hashes[CEXT_MAX_SLICES];
	uint64		any = settled_any(snapshot);

	entry->stamp = any == CEXT_NO_GENERATION ? 0 : any;
	pg_read_barrier();			/* as in entry_holds */

	entry->nslices = get_slices(request, computed, hashes);
	for (int i = 0; i < entry->nslices; i++)
	{
		uint32		slot = cext_slot_of(hashes[i]);
		uint64		generation;

		if (!cext_slot_settled(slot, snapshot, &generation))
			return false;
		if (i == EVERYTHING_INDEX && generation != request->generation)
			return false;
		entry->slices[i] = CEXT_PACK_SLICE(slot, generation);
	}
	return true;
}

static TimestampTz
expiry(int64 ttl_ms)
{
	TimestampTz now = cext_store_now();

	if (ttl_ms == 0)
		ttl_ms = (int64) cext_default_ttl_s * 1000;
	if (ttl_ms == 0 || ttl_ms > (PG_INT64_MAX - now) / 1000)
		return 0;
	return now + ttl_ms * 1000;
}

/*
 * Store what was computed under the snapshot.  Returns what to count.
 */
static CextCounter
store(const CextRequest *request, Snapshot snapshot, const Computed *computed)
{
	CextEntry	entry = {0};

	entry.value = computed->value;
	entry.value_len = computed->value == NULL ? 0 : VARSIZE(computed->value);
	entry.expires = expiry(computed->ttl_ms);

	if (computed->value == NULL && !cext_cache_absent)
		return CEXT_COUNT_RT_ABSENT;
	if (entry.value_len > (Size) cext_max_entry_kb * 1024 ||
		entry.value_len > cext_store_max_value())
		return CEXT_COUNT_RT_TOO_LARGE;
	if (!record_slices(&entry, request, computed, snapshot))
		return CEXT_COUNT_RT_UNSETTLED;
	cext_store_put(&request->key, &entry);
	return CEXT_COUNT_FILLS;
}

/*
 * Compute the document and store it if that can be done exactly.
 */
static void
fill(const CextRequest *request, Snapshot snapshot, Computed *computed)
{
	compute(request, snapshot, computed);
	if (cext_sources.suspended == NULL)
		cext_count(store(request, snapshot, computed));
	else
	{
		cext_count(CEXT_COUNT_RT_SUSPENDED);
		warn_suspended(cext_sources.suspended);
	}
}

static void
end_fill(int code, Datum arg)
{
	cext_fill_end();
}

/*
 * Take the part that the request wants of a document that is our own.
 */
static struct varlena *
take_piece(const CextRequest *request, struct varlena *value)
{
	JEntry		type = JENTRY_ISCONTAINER;
	struct varlena *copy;

	if (value == NULL || request->npath == 0)
		return value;
	copy = copy_out(request, (char *) value, VARSIZE(value), &type);
	return finish_piece(request, copy, type);
}

/*
 * No entry holds for the snapshot: fill, unless someone else is about to.
 */
static pg_noinline struct varlena *
read_miss(const CextRequest *request, Snapshot snapshot)
{
	uint64		hash = request->key.hash;
	Computed	computed;
	TimestampTz deadline = 0;
	struct varlena *value;

	while (!cext_fill_begin(hash))
	{
		if (deadline == 0)
		{
			deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
												   cext_fill_wait_ms);
			cext_count(CEXT_COUNT_FILL_WAITS);
		}
		if (!cext_fill_wait(hash, deadline))
		{
			fill(request, snapshot, &computed);
			return take_piece(request, computed.value);
		}
		if (look_up(request, snapshot, settled_any(snapshot), &value))
			return value;
	}

	PG_ENSURE_ERROR_CLEANUP(end_fill, (Datum) 0);
	{
		fill(request, snapshot, &computed);
	}
	PG_END_ENSURE_ERROR_CLEANUP(end_fill, (Datum) 0);
	cext_fill_end();
	return take_piece(request, computed.value);
}

/*
 * Bring the caller's strings to what they mean for the sources as they are.
 */
static inline void
make_canonical(CextRequest *request)
{
	CextKey    *key = &request->key;

	if (unlikely(cext_sources.user_type.kind != CEXT_TYPE_TEXT) && key->user.data != NULL)
		key->user = cext_type_canonicalize(cext_sources.user_type, key->user);
	if (unlikely(cext_sources.name_type.kind != CEXT_TYPE_TEXT))
		key->name = cext_type_canonicalize(cext_sources.name_type, key->name);
	request->generation = cext_sources.generation;
}

/*
 * Read a configuration, or a piece of it, under the active snapshot: the
 * result is what computing it from the tables would give.  Returns a jsonb or,
 * for CEXT_KIND_JSON, a json in the current context, or NULL where there is
 * nothing.  Throws what reading the tables can throw, and what the input
 * functions of the sources' types can.
 */
struct varlena *
cext_config_read(CextRequest *request)
{
	Snapshot	snapshot = GetActiveSnapshot();
	bool		usable;
	uint64		any;
	CextCounter reason;
	struct varlena *value;

	usable = likely(cache_is_usable(snapshot, &reason));
	any = usable ? settled_any(snapshot) : CEXT_NO_GENERATION;
	cext_source_require(snapshot, any);
	make_canonical(request);
	if (unlikely(!usable))
	{
		Computed	computed;

		cext_count(reason);
		compute(request, snapshot, &computed);
		return take_piece(request, computed.value);
	}

	cext_key_complete(&request->key, MyDatabaseId);
	if (likely(look_up(request, snapshot, any, &value)))
		return value;
	cext_count(CEXT_COUNT_MISSES);
	return read_miss(request, snapshot);
}
