/*-------------------------------------------------------------------------
 *
 * config/compute.c
 *	  Reading a configuration, and computing it.
 *
 * read/read.c says how a read goes.  A configuration is computed upon a base
 * (config/base.c) if there can be one.
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
#include "sources/frame.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

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
					source->part->name, source->relname),
			 errdetail_internal("%s", source->problem.reason),
			 errhint("%s", source->problem.hint)));
}

/*
 * Bring the caller's strings to what they mean for the sources as they are, and
 * complete the key.
 */
static inline void
make_canonical(CextConfigRequest *request)
{
	CextString *parts = request->read.key.parts;

	if (unlikely(cext_sources.user_type.kind != CEXT_TYPE_TEXT) && parts[CEXT_ID].data != NULL)
	{
		request->given_id = parts[CEXT_ID];
		parts[CEXT_ID] = cext_type_canonicalize(cext_sources.user_type, parts[CEXT_ID]);
	}
	if (unlikely(cext_sources.name_type.kind != CEXT_TYPE_TEXT))
	{
		request->given_name = parts[CEXT_NAME];
		parts[CEXT_NAME] = cext_type_canonicalize(cext_sources.name_type, parts[CEXT_NAME]);
	}
	cext_key_complete(&request->read.key, MyDatabaseId);
	request->loads = cext_sources.set.loads;
}

/*
 * Do that again, if the sources were loaded since.
 */
static void
renew_canonical(CextConfigRequest *request)
{
	if (request->loads == cext_sources.set.loads)
		return;
	if (request->given_id.data != NULL)
		request->read.key.parts[CEXT_ID] = request->given_id;
	if (request->given_name.data != NULL)
		request->read.key.parts[CEXT_NAME] = request->given_name;
	make_canonical(request);
}

/*
 * Read the fragments of the scopes that were found and that are keyed by the level,
 * or by less.
 */
static void
fetch_fragments_up_to(CextFetch *fetch, CextKeyedBy level)
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
 * Is what was fetched too large for a base?  Merging it is not worth while then.
 */
