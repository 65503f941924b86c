/*-------------------------------------------------------------------------
 *
 * config/fetch.c
 *	  Reading from the sources what contributes to a configuration.
 *
 * There is one scan for each of these: the user's domain, what it is looked up in,
 * the definition, the policy, and then for each scope of the policy its fragment.
 * So the table that has many rows is read by one index scan for each scope, whatever
 * the order of its columns in the index and however it is partitioned.
 *
 * Everything is read under one snapshot, which must be the active one, and lives
 * in the context that was current at the call.
 *
 * Locks: those of sources/reader.c.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "config/fetch.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* The tables that may be read. */
static const CextConfigPart fetched[] = {
	CEXT_PART_DEFINITIONS, CEXT_PART_POLICIES, CEXT_PART_FRAGMENTS, CEXT_PART_USERS,
	CEXT_PART_DOMAINS
};

static inline const CextSource *
get_source(CextConfigPart part)
{
	return &cext_sources.source[part];
}

static int
compare_strings(CextString a, CextString b)
{
	int			order = memcmp(a.data, b.data, Min(a.len, b.len));

	return order != 0 ? order : a.len - b.len;
}

/*
 * The canonical text of a row's column; null where it is, or where there is no such
 * column.
 */
static CextString
get_text(TupleTableSlot *row, AttrNumber attnum, CextType type)
{
	bool		isnull;
	Datum		value;

	if (attnum == InvalidAttrNumber)
		return CEXT_NULL_STRING;
	value = slot_getattr(row, attnum, &isnull);
	return isnull ? CEXT_NULL_STRING : cext_type_text(type, value);
}

/* A lookup, and what it has found so far. */
typedef struct LookUp
{
	MemoryContext context;
	int			column;			/* that has what is looked up */
	CextType	type;			/* of that */
	CextString	found;
} LookUp;

static bool
look_up_row(void *arg, TupleTableSlot *row, const AttrNumber *attnums)
{
	LookUp	   *lookup = arg;
	CextString	value = get_text(row, attnums[lookup->column], lookup->type);

	if (value.data != NULL &&
		(lookup->found.data == NULL || compare_strings(value, lookup->found) < 0))
		lookup->found = cext_string_copy(value, lookup->context);
	return true;
}

/*
 * Look a value up by its key.  Should the key not be unique, as in a table that
 * was attached without a unique index, the lowest value counts.
 */
static CextString
look_up(CextFetch *fetch, CextConfigPart part, int column, CextString key)
{
	LookUp		lookup = {fetch->context, column, get_source(part)->columns[column].type,
	CEXT_NULL_STRING};

	cext_reader_scan(&fetch->reader, get_source(part), &cext_ask_key, &key,
					 look_up_row, &lookup);
	return lookup.found;
}

/*
 * Find the user's domain.
 */
void
cext_fetch_domain(CextFetch *fetch)
{
	CextString	domain;

	if (fetch->user.data == NULL)
		return;
	domain = look_up(fetch, CEXT_PART_USERS, CEXT_COL_USER_DOMAIN, fetch->user);
	if (domain.data != NULL && OidIsValid(get_source(CEXT_PART_DOMAINS)->relid))
	{
		fetch->domain_key = domain;
		domain = look_up(fetch, CEXT_PART_DOMAINS, CEXT_COL_DOMAIN_VALUE, domain);
	}
	fetch->domain = domain;
}

static const char *const strategy_names[] = {
	[CEXT_MERGE_DEEP] = "deep",
	[CEXT_MERGE_SHALLOW] = "shallow",
	[CEXT_MERGE_REPLACE] = "replace",
	[CEXT_MERGE_PATCH] = "merge_patch"
};

const char *
cext_strategy_name(CextStrategy strategy)
{
	return strategy_names[strategy];
}

static CextStrategy
parse_strategy(CextString name)
{
	for (int i = 0; i < lengthof(strategy_names); i++)
	{
		if (name.data != NULL && cext_string_equals(name, cext_string(strategy_names[i])))
			return i;
	}
	return CEXT_MERGE_DEEP;
}

/*
 * Of several definitions of one name, which only a table without its primary key
 * can have, the first strategy in the order of strategy_names counts.
 */
static bool
definition_row(void *arg, TupleTableSlot *row, const AttrNumber *attnums)
{
	CextFetch  *fetch = arg;
	const CextColumn *strategy = &get_source(CEXT_PART_DEFINITIONS)->columns[CEXT_COL_DEFINITION_STRATEGY];
	CextStrategy found = parse_strategy(get_text(row, attnums[CEXT_COL_DEFINITION_STRATEGY],
												 strategy->type));
	bool		isnull;
	Datum		ttl = slot_getattr(row, attnums[CEXT_COL_DEFINITION_TTL], &isnull);

	fetch->strategy = fetch->has_definition ? Min(fetch->strategy, found) : found;
	fetch->has_definition = true;
	if (!isnull)
		fetch->ttl_ms = cext_interval_ms(DatumGetIntervalP(ttl));
	return true;
}

/*
 * Add a scope, if its type is one that contributes to what is asked for.
 */
