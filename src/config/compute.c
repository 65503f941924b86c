/*-------------------------------------------------------------------------
 *
 * config/compute.c
 *	  The read path: look up, fill, read through.
 *
 * A read first asks whether it may use the cache at all: its transaction, its
 * isolation level or its snapshot may rule that out, and then it computes its
 * result from the tables.  Otherwise it looks the entry up.  A miss computes the
 * result under the same snapshot and stores it if that can be done exactly
 * (read/entry.c); of several for one entry, one does.  What it computes is put
 * upon a base (config/base.c) if there can be one.
 *
 * What a caller's strings mean depends on the sources, which are made to hold
 * for the snapshot first (sources/source.c); ANY is read once for both.
 *
 * Locks: see sources/source.c for the sources, store/store.c for the store.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "config/compute.h"

#include "config/base.h"
#include "config/fetch.h"
#include "core/guc.h"
#include "core/shmem.h"
#include "protocol/start.h"
#include "read/fill.h"
#include "sources/frame.h"
#include "write/xact.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

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
 * Does what this transaction did itself rule the cache out, whatever is read?
 * Says why.
 */
static pg_noinline bool
own_rules_out(CextCounter *reason)
{
	if (cext_xact_own & CEXT_OWN_QUERY)
		*reason = CEXT_COUNT_RT_UNDER_WAY;
	else if (cext_xact_own & (CEXT_OWN_EVERYTHING | CEXT_OWN_CATALOGS))
		*reason = CEXT_COUNT_RT_OWN_CHANGE;
	else
		return false;
	return true;
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
	else if (unlikely(cext_xact_own != 0) && own_rules_out(reason))
		return false;
	else if (snapshot->snapshot_type != SNAPSHOT_MVCC)
		*reason = CEXT_COUNT_RT_SNAPSHOT;
	else if (snapshot->takenDuringRecovery)
		*reason = CEXT_COUNT_RT_RECOVERY;
	else if (!cext_start_passed(snapshot))
		*reason = CEXT_COUNT_RT_START;
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
 * Bring the caller's strings to what they mean for the sources as they are.
 */
static inline void
make_canonical(CextRequest *request)
{
	CextKey    *key = &request->key;

	if (unlikely(cext_sources.user_type.kind != CEXT_TYPE_TEXT) && key->user.data != NULL)
	{
		request->given_user = key->user;
		key->user = cext_type_canonicalize(cext_sources.user_type, key->user);
	}
	if (unlikely(cext_sources.name_type.kind != CEXT_TYPE_TEXT))
	{
		request->given_name = key->name;
		key->name = cext_type_canonicalize(cext_sources.name_type, key->name);
	}
	request->generation = cext_sources.generation;
	request->loads = cext_sources.loads;
}

/*
 * Do that again, if the sources were loaded since.
 */
static void
renew_canonical(CextRequest *request)
{
	if (request->loads == cext_sources.loads)
		return;
	if (request->given_user.data != NULL)
		request->key.user = request->given_user;
	if (request->given_name.data != NULL)
		request->key.name = request->given_name;
	make_canonical(request);
}

/*
 * Read the fragments of the scopes that were found and that are keyed by the level,
 * or by less.
 */
static void
fetch_scopes(CextFetch *fetch, CextKeyedBy level)
{
	ListCell   *cell;

	foreach(cell, fetch->scopes)
	{
		if (((CextScope *) lfirst(cell))->keyed_by <= level)
			cext_fetch_fragments(fetch, lfirst(cell));
	}
}

/*
 * Go on from a base: its document stands for what is below, and the scopes that
 * are left are those above.
 */
static void
go_on_from(const CextBase *base, CextFetch *fetch)
{
	Jsonb	   *document = cext_base_read(base, fetch);

	fetch->ndocs = 0;
	if (document != NULL)
		cext_fetch_document(fetch, document);
}

/*
 * Is what was fetched too large for a base?  Merging it is not worth while then, and
 * can fail where nothing of it survives in the end.
 */
static bool
is_too_large(const CextFetch *fetch)
{
	Size		size = 0;

	for (int i = 0; i < fetch->ndocs; i++)
		size += VARSIZE(fetch->docs[i]);
	return size > Min((Size) cext_max_entry_kb * 1024, cext_store_max_value());
}

/*
 * Leave only scopes that are keyed by more than the level.
 */
static void
drop_scopes(CextFetch *fetch, CextKeyedBy level)
{
	List	   *left = NIL;
	ListCell   *cell;

	foreach(cell, fetch->scopes)
	{
		if (((CextScope *) lfirst(cell))->keyed_by > level)
			left = lappend(left, lfirst(cell));
	}
	fetch->scopes = left;
}

/*
 * Make a base of the scopes up to the level, store it if that can be done exactly,
 * and go on from it.
 */
static void
fill_base(const CextRequest *request, CextFetch *fetch, CextKeyedBy level)
{
	CextComputed computed = {0};
	Jsonb	   *document = NULL;
	CextBase   *base;

	fetch_scopes(fetch, level);
	if (is_too_large(fetch))
	{
		drop_scopes(fetch, level);
		return;
	}
	if (fetch->ndocs > 0)
		document = cext_merge(fetch->strategy, fetch->docs, fetch->ndocs);
	base = cext_base_make(fetch, document, level);

	computed.value = (struct varlena *) base;
	computed.ttl_ms = fetch->ttl_ms;
	if (cext_entry_store(request, fetch->reader.snapshot, &computed) == CEXT_COUNT_FILLS)
		cext_count(CEXT_COUNT_BASE_FILLS);
	go_on_from(base, fetch);
}

/*
 * Look for a base, and go on from it if there is one that holds.
 */
static bool
look_up_base(const CextRequest *request, CextFetch *fetch)
{
	struct varlena *base = NULL;

	if (!cext_entry_look_up(request, fetch->reader.snapshot,
							cext_entry_any(fetch->reader.snapshot), &base))
		return false;
	cext_count(CEXT_COUNT_BASE_HITS);
	go_on_from((CextBase *) base, fetch);
	return true;
}

/*
 * A request for a base of what is asked for.
 */
static CextRequest
base_request(const CextRequest *request, const CextFetch *fetch, CextKind kind)
{
	CextRequest below = {.key.kind = kind,.generation = request->generation};

	if (kind == CEXT_KIND_BASE)
		below.key.user = fetch->domain;
	below.key.name = fetch->name;
	cext_key_complete(&below.key, MyDatabaseId);
	return below;
}

/*
 * Find the rules, and what everybody shares if that can be a base.
 */
static void
fetch_upon_common(const CextRequest *request, CextFetch *fetch)
{
	CextRequest common = base_request(request, fetch, CEXT_KIND_COMMON);

	if (look_up_base(&common, fetch))
		return;
	cext_fetch_rules(fetch);
	if (cext_base_is_possible(fetch, CEXT_KEYED_BY_NONE))
		fill_base(&common, fetch, CEXT_KEYED_BY_NONE);
}

/*
 * Read what contributes, of which the cache may have what others share; after the
 * domain was found.  A domain whose id is no key has no base of its own.
 */
static void
fetch_upon_bases(const CextRequest *request, CextFetch *fetch)
{
	if (fetch->domain.len > 0 && fetch->domain.len <= CEXT_MAX_ID)
	{
		CextRequest base = base_request(request, fetch, CEXT_KIND_BASE);

		if (!look_up_base(&base, fetch))
		{
			fetch_upon_common(request, fetch);
			if (cext_base_is_possible(fetch, CEXT_KEYED_BY_DOMAIN))
				fill_base(&base, fetch, CEXT_KEYED_BY_DOMAIN);
		}
	}
	else
		fetch_upon_common(request, fetch);
	fetch_scopes(fetch, CEXT_KEYED_BY_USER);
}

/*
 * What the documents that were found merge to, in the form that is asked for, or
 * NULL.
 */
static struct varlena *
merge_documents(const CextRequest *request, CextFetch *fetch)
{
	Jsonb	   *merged;

	if (fetch->ndocs == 0)
		return NULL;
	merged = cext_merge(fetch->strategy, fetch->docs, fetch->ndocs);
	if (request->key.kind != CEXT_KIND_JSON)
		return (struct varlena *) merged;
	return (struct varlena *)
		cstring_to_text(JsonbToCString(NULL, &merged->root, VARSIZE(merged)));
}

/*
 * Compute the whole document under the active snapshot, from the tables alone
 * if the cache may not be used.
 */
static void
compute(CextRequest *request, Snapshot snapshot, bool usable, CextComputed *computed)
{
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(outer, "cache_ext fill",
												  ALLOCSET_DEFAULT_SIZES);
	CextFetch	fetch;
	struct varlena *value;

	MemoryContextSwitchTo(context);
	cext_fetch_begin(&fetch, snapshot);
	MemoryContextSwitchTo(outer);
	renew_canonical(request);
	MemoryContextSwitchTo(context);
	fetch.user = request->key.user;
	fetch.name = request->key.name;
	cext_fetch_domain(&fetch);
	if (usable && cext_sources.suspended == NULL &&
		request->key.kind != CEXT_KIND_PUBLIC &&
		request->generation == cext_sources.generation)
		fetch_upon_bases(request, &fetch);
	else
	{
		cext_fetch_rules(&fetch);
		fetch_scopes(&fetch, CEXT_KEYED_BY_USER);
	}
	cext_fetch_end(&fetch);
	value = merge_documents(request, &fetch);
	MemoryContextSwitchTo(outer);

	computed->value = NULL;
	if (value != NULL)
	{
		computed->value = palloc(VARSIZE(value));
		memcpy(computed->value, value, VARSIZE(value));
	}
	computed->ttl_ms = fetch.ttl_ms;
	computed->domain_key = cext_string_copy(fetch.domain_key, outer);
	computed->domain = cext_string_copy(fetch.domain, outer);
	MemoryContextDelete(context);
}

/*
 * Compute the document and store it if that can be done exactly.
 */
static void
fill(CextRequest *request, Snapshot snapshot, CextComputed *computed)
{
	compute(request, snapshot, true, computed);
	if (cext_sources.suspended != NULL)
	{
		cext_count(CEXT_COUNT_RT_SUSPENDED);
		warn_suspended(cext_sources.suspended);
	}
	else
		cext_count(cext_entry_store(request, snapshot, computed));
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
	copy = cext_entry_copy(request, (char *) value, VARSIZE(value), &type);
	return cext_entry_finish(request, copy, type);
}

/*
 * No entry holds for the snapshot: fill, unless someone else is about to.
 */
static pg_noinline struct varlena *
read_miss(CextRequest *request, Snapshot snapshot)
{
	uint64		hash = cext_key_hash(&request->key);
	CextComputed computed;
	TimestampTz deadline = 0;
	struct varlena *value;

	/* What is not sure to be stored is not worth waiting for. */
	if (cext_xact_own != 0)
	{
		fill(request, snapshot, &computed);
		return take_piece(request, computed.value);
	}

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
		if (cext_entry_look_up(request, snapshot, cext_entry_any(snapshot), &value))
		{
			cext_count(CEXT_COUNT_HITS);
			return value;
		}
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
 * May a read under a snapshot use the cache?  Gives the generation of ANY, or why
 * not; in either case cext_sources holds for the snapshot then.
 */
static inline bool
require_sources(Snapshot snapshot, uint64 *any, CextCounter *reason)
{
	bool		usable = likely(cache_is_usable(snapshot, reason));

	*any = usable ? cext_entry_any(snapshot) : CEXT_NO_GENERATION;
	if (unlikely(*any == CEXT_NO_GENERATION) && cext_frame_wrote_sources)
		cext_source_forget();
	if (unlikely(!cext_source_require(snapshot, *any)) && usable)
	{
		*reason = cext_sources.suspended != NULL ?
			CEXT_COUNT_RT_SUSPENDED : CEXT_COUNT_RT_UNSETTLED;
		usable = false;
	}
	return usable;
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

	usable = require_sources(snapshot, &any, &reason);
	make_canonical(request);
	if (unlikely(!usable))
	{
		CextComputed computed;

		cext_count(reason);
		compute(request, snapshot, false, &computed);
		if (reason == CEXT_COUNT_RT_SUSPENDED && cext_sources.suspended != NULL)
			warn_suspended(cext_sources.suspended);
		return take_piece(request, computed.value);
	}

	cext_key_complete(&request->key, MyDatabaseId);
	if (likely(cext_entry_look_up(request, snapshot, any, &value)))
	{
		cext_count(CEXT_COUNT_HITS);
		return value;
	}
	cext_count(CEXT_COUNT_MISSES);
	return read_miss(request, snapshot);
}

/*
 * As require_sources.  Throws what loading the sources can.
 */
bool
cext_config_usable(Snapshot snapshot, uint64 *any, CextCounter *reason)
{
	return require_sources(snapshot, any, reason);
}

/*
 * The same, for a request, whose key is made complete.  Throws what
 * cext_config_read can.
 */
bool
cext_config_prepare(CextRequest *request, Snapshot snapshot, uint64 *any,
					CextCounter *reason)
{
	bool		usable = cext_config_usable(snapshot, any, reason);

	make_canonical(request);
	cext_key_complete(&request->key, MyDatabaseId);
	return usable;
}

/*
 * Compute a configuration from the tables, whatever is cached.  Result and errors
 * are those of cext_config_read.
 */
struct varlena *
cext_config_compute(CextRequest *request)
{
	Snapshot	snapshot = GetActiveSnapshot();
	CextComputed computed;
	uint64		any;
	CextCounter reason;

	(void) cext_config_prepare(request, snapshot, &any, &reason);
	compute(request, snapshot, false, &computed);
	return computed.value;
}
