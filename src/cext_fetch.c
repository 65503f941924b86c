/*-------------------------------------------------------------------------
 *
 * cext_fetch.c
 *	  Reading from the sources what contributes to a configuration.
 *
 * One statement for each: the user's domain, what it is looked up in, the
 * definition, the policy, and then for each scope of the policy its fragment.
 * So the table that has many rows is read by one index scan a scope, whatever
 * its columns' order in the index and however it is partitioned.
 *
 * Everything is read under one snapshot, and lives in the context that was
 * current at the call.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "cext_fetch.h"

#include "cext_source.h"
#include "cext_statement.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

static void
run(CextFetch *fetch, CextStatement id, Datum *values)
{
	cext_statement_run(id, &fetch->caller, fetch->snapshot, values);
}

static int
compare_strings(CextString a, CextString b)
{
	int			order = memcmp(a.data, b.data, Min(a.len, b.len));

	return order != 0 ? order : a.len - b.len;
}

/*
 * The canonical text of a column of the result; null where it is.
 */
static CextString
get_text(uint64 row, int column, CextType type)
{
	const CextType text = {CEXT_TYPE_TEXT, TEXTOID};
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row],
									  SPI_tuptable->tupdesc, column, &isnull);

	if (isnull)
		return CEXT_NULL_STRING;
	return cext_type_text(type.kind == CEXT_TYPE_OTHER ? text : type, value);
}

/*
 * Look a value up by its key.  Should the key not be unique, as in a table that
 * was attached without a unique index, the lowest value counts.
 */
