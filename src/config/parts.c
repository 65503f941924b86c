/*-------------------------------------------------------------------------
 *
 * config/parts.c
 *	  The tables of configurations, as a snapshot sees them.
 *
 * The extension's own tables play all parts, except the lookup of domains, until
 * an application's table is attached in their place, by a row of
 * cache_ext.attached.  That table is read under the caller's snapshot like the
 * data, and its triggers invalidate everything, so that attaching a table is a
 * write like any other for readers.  The same is true of the scope types.
 *
 * Where fragments are attached and policies are not, nothing plays the policies'
 * part, and every scope type contributes at its default rank.
 *
 * Locks: ACCESS SHARE on cache_ext.attached and cache_ext.scope_types, which are
 * read, to the end of the transaction.  None on the others; see sources/source.c.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "config/parts.h"

#include "sources/check.h"
#include "sources/reader.h"
#include "sources/regcolumn.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

const CextPart cext_parts[CEXT_NUM_PARTS] = {
	[CEXT_PART_ATTACHED] = {"attached", CEXT_PART_ATTACHED, "attached", 4,
		{{"part", CEXT_WANT_TEXT}, {"relation", CEXT_WANT_RELATION},
	{"columns", CEXT_WANT_COLUMNS}, {"public_id", CEXT_WANT_TEXT}}},
	[CEXT_PART_SCOPE_TYPES] = {"scope_types", CEXT_PART_SCOPE_TYPES, "scope_types", 3,
		{{"scope_type", CEXT_WANT_KEY}, {"keyed_by", CEXT_WANT_TEXT},
	{"default_rank", CEXT_WANT_INTEGER}}},
	[CEXT_PART_DEFINITIONS] = {"definitions", CEXT_PART_DEFINITIONS, "config_definitions", 3,
		{{"config_name", CEXT_WANT_KEY}, {"merge_strategy", CEXT_WANT_TEXT},
	{"ttl", CEXT_WANT_INTERVAL}}},
	[CEXT_PART_POLICIES] = {"policies", CEXT_PART_POLICIES, "config_policies", 3,
		{{"config_name", CEXT_WANT_KEY, true},
		{"scope_type", CEXT_WANT_KEY, true, CEXT_COL_POLICY_CHAIN},
	{"rank", CEXT_WANT_INTEGER}, {"scope_sources", CEXT_WANT_KEYS}}},
	[CEXT_PART_FRAGMENTS] = {"fragments", CEXT_PART_FRAGMENTS, "config_fragments", 4,
		{{"scope_type", CEXT_WANT_KEY, true}, {"scope_id", CEXT_WANT_KEY, true},
		{"config_name", CEXT_WANT_KEY, true}, {"config", CEXT_WANT_DOCUMENT, true}},
	CEXT_COL_FRAGMENT_ID, "public_id"},
	[CEXT_PART_USERS] = {"users", CEXT_PART_USERS, "users", 2,
	{{"user_id", CEXT_WANT_KEY, true}, {"domain_id", CEXT_WANT_KEY, true}}},
	[CEXT_PART_DOMAINS] = {"domains", CEXT_PART_DOMAINS, NULL, 0,
	{{"domain_key", CEXT_WANT_KEY, true}, {"domain_value", CEXT_WANT_KEY, true}}}
};

StaticAssertDecl(CEXT_NUM_PARTS <= CEXT_MAX_PARTS, "a reader has room for all parts");

const CextAsk cext_ask_key = {1, 1, {{0, false}}};
const CextAsk cext_ask_fragment = {2, 3,
	{{CEXT_COL_FRAGMENT_NAME, false}, {CEXT_COL_FRAGMENT_SCOPE, false},
	{CEXT_COL_FRAGMENT_ID, false}}
};
const CextAsk cext_ask_public = {3, 3,
	{{CEXT_COL_FRAGMENT_NAME, false}, {CEXT_COL_FRAGMENT_SCOPE, false},
	{CEXT_COL_FRAGMENT_ID, true}}
};

static List *load(CextSourceSet *set);

CextConfigSources cext_sources = {.set = CEXT_SOURCE_SET(load)};

/*
 * The extension's own tables, not described: fills an array of CEXT_NUM_PARTS.
 */