static List *
add_scope(CextFetch *fetch, List *scopes, CextString name, const int64 *rank)
{
	const CextScopeType *type = cext_parts_scope_type(&cext_sources, name);
	CextScope  *scope;

	if (type == NULL ||
		(fetch->user.data == NULL && type->keyed_by != CEXT_KEYED_BY_NONE))
		return scopes;
	scope = palloc(sizeof(CextScope));
	scope->name = cext_string_copy(type->name, fetch->context);
	scope->keyed_by = type->keyed_by;
	scope->rank = rank == NULL ? type->default_rank : *rank;
	return lappend(scopes, scope);
}

static int
compare_scopes(const ListCell *a, const ListCell *b)
{
	const CextScope *x = lfirst(a);
	const CextScope *y = lfirst(b);

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return compare_strings(x->name, y->name);
}

/* A policy that is read. */
typedef struct Policy
{
	CextFetch  *fetch;
	const CextSource *source;
	List	   *scopes;
} Policy;

/*
 * A policy that has all scope types in an array, lowest first.
 */
static void
add_chain(Policy *policy, Datum value)
{
	CextType	type = policy->source->columns[CEXT_COL_POLICY_CHAIN].type;
	Datum	   *elements;
	bool	   *nulls;
	int			n = cext_type_elements(value, &elements, &nulls);

	for (int i = 0; i < n; i++)
	{
		int64		rank = i + 1;

		if (!nulls[i])
			policy->scopes = add_scope(policy->fetch, policy->scopes,
									   cext_type_text(type, elements[i]), &rank);
	}
}

static bool
policy_row(void *arg, TupleTableSlot *row, const AttrNumber *attnums)
{
	Policy	   *policy = arg;
	const CextColumn *columns = policy->source->columns;
	CextString	name;
	int64		rank;
	Datum		value = (Datum) 0;
	bool		isnull = true;

	if (attnums[CEXT_COL_POLICY_CHAIN] != InvalidAttrNumber)
	{
		value = slot_getattr(row, attnums[CEXT_COL_POLICY_CHAIN], &isnull);
		if (!isnull)
			add_chain(policy, value);
		return true;
	}
	name = get_text(row, attnums[CEXT_COL_POLICY_SCOPE], columns[CEXT_COL_POLICY_SCOPE].type);
	if (name.data == NULL)
		return true;
	if (attnums[CEXT_COL_POLICY_RANK] != InvalidAttrNumber)
		value = slot_getattr(row, attnums[CEXT_COL_POLICY_RANK], &isnull);
	if (!isnull)
		rank = cext_type_integer(columns[CEXT_COL_POLICY_RANK].type, value);
	policy->scopes = add_scope(policy->fetch, policy->scopes, name, isnull ? NULL : &rank);
	return true;
}

/*
 * The scopes that contribute, lowest rank first; without policies, all.
 */
static List *
find_scopes(CextFetch *fetch)
{
	Policy		policy = {fetch, get_source(CEXT_PART_POLICIES), NIL};

	if (OidIsValid(policy.source->relid))
		cext_reader_scan(&fetch->reader, policy.source, &cext_ask_key, &fetch->name,
						 policy_row, &policy);
	else
	{
		for (int i = 0; i < cext_sources.nscope_types; i++)
			policy.scopes = add_scope(fetch, policy.scopes,
									  cext_sources.scope_types[i].name, NULL);
	}
	list_sort(policy.scopes, compare_scopes);
	return policy.scopes;
}

static int
compare_documents(const void *a, const void *b)
{
	Jsonb	   *x = *(Jsonb *const *) a;
	Jsonb	   *y = *(Jsonb *const *) b;
	int			order = memcmp(x, y, Min(VARSIZE(x), VARSIZE(y)));

	return order != 0 ? order : (int) VARSIZE(x) - (int) VARSIZE(y);
}

/*
 * Add a document, as if it had been fetched.  It is not copied.
 */
void
cext_fetch_document(CextFetch *fetch, Jsonb *document)
{
	if (fetch->ndocs == fetch->maxdocs)
	{
		fetch->maxdocs = fetch->maxdocs * 2 + 8;
		fetch->docs = fetch->docs == NULL ?
			MemoryContextAlloc(fetch->context, fetch->maxdocs * sizeof(Jsonb *)) :
			repalloc(fetch->docs, fetch->maxdocs * sizeof(Jsonb *));
	}
	fetch->docs[fetch->ndocs++] = document;
}

/*
 * Copy a document.  What is no jsonb is read as JSON, by its text.
 */
static bool
fragment_row(void *arg, TupleTableSlot *row, const AttrNumber *attnums)
{
	CextFetch  *fetch = arg;
	CextType	type = get_source(CEXT_PART_FRAGMENTS)->columns[CEXT_COL_FRAGMENT_CONFIG].type;
	bool		isnull;
	Datum		value = slot_getattr(row, attnums[CEXT_COL_FRAGMENT_CONFIG], &isnull);

	if (isnull)
		return true;
	if (type.oid != JSONBOID)
		value = DirectFunctionCall1(jsonb_in,
									CStringGetDatum(cext_type_cstring(type, value)));
	cext_fetch_document(fetch, DatumGetJsonbPCopy(value));
	return true;
}

