/*-------------------------------------------------------------------------
 *
 * functions/names.c
 *	  The SQL functions that say which config names there are: of all users, for
 *	  prewarm_all, and of one.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "config/fetch.h"
#include "config/nameset.h"
#include "functions/argument.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

CEXT_FUNCTION_INFO_V1(cache_ext_config_names);
CEXT_FUNCTION_INFO_V1(cache_ext_prewarm_names);

/* Names that are collected from a column of a source. */
typedef struct Names
{
	MemoryContext context;
	int			column;
	CextType	type;
	nameset_hash *set;
} Names;

static bool
name_row(void *arg, TupleTableSlot *row, const AttrNumber *attnums)
{
	Names	   *names = arg;
	bool		isnull;
	Datum		value = slot_getattr(row, attnums[names->column], &isnull);
	CextString	name;
	bool		found;

	if (isnull)
		return true;
	name = cext_type_text(names->type, value);
	/* Nobody can ask for such a one. */
	if (name.len == 0 || name.len > CEXT_MAX_ID || nameset_lookup(names->set, name) != NULL)
		return true;
	(void) nameset_insert(names->set, cext_string_copy(name, names->context), &found);
	return true;
}

/*
 * Collect the names that a table has, in the current context.
 */
static nameset_hash *
collect_names(CextFetch *fetch, CextConfigPart part, int column)
{
	const CextSource *source = &cext_sources.source[part];
	Names		names = {
		.context = CurrentMemoryContext,
		.column = column,
		.type = source->columns[column].type
	};

	names.set = nameset_create(CurrentMemoryContext, 64, NULL);
	cext_reader_scan(&fetch->reader, source, &cext_ask_all, NULL, name_row, &names);
	return names.set;
}

static int
compare_texts(const void *a, const void *b)
{
	text	   *x = DatumGetTextPP(*(const Datum *) a);
	text	   *y = DatumGetTextPP(*(const Datum *) b);
	int			xlen = VARSIZE_ANY_EXHDR(x);
	int			ylen = VARSIZE_ANY_EXHDR(y);
	int			order = memcmp(VARDATA_ANY(x), VARDATA_ANY(y), Min(xlen, ylen));

	return order != 0 ? order : xlen - ylen;
}

/*
 * The names of a set as texts, in the order of their bytes.
 */
static Datum *
sort_names(nameset_hash *set, int *n)
{
	Datum	   *texts = palloc((set->members + 1) * sizeof(Datum));
	nameset_iterator it;
	NameEntry  *entry;

	*n = 0;
	nameset_start_iterate(set, &it);
	while ((entry = nameset_iterate(set, &it)) != NULL)
		texts[(*n)++] = PointerGetDatum(cstring_to_text_with_len(entry->name.data,
																 entry->name.len));
	qsort(texts, *n, sizeof(Datum), compare_texts);
	return texts;
}

/*
 * prewarm_names() returns text[]: the names that any fragment has.
 */
Datum
cache_ext_prewarm_names(PG_FUNCTION_ARGS)
{
	CextFetch	fetch;
	nameset_hash *names;
	Datum	   *texts;
	int			n;

	(void) cext_source_require(&cext_sources.set, GetActiveSnapshot(), CEXT_NO_GENERATION);
	cext_fetch_begin(&fetch, GetActiveSnapshot());
	names = collect_names(&fetch, CEXT_PART_FRAGMENTS, CEXT_COL_FRAGMENT_NAME);
	cext_fetch_end(&fetch);
	texts = sort_names(names, &n);
	PG_RETURN_ARRAYTYPE_P(construct_array(texts, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * Names for which something may contribute.  One without a policy has nothing, if
 * there are policies; and they are fewer than fragments.
 */
static nameset_hash *
collect_candidates(CextFetch *fetch)
{
	if (OidIsValid(cext_sources.source[CEXT_PART_POLICIES].relid))
		return collect_names(fetch, CEXT_PART_POLICIES, CEXT_COL_POLICY_NAME);
	return collect_names(fetch, CEXT_PART_FRAGMENTS, CEXT_COL_FRAGMENT_NAME);
}

/*
 * Does anything contribute to a name, for the user and domain of another fetch?  What
 * this takes is freed.
 */
static bool
contributes(const CextFetch *whose, CextString name, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	CextFetch	fetch;
	bool		found;

	cext_fetch_begin(&fetch, GetActiveSnapshot());
	fetch.user = whose->user;
	fetch.domain = whose->domain;
	fetch.name = name;
	found = cext_fetch_contributes(&fetch);
	cext_fetch_end(&fetch);
	MemoryContextSwitchTo(old);
	MemoryContextReset(context);
	return found;
}

/*
 * config_names(user_id text) returns setof text: the names for which something
 * contributes for the user, by the tables.
 *
 * A candidate is asked for as it is: it is the text of a value, and where that is not
 * the one that another table has the name by, no fragment has this name.
 */
Datum
cache_ext_config_names(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CextString	user = cext_argument_id(fcinfo, 0, "user id");
	MemoryContext context;
	CextFetch	fetch;
	Datum	   *names;
	int			n;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (user.data == NULL)
		return (Datum) 0;
	(void) cext_source_require(&cext_sources.set, GetActiveSnapshot(), CEXT_NO_GENERATION);
	cext_fetch_begin(&fetch, GetActiveSnapshot());
	fetch.user = cext_type_canonicalize(cext_sources.user_type, user);
	cext_fetch_domain(&fetch);
	names = sort_names(collect_candidates(&fetch), &n);
	cext_fetch_end(&fetch);

	context = AllocSetContextCreate(CurrentMemoryContext, "cache_ext config name",
									ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < n; i++)
	{
		bool		isnull = false;

		CHECK_FOR_INTERRUPTS();
		if (contributes(&fetch, cext_text_to_string(DatumGetTextPP(names[i])), context))
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &names[i], &isnull);
	}
	MemoryContextDelete(context);
	return (Datum) 0;
}