void
cext_parts_own(CextSource *sources)
{
	for (int i = 0; i < CEXT_NUM_PARTS; i++)
		cext_mapping_own(&sources[i], &cext_parts[i]);
}

/*
 * The part of a name; false if there is none.
 */
static bool
part_by_name(CextString name, CextConfigPart *part)
{
	for (int i = 0; i < CEXT_NUM_PARTS; i++)
	{
		if (name.data != NULL && cext_string_equals(name, cext_string(cext_parts[i].name)))
		{
			*part = i;
			return true;
		}
	}
	return false;
}

static void
load_columns(CextSource *source, ArrayType *array)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, ARR_ELEMTYPE(array), sizeof(CextRegcolumn), false,
					  TYPALIGN_INT, &elements, &nulls, &n);
	for (int i = 0; i < Min(n, CEXT_SOURCE_COLUMNS); i++)
	{
		CextRegcolumn *column = (CextRegcolumn *) DatumGetPointer(elements[i]);

		if (!nulls[i] && column->relid == source->relid)
			source->columns[i].attnum = column->attnum;
	}
}

/* What rows of cache_ext.attached are read into. */
typedef struct Attached
{
	CextSource *sources;
	MemoryContext context;
} Attached;

/*
 * A row of cache_ext.attached, whose constraints may be gone.
 */
static bool
attached_row(void *arg, TupleTableSlot *row, const AttrNumber *attnums)
{
	Attached   *attached = arg;
	const CextColumn *columns = attached->sources[CEXT_PART_ATTACHED].columns;
	Datum		values[CEXT_SOURCE_COLUMNS];
	bool		nulls[CEXT_SOURCE_COLUMNS];
	CextSource *source;
	CextConfigPart part;

	for (int i = 0; i < CEXT_SOURCE_COLUMNS; i++)
		values[i] = slot_getattr(row, attnums[i], &nulls[i]);
	if (nulls[CEXT_COL_ATTACHED_PART] ||
		!part_by_name(cext_type_text(columns[CEXT_COL_ATTACHED_PART].type,
									 values[CEXT_COL_ATTACHED_PART]), &part) ||
		part < CEXT_PART_POLICIES)
		return true;

	source = &attached->sources[part];
	*source = (CextSource) {.part = &cext_parts[part], .loaded = source->loaded, .attached = true};
	if (!nulls[CEXT_COL_ATTACHED_RELATION])
		source->relid = DatumGetObjectId(values[CEXT_COL_ATTACHED_RELATION]);
	if (!nulls[CEXT_COL_ATTACHED_COLUMNS])
		load_columns(source, DatumGetArrayTypeP(values[CEXT_COL_ATTACHED_COLUMNS]));
	if (!nulls[CEXT_COL_ATTACHED_PUBLIC_ID])
		source->stand_in =
			cext_string_copy(cext_type_text(columns[CEXT_COL_ATTACHED_PUBLIC_ID].type,
											values[CEXT_COL_ATTACHED_PUBLIC_ID]),
							 attached->context);
	if (!OidIsValid(source->relid))
	{
		source->relname = "(none)";
		cext_problem_add(source, ERRCODE_UNDEFINED_TABLE, true,
						 "The row of cache_ext.attached names no table.",
						 "Attach a table, or delete the row.");
	}
	return true;
}

/*
 * Read which tables are attached, under the active snapshot, into an array that
 * cext_parts_own has filled and of which the source of this is described.  Those
 * that are attached are not described.  Throws what reading a table can throw.
 */
