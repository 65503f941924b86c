/*-------------------------------------------------------------------------
 *
 * config/advise.c
 *	  What is said of a table when it is attached: rows that will not contribute, an
 *	  index that is missing.
 *
 * Locks: the caller's, on the table.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "config/advise.h"

#include "config/parts.h"
#include "sources/reader.h"
#include "sources/source.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

/* Rows that are looked at for what to warn of. */
#define MAX_LOOKED_AT	10000

/* What was found in a table's rows. */
typedef struct Look
{
	const CextSource *source;
	int			column;			/* that has scope types */
	int			nrows;			/* and elements of arrays */
	List	   *scope_types;	/* char *, each once */
	List	   *other_ids;		/* those of which a row has another id than
								 * public_id */
} Look;

static List *
add_once(List *names, CextString name)
{
	ListCell   *cell;

	foreach(cell, names)
	{
		if (cext_string_equals(name, cext_string(lfirst(cell))))
			return names;
	}
	return lappend(names, pnstrdup(name.data, name.len));
}

static void
look_at_chain(Look *look, Datum value)
{
	CextType	type = look->source->columns[look->column].type;
	Datum	   *elements;
	bool	   *nulls;
	int			n = cext_type_elements(value, &elements, &nulls);

	for (int i = 0; i < n && look->nrows < MAX_LOOKED_AT; i++)
	{
		CHECK_FOR_INTERRUPTS();
		look->nrows++;
		if (!nulls[i])
			look->scope_types = add_once(look->scope_types, cext_type_text(type, elements[i]));
	}
}

static bool
look_row(void *arg, TupleTableSlot *row, const AttrNumber *attnums)
{
	Look	   *look = arg;
	const CextSource *source = look->source;
	CextString	id = CEXT_NULL_STRING;
	CextString	name;
	bool		isnull;
	Datum		value = slot_getattr(row, attnums[look->column], &isnull);

	if (isnull)
		return ++look->nrows < MAX_LOOKED_AT;
	if (look->column == CEXT_COL_POLICY_CHAIN)
	{
		look_at_chain(look, value);
		return ++look->nrows < MAX_LOOKED_AT;
	}
	name = cext_type_text(source->columns[look->column].type, value);
	look->scope_types = add_once(look->scope_types, name);
	if (source->part->number == CEXT_PART_FRAGMENTS)
	{
		value = slot_getattr(row, attnums[CEXT_COL_FRAGMENT_ID], &isnull);
		if (!isnull)
			id = cext_type_text(source->columns[CEXT_COL_FRAGMENT_ID].type, value);
		if ((id.data == NULL) != (source->stand_in.data == NULL) ||
			(id.data != NULL && !cext_string_equals(id, source->stand_in)))
			look->other_ids = add_once(look->other_ids, name);
	}
	return ++look->nrows < MAX_LOOKED_AT;
}

/*
 * Warn of what a scope type's rows say that will not contribute.
 */
static void
warn_of_scope_type(const Look *look, const char *name)
{
	const CextSource *source = look->source;
	const CextScopeType *type = cext_parts_scope_type(&cext_sources, cext_string(name));
	ListCell   *cell;

	if (type == NULL)
	{
		ereport(WARNING,
				(errmsg("scope type \"%s\" in table %s is unknown, and its fragments do not contribute",
						name, source->relname),
				 errhint("Insert it into cache_ext.scope_types, with what its fragments are keyed by.")));
		return;
	}
	if (type->keyed_by != CEXT_KEYED_BY_NONE)
		return;
	foreach(cell, look->other_ids)
	{
		if (strcmp(lfirst(cell), name) != 0)
			continue;
		if (source->stand_in.data == NULL)
			ereport(WARNING,
					(errmsg("fragments of scope type \"%s\" in table %s have a scope id, and do not contribute",
							name, source->relname),
					 errdetail("The scope type is keyed by none, and public_id is null."),
					 errhint("Give the id that public fragments have as public_id.")));
		else
			ereport(WARNING,
					(errmsg("fragments of scope type \"%s\" in table %s have another scope id than public_id, and do not contribute",
							name, source->relname),
					 errdetail("The scope type is keyed by none, and public_id is \"%s\".",
							   source->stand_in.data)));
	}
}

/*
 * Warn of what the table, which is described and locked, has that will not
 * contribute.  A look at some rows has to do.
 */
void
cext_advise_of_rows(const CextSource *source)
{
	Look		look = {.source = source};
	CextReader	reader;
	ListCell   *cell;

	look.column = source->part->number == CEXT_PART_FRAGMENTS ? CEXT_COL_FRAGMENT_SCOPE :
		source->columns[CEXT_COL_POLICY_CHAIN].attnum != InvalidAttrNumber ?
		CEXT_COL_POLICY_CHAIN : CEXT_COL_POLICY_SCOPE;
	PushActiveSnapshot(GetTransactionSnapshot());
	cext_reader_begin(&reader, GetActiveSnapshot());
	if (cext_reader_open(&reader, source))
		cext_reader_scan(&reader, source, &cext_ask_all, NULL, look_row, &look);
	cext_reader_end(&reader);
	(void) cext_source_require(&cext_sources.set, GetActiveSnapshot(), CEXT_NO_GENERATION);
	foreach(cell, look.scope_types)
		warn_of_scope_type(&look, lfirst(cell));
	PopActiveSnapshot();
}

/*
 * Say, as a NOTICE, if a fill will have to scan the table, which is described and
 * locked.
 */
void
cext_advise_of_index(const CextSource *source)
{
	bool		fragments = source->part->number == CEXT_PART_FRAGMENTS;
	int			nkeys = CEXT_PART_NKEYS(source->part->number);
	int			must = fragments ? CEXT_COL_FRAGMENT_ID : 0;
	StringInfoData columns;

	if (cext_index_exists(source, fragments ? &cext_ask_fragment : &cext_ask_key, must))
		return;
	initStringInfo(&columns);
	appendStringInfoString(&columns, quote_identifier(source->columns[must].name));
	for (int i = 0; i < nkeys; i++)
	{
		if (i != must)
			appendStringInfo(&columns, ", %s", quote_identifier(source->columns[i].name));
	}
	ereport(NOTICE,
			(errmsg("a miss has to scan table %s, which has no index for it",
					source->relname),
			 errhint("CREATE INDEX ON %s (%s);", source->relname, columns.data)));
}