static CextString
look_up(CextFetch *fetch, CextStatement id, CextString key)
{
	const CextSource *source = cext_statement_source(id);
	CextString	result = CEXT_NULL_STRING;
	Datum		value;

	if (!cext_type_datum(source->columns[CEXT_COL_KEY].type, key, &value))
		return result;
	run(fetch, id, &value);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		CextString	found = get_text(i, 1, source->columns[CEXT_COL_VALUE].type);

		if (found.data != NULL &&
			(result.data == NULL || compare_strings(found, result) < 0))
			result = found;
	}
	result = cext_string_copy(result, fetch->context);
	SPI_freetuptable(SPI_tuptable);
	return result;
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
	domain = look_up(fetch, CEXT_FETCH_USER, fetch->user);
	if (domain.data != NULL && OidIsValid(cext_sources.source[CEXT_ROLE_DOMAINS].relid))
	{
		fetch->domain_key = domain;
		domain = look_up(fetch, CEXT_FETCH_DOMAIN, domain);
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
parse_strategy(const char *name)
{
	for (int i = 0; i < lengthof(strategy_names); i++)
	{
		if (strcmp(name, strategy_names[i]) == 0)
			return i;
	}
	return CEXT_MERGE_DEEP;
}

/*
 * A name that is attached need not have a definition.
 */
static void
fetch_definition(CextFetch *fetch)
{
	Datum		value = PointerGetDatum(cstring_to_text_with_len(fetch->name.data,
																 fetch->name.len));
	bool		isnull;

	run(fetch, CEXT_FETCH_DEFINITION, &value);
	if (SPI_processed > 0)
	{
		HeapTuple	tuple = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;

		fetch->strategy = parse_strategy(SPI_getvalue(tuple, desc, 1));
		value = SPI_getbinval(tuple, desc, 2, &isnull);
		if (!isnull)
			fetch->ttl_ms = DatumGetInt64(value);
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Add a scope, if its type is one that contributes to what is asked for.
 */
static List *
add_scope(CextFetch *fetch, List *scopes, CextString name, const int64 *rank)
{
	const CextScopeType *type = cext_source_scope_type(&cext_sources, name);
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

/*
 * The scopes that contribute, lowest rank first; without policies, all.
 */
static List *
fetch_scopes(CextFetch *fetch)
{
	const CextSource *source = &cext_sources.source[CEXT_ROLE_POLICIES];
	bool		chain = source->columns[CEXT_COL_POLICY_CHAIN].attnum != InvalidAttrNumber;
	CextType	type = source->columns[chain ? CEXT_COL_POLICY_CHAIN : CEXT_COL_POLICY_SCOPE].type;
	List	   *scopes = NIL;
	Datum		value;

	if (!OidIsValid(source->relid))
	{
		for (int i = 0; i < cext_sources.nscope_types; i++)
			scopes = add_scope(fetch, scopes, cext_sources.scope_types[i].name, NULL);
	}
	else if (cext_type_datum(source->columns[CEXT_COL_KEY].type, fetch->name, &value))
	{
		run(fetch, CEXT_FETCH_POLICY, &value);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			CextString	name = get_text(i, 1, type);
			bool		isnull;
			int64		rank;

			rank = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i],
											   SPI_tuptable->tupdesc, 2, &isnull));
			if (name.data != NULL)
				scopes = add_scope(fetch, scopes, name, isnull ? NULL : &rank);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	list_sort(scopes, compare_scopes);
	return scopes;
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
 * Copy the documents of a scope.  Nothing but a unique index sees to it that
 * there is but one; where there are more their order is any, but fixed.
 */
static void
add_documents(CextFetch *fetch)
{
	MemoryContext old = MemoryContextSwitchTo(fetch->context);
	int			first = fetch->ndocs;

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[i],
										  SPI_tuptable->tupdesc, 1, &isnull);

		if (!isnull)
			cext_fetch_document(fetch, DatumGetJsonbPCopy(value));
	}
	if (fetch->ndocs - first > 1)
		qsort(fetch->docs + first, fetch->ndocs - first, sizeof(Jsonb *),
			  compare_documents);
	MemoryContextSwitchTo(old);
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Find how the configuration is merged, and of which scopes.
 */
void
cext_fetch_rules(CextFetch *fetch)
{
	fetch_definition(fetch);
	fetch->scopes = fetch_scopes(fetch);
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
	return cext_sources.source[CEXT_ROLE_FRAGMENTS].public_id;
}

/*
 * Read the fragments of a scope; after the domain was found.
 */
void
cext_fetch_fragments(CextFetch *fetch, const CextScope *scope)
{
	const CextSource *source = &cext_sources.source[CEXT_ROLE_FRAGMENTS];
	CextString	id = cext_fetch_scope_id(fetch, scope);
	Datum		values[CEXT_FETCH_PARAMETERS];

	if (id.data == NULL && scope->keyed_by != CEXT_KEYED_BY_NONE)
		return;
	if (!cext_type_datum(source->columns[CEXT_COL_FRAGMENT_NAME].type, fetch->name, &values[0]) ||
		!cext_type_datum(source->columns[CEXT_COL_FRAGMENT_SCOPE].type, scope->name, &values[1]))
		return;
	if (id.data != NULL &&
		!cext_type_datum(source->columns[CEXT_COL_FRAGMENT_ID].type, id, &values[2]))
		return;
	run(fetch, id.data == NULL ? CEXT_FETCH_PUBLIC : CEXT_FETCH_FRAGMENT, values);
	add_documents(fetch);
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
					cext_role_name(source->role), source->relname),
			 errdetail_internal("%s", source->problem.reason),
			 errhint("%s", source->problem.hint)));
}

/*
 * Begin to read, under an active snapshot, what the tables say of a user, null
 * for the public configuration, and a name, both canonical.  What is found is
 * allocated in the current context, but for scopes, which are gone at the end.
 * Throws, like the functions after it, what reading tables can throw.
 */
void
cext_fetch_begin(CextFetch *fetch, Snapshot snapshot, CextString user, CextString name)
{
	*fetch = (CextFetch) {.snapshot = snapshot,.user = user,.name = name};
	fetch->context = CurrentMemoryContext;
	cext_source_lock(snapshot);
	if (cext_sources.suspended != NULL && cext_sources.suspended->problem.unreadable)
		report_unreadable(cext_sources.suspended);
	cext_statement_renew();
	cext_spi_begin(&fetch->caller);
}

/*
 * End it.
 */
void
cext_fetch_end(CextFetch *fetch)
{
	cext_spi_end(&fetch->caller);
	fetch->scopes = NIL;
}