void
cext_parts_attached(CextSource *sources)
{
	const CextSource *source = &sources[CEXT_PART_ATTACHED];
	Attached	attached = {sources, CurrentMemoryContext};
	CextReader	reader;

	if (!OidIsValid(source->relid) || source->problem.unreadable)
		return;
	cext_reader_begin(&reader, GetActiveSnapshot());
	if (cext_reader_open(&reader, source))
		cext_reader_scan(&reader, source, &cext_ask_all, NULL, attached_row, &attached);
	cext_reader_end(&reader);

	if (sources[CEXT_PART_FRAGMENTS].attached && !sources[CEXT_PART_POLICIES].attached)
		sources[CEXT_PART_POLICIES] = (CextSource) {.part = &cext_parts[CEXT_PART_POLICIES]};
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
	CextConfigSources *sources = arg;
	const CextColumn *columns = sources->source[CEXT_PART_SCOPE_TYPES].columns;
	CextScopeType type = {0};
	bool		nulls[CEXT_SOURCE_COLUMNS];
	Datum		values[CEXT_SOURCE_COLUMNS];

	for (int i = 0; i <= CEXT_COL_TYPE_RANK; i++)
		values[i] = slot_getattr(row, attnums[i], &nulls[i]);
	if (nulls[CEXT_COL_TYPE_NAME] || nulls[CEXT_COL_TYPE_KEYED_BY] ||
		!parse_keyed_by(cext_type_text(columns[CEXT_COL_TYPE_KEYED_BY].type,
									   values[CEXT_COL_TYPE_KEYED_BY]), &type.keyed_by))
		return true;
	type.name = cext_string_copy(cext_type_text(columns[CEXT_COL_TYPE_NAME].type,
												values[CEXT_COL_TYPE_NAME]),
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
load_scope_types(CextConfigSources *sources)
{
	const CextSource *source = &sources->source[CEXT_PART_SCOPE_TYPES];
	CextReader	reader;

	sources->nscope_types = 0;
	if (!OidIsValid(source->relid) || source->problem.unreadable)
		return;
	cext_reader_begin(&reader, GetActiveSnapshot());
	if (cext_reader_open(&reader, source))
		cext_reader_scan(&reader, source, &cext_ask_all, NULL, scope_type_row, sources);
	cext_reader_end(&reader);
}

/*
 * A scope type by its name, or NULL.
 */
const CextScopeType *
cext_parts_scope_type(const CextConfigSources *sources, CextString name)
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
find_key_types(CextConfigSources *sources)
{
	const CextSource *fragments = &sources->source[CEXT_PART_FRAGMENTS];
	const CextSource *policies = &sources->source[CEXT_PART_POLICIES];
	const CextSource *users = &sources->source[CEXT_PART_USERS];
	bool		by_policies = policies->attached && !fragments->attached;

	sources->user_type = fragments->attached && !users->attached ?
		fragments->columns[CEXT_COL_FRAGMENT_ID].type : users->columns[CEXT_COL_USER_ID].type;
	sources->name_type = by_policies ? policies->columns[CEXT_COL_POLICY_NAME].type :
		fragments->columns[CEXT_COL_FRAGMENT_NAME].type;
}

/*
 * Which table plays which part, and the scope types, as the active snapshot sees
 * them.  The tables that are read for that are described.  Returns their OIDs.
 */
List *
cext_parts_load(CextConfigSources *sources)
{
	List	   *watched;

	cext_parts_own(sources->source);
	for (int i = 0; i < CEXT_NUM_PARTS; i++)
		sources->source[i].loaded = sources->set.loads;
	watched = cext_check_source(&sources->source[CEXT_PART_ATTACHED]);
	cext_parts_attached(sources->source);
	watched = list_concat(watched, cext_check_source(&sources->source[CEXT_PART_SCOPE_TYPES]));
	load_scope_types(sources);
	return watched;
}

/*
 * Load the sources as the active snapshot sees them, for readers.
 */
static List *
load(CextSourceSet *set)
{
	CextConfigSources *sources = (CextConfigSources *) set;
	List	   *watched = cext_parts_load(sources);

	for (int i = 0; i < CEXT_NUM_PARTS; i++)
	{
		CextSource *source = &sources->source[i];

		if (i > CEXT_PART_SCOPE_TYPES)
			watched = list_concat(watched, cext_check_source(source));
		if (source->problem.reason != NULL &&
			(set->suspended == NULL || source->problem.unreadable))
			set->suspended = source;
	}
	find_key_types(sources);
	return watched;
}