/*
 * Find how the configuration is merged, and of which scopes.
 */
void
cext_fetch_rules(CextFetch *fetch)
{
	cext_reader_scan(&fetch->reader, get_source(CEXT_PART_DEFINITIONS), &cext_ask_key,
					 &fetch->name, definition_row, fetch);
	fetch->scopes = find_scopes(fetch);
}

/*
 * The id of a scope's fragments, or null; after the domain was found.
 */
CextString
cext_fetch_scope_id(const CextFetch *fetch, const CextScope *scope)
{
	switch (scope->keyed_by)
	{
		case CEXT_KEYED_BY_NONE:
			break;
		case CEXT_KEYED_BY_DOMAIN:
			return fetch->domain;
		case CEXT_KEYED_BY_USER:
			return fetch->user;
	}
	return cext_sources.source[CEXT_PART_FRAGMENTS].stand_in;
}

/*
 * Look at the fragments of a scope.
 */
static void
scan_fragments(CextFetch *fetch, const CextScope *scope, CextRowFunction function, void *arg)
{
	CextString	id = cext_fetch_scope_id(fetch, scope);
	const CextString texts[] = {fetch->name, scope->name, id};

	if (id.data == NULL && scope->keyed_by != CEXT_KEYED_BY_NONE)
		return;
	cext_reader_scan(&fetch->reader, get_source(CEXT_PART_FRAGMENTS),
					 id.data == NULL ? &cext_ask_public : &cext_ask_fragment, texts,
					 function, arg);
}

/*
 * Read the fragments of a scope; after the domain was found.  Without a unique index
 * there can be more than one.  Then their order is arbitrary, but always the same.
 */
void
cext_fetch_fragments(CextFetch *fetch, const CextScope *scope)
{
	int			first = fetch->ndocs;

	scan_fragments(fetch, scope, fragment_row, fetch);
	if (fetch->ndocs - first > 1)
		qsort(fetch->docs + first, fetch->ndocs - first, sizeof(Jsonb *),
			  compare_documents);
}

/*
 * One document is enough, and need not be read.
 */
static bool
contributing_row(void *arg, TupleTableSlot *row, const AttrNumber *attnums)
{
	bool	   *found = arg;

	*found = !slot_attisnull(row, attnums[CEXT_COL_FRAGMENT_CONFIG]);
	return !*found;
}

/*
 * Would anything be fetched for the name?  After the domain was found.
 */
bool
cext_fetch_contributes(CextFetch *fetch)
{
	bool		found = false;
	ListCell   *cell;

	foreach(cell, find_scopes(fetch))
	{
		if (!found)
			scan_fragments(fetch, lfirst(cell), contributing_row, &found);
	}
	return found;
}

/*
 * A source that cannot be read fails the read: what it would have contributed
 * must not be left out unnoticed.
 */
static void
report_unreadable(const CextSource *source)
{
	ereport(ERROR,
			(errcode(source->problem.sqlerrcode),
			 errmsg("cannot read the source of %s, table %s",
					source->part->name, source->relname),
			 errdetail_internal("%s", source->problem.reason),
			 errhint("%s", source->problem.hint)));
}

/*
 * Open the tables; false if one of them is gone.
 */
static bool
open_tables(CextFetch *fetch)
{
	bool		all = true;

	for (int i = 0; i < lengthof(fetched); i++)
	{
		if (OidIsValid(get_source(fetched[i])->relid))
			all &= cext_reader_open(&fetch->reader, get_source(fetched[i]));
	}
	return all;
}

/*
 * Begin to read, under the active snapshot: opens the tables, and sees to it that
 * cext_sources says what they are now that they are locked.  A transaction that
 * changed them has sent its messages before it released its locks.
 *
 * What is found is allocated in the current context, but for scopes, which are
 * gone at the end.  Set user, null for the public configuration, and name, both
 * canonical, before the functions that follow.  Throws, like these, what reading
 * tables can throw.
 */
void
cext_fetch_begin(CextFetch *fetch, Snapshot snapshot)
{
	*fetch = (CextFetch) {.context = CurrentMemoryContext};

	/*
	 * A server that discards caches all the time, for tests, must not hang
	 * here.
	 */
	for (int tries = 0;; tries++)
	{
		bool		all;

		if (!cext_sources.set.current)
			cext_source_refresh(&cext_sources.set, snapshot, CEXT_NO_GENERATION);
		if (cext_sources.set.suspended != NULL && cext_sources.set.suspended->problem.unreadable)
			report_unreadable(cext_sources.set.suspended);
		cext_reader_begin(&fetch->reader, snapshot);
		all = open_tables(fetch);
		if (all && (cext_sources.set.current || tries == 2))
			return;
		if (tries == 2)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("a table that cache_ext reads was dropped")));
		cext_reader_end(&fetch->reader);
	}
}

/*
 * End it.
 */
void
cext_fetch_end(CextFetch *fetch)
{
	cext_reader_end(&fetch->reader);
	fetch->scopes = NIL;
}