static bool
is_too_large(const CextFetch *fetch)
{
	Size		size = 0;

	for (int i = 0; i < fetch->ndocs; i++)
		size += VARSIZE(fetch->docs[i]);
	return size > cext_entry_limit();
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

/* The hashes of slices that entries of one fill share. */
typedef struct Hashes
{
	uint64		name;
	bool		has_domain;
	uint64		domain;
	uint64		domain_name;
} Hashes;

static void
hash_slices(Hashes *hashes, const CextFetch *fetch)
{
	hashes->name = cext_config_hash(CEXT_SLICE_NAME, CEXT_NULL_STRING, fetch->name);
	hashes->has_domain = fetch->domain.data != NULL;
	if (!hashes->has_domain)
		return;
	hashes->domain = cext_config_hash(CEXT_SLICE_DOMAIN, fetch->domain, CEXT_NULL_STRING);
	hashes->domain_name = cext_config_hash(CEXT_SLICE_DOMAIN_NAME, fetch->domain, fetch->name);
}

static void
depend(CextComputed *computed, uint64 hash)
{
	computed->slices[computed->nslices++] = hash;
}

/*
 * Let a result depend on what everybody shares and, if it is a domain's, on the
 * domain.
 */
static void
depend_on(CextComputed *computed, const Hashes *hashes, bool of_domain)
{
	depend(computed, cext_everything_hash());
	depend(computed, hashes->name);
	if (of_domain && hashes->has_domain)
	{
		depend(computed, hashes->domain);
		depend(computed, hashes->domain_name);
	}
}

/*
 * Make a base of the scopes up to the level, store it if that can be done exactly,
 * and go on from it.  Documents that cannot be merged have no base: the read must not
 * fail because of them if nothing of them is left in the end.
 */
static void
fill_base(const CextRequest *request, CextFetch *fetch, const Hashes *hashes,
		  CextKeyedBy level)
{
	CextComputed computed = {0};
	CextCounter reason;
	Jsonb	   *document = NULL;
	CextBase   *base;

	fetch_fragments_up_to(fetch, level);
	if (is_too_large(fetch) || !cext_merge_is_shallow(fetch->docs, fetch->ndocs))
	{
		drop_scopes(fetch, level);
		return;
	}
	if (fetch->ndocs > 0)
		document = cext_merge(fetch->strategy, fetch->docs, fetch->ndocs);
	base = cext_base_make(fetch, document, level);

	computed.value = (struct varlena *) base;
	computed.ttl_ms = fetch->ttl_ms;
	depend_on(&computed, hashes, level >= CEXT_KEYED_BY_DOMAIN);
	if (cext_entry_store(request, fetch->reader.snapshot, &computed, &reason))
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
 * A request for a base of what is fetched.
 */
static CextRequest
base_request(const CextFetch *fetch, CextConfigSpace space)
{
	CextRequest below = {.key.space = space, .is_inner = true};

	if (space == CEXT_SPACE_BASE)
		below.key.parts[CEXT_ID] = fetch->domain;
	below.key.parts[CEXT_NAME] = fetch->name;
	cext_key_complete(&below.key, MyDatabaseId);
	return below;
}

/*
 * Find the rules, and what everybody shares if that can be a base.
 */
static void
fetch_upon_common(CextFetch *fetch, const Hashes *hashes)
{
	CextRequest common = base_request(fetch, CEXT_SPACE_COMMON);

	if (look_up_base(&common, fetch))
		return;
	cext_fetch_rules(fetch);
	if (cext_base_is_possible(fetch, CEXT_KEYED_BY_NONE))
		fill_base(&common, fetch, hashes, CEXT_KEYED_BY_NONE);
}

/*
 * Read what contributes, of which the cache may have what others share; after the
 * domain was found.  A domain whose id is no key has no base of its own.
 */
static void
fetch_upon_bases(CextFetch *fetch, const Hashes *hashes)
{
	if (fetch->domain.len > 0 && fetch->domain.len <= CEXT_MAX_ID)
	{
		CextRequest base = base_request(fetch, CEXT_SPACE_BASE);

		if (!look_up_base(&base, fetch))
		{
			fetch_upon_common(fetch, hashes);
			if (cext_base_is_possible(fetch, CEXT_KEYED_BY_DOMAIN))
				fill_base(&base, fetch, hashes, CEXT_KEYED_BY_DOMAIN);
		}
	}
	else
		fetch_upon_common(fetch, hashes);
	fetch_fragments_up_to(fetch, CEXT_KEYED_BY_USER);
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
	if (!CEXT_SPACE_IS_JSON(request->key.space))
		return (struct varlena *) merged;
	return (struct varlena *)
		cstring_to_text(JsonbToCString(NULL, &merged->root, VARSIZE(merged)));
}

/*
 * What the result of a request depends on.
 */
static void
depend_on_all(CextComputed *computed, const CextKey *key, const CextFetch *fetch,
			  const Hashes *hashes)
{
	CextString	user = key->parts[CEXT_ID];

	depend_on(computed, hashes, true);
	if (user.data != NULL)
	{
		depend(computed, cext_config_hash(CEXT_SLICE_USER, user, CEXT_NULL_STRING));
		depend(computed, cext_config_hash(CEXT_SLICE_USER_NAME, user, key->parts[CEXT_NAME]));
	}
	if (fetch->domain_key.data != NULL)
		depend(computed, cext_config_hash(CEXT_SLICE_DOMAIN, fetch->domain_key, CEXT_NULL_STRING));
}

/*
 * Read what contributes, from the tables alone if the cache may not be used.
 */
static void
fetch_all(const CextRequest *request, bool usable, CextFetch *fetch, Hashes *hashes)
{
	fetch->user = request->key.parts[CEXT_ID];
	fetch->name = request->key.parts[CEXT_NAME];
	cext_fetch_domain(fetch);
	if (usable)
		hash_slices(hashes, fetch);
	if (usable && !CEXT_SPACE_IS_PUBLIC(request->key.space))
		fetch_upon_bases(fetch, hashes);
	else
	{
		cext_fetch_rules(fetch);
		fetch_fragments_up_to(fetch, CEXT_KEYED_BY_USER);
	}
}

/*
 * Compute the whole document under the active snapshot, from the tables alone
 * if the cache may not be used.
 */
static void
compute(CextConfigRequest *request, Snapshot snapshot, bool usable, CextComputed *computed)
{
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(outer, "cache_ext fill",
												  ALLOCSET_DEFAULT_SIZES);
	CextFetch	fetch;
	Hashes		hashes;
	struct varlena *value;

	*computed = (CextComputed) {0};
	MemoryContextSwitchTo(context);
	cext_fetch_begin(&fetch, snapshot);
	MemoryContextSwitchTo(outer);
	renew_canonical(request);
	MemoryContextSwitchTo(context);
	computed->suspended = cext_sources.set.suspended != NULL;
	usable = usable && !computed->suspended;
	fetch_all(&request->read, usable, &fetch, &hashes);
	cext_fetch_end(&fetch);
	value = merge_documents(&request->read, &fetch);
	MemoryContextSwitchTo(outer);

	if (value != NULL)
	{
		computed->value = palloc(VARSIZE(value));
		memcpy(computed->value, value, VARSIZE(value));
	}
	computed->ttl_ms = fetch.ttl_ms;
	if (usable)
		depend_on_all(computed, &request->read.key, &fetch, &hashes);
	MemoryContextDelete(context);
}

/*
 * Compute a document that is to be stored; see CextKindInfo.
 */
void
cext_config_fill(CextRequest *request, Snapshot snapshot, bool usable,
				 CextComputed *computed)
{
	compute((CextConfigRequest *) request, snapshot, usable, computed);
	if (computed->suspended && cext_sources.set.suspended != NULL)
		warn_suspended(cext_sources.set.suspended);
}

/*
 * May a read under a snapshot use the cache?  Gives the generation of ANY, or why
 * not; in either case cext_sources holds for the snapshot then.
 */
static inline bool
require_sources(Snapshot snapshot, uint64 *any, CextCounter *reason)
{
	bool		usable = likely(cext_read_usable(snapshot, reason));

	*any = usable ? cext_entry_any(snapshot) : CEXT_NO_GENERATION;
	if (unlikely(*any == CEXT_NO_GENERATION) && cext_frame_wrote_sources)
		cext_source_forget();
	if (unlikely(!cext_source_require(&cext_sources.set, snapshot, *any)) && usable)
	{
		*reason = cext_sources.set.suspended != NULL ?
			CEXT_COUNT_RT_SUSPENDED : CEXT_COUNT_RT_UNSETTLED;
		usable = false;
	}
	return usable;
}

/*
 * Read a configuration, or a piece of it, under the active snapshot: the
 * result is what computing it from the tables would give.  Returns a jsonb or,
 * for CEXT_SPACE_IS_JSON, a json in the current context, or NULL where there is
 * nothing.  Throws what reading the tables can throw, and what the input
 * functions of the sources' types can.
 */
struct varlena *
cext_config_read(CextConfigRequest *request)
{
	Snapshot	snapshot = GetActiveSnapshot();
	bool		usable;
	uint64		any;
	CextCounter reason;

	usable = require_sources(snapshot, &any, &reason);
	make_canonical(request);
	if (unlikely(!usable))
	{
		CextComputed computed;

		cext_count(reason);
		compute(request, snapshot, false, &computed);
		if (reason == CEXT_COUNT_RT_SUSPENDED && cext_sources.set.suspended != NULL)
			warn_suspended(cext_sources.set.suspended);
		return cext_read_piece(&request->read, computed.value);
	}

	return cext_read_cached(&cext_config_kind, &request->read, snapshot, any);
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
cext_config_prepare(CextConfigRequest *request, Snapshot snapshot, uint64 *any,
					CextCounter *reason)
{
	bool		usable = cext_config_usable(snapshot, any, reason);

	make_canonical(request);
	return usable;
}

/*
 * Has this transaction changed what any result of the request depends on, whatever
 * the domain?  The request is prepared.
 */
bool
cext_config_is_own(const CextConfigRequest *request)
{
	const CextKey *key = &request->read.key;
	const CextFetch no_domain = {.name = key->parts[CEXT_NAME]};
	CextComputed computed = {0};
	Hashes		hashes;

	hash_slices(&hashes, &no_domain);
	depend_on_all(&computed, key, &no_domain, &hashes);
	for (int i = 0; i < computed.nslices; i++)
	{
		if (cext_xact_owns(cext_slot_of(computed.slices[i])))
			return true;
	}
	return false;
}

/*
 * Compute a configuration from the tables, whatever is cached.  Result and errors
 * are those of cext_config_read.
 */
struct varlena *
cext_config_compute(CextConfigRequest *request)
{
	Snapshot	snapshot = GetActiveSnapshot();
	CextComputed computed;
	uint64		any;
	CextCounter reason;

	(void) cext_config_prepare(request, snapshot, &any, &reason);
	compute(request, snapshot, false, &computed);
	return computed.value;
}
