/*-------------------------------------------------------------------------
 *
 * cext_kind.c
 *	  A kind of cached result beside configurations: notes.
 *
 * A note is the text that table "notes" has for a key.  It shows that the cache
 * knows nothing of what it caches: this file is all that it takes to cache
 * something else.  It has to be preloaded after cache_ext.  The table needs the
 * triggers that attaching gives to a table.  A setting takes changes of another one
 * for changes of notes.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "read/read.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/rel.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

CEXT_FUNCTION_INFO_V1(cext_kind_note);

#define SPACE_NOTE		CEXT_SPACE_OF(CEXT_KIND_CUSTOM, 0)
#define SLICE_NOTE		CEXT_SLICE_OF(CEXT_KIND_CUSTOM, 0)

/* Those of cache_ext's functions that are called. */
static uint64 (*slice_hash) (Oid db, int type, CextString a, CextString b);
static void (*invalidate) (const CextSlice *slice);
static struct varlena *(*read_value) (const CextKindInfo *kind, CextRequest *request);

static char *relation = NULL;

static CextSlice
slice_of(CextString key)
{
	CextSlice	slice = {.type = SLICE_NOTE};

	slice.parts[0] = key;
	slice.hash = slice_hash(MyDatabaseId, SLICE_NOTE, key, CEXT_NULL_STRING);
	return slice;
}

static void
compute(CextRequest *request, Snapshot snapshot, bool usable, CextComputed *computed)
{
	CextString	key = request->key.parts[0];
	Oid			types[] = {TEXTOID};
	Datum		values[] = {PointerGetDatum(cstring_to_text_with_len(key.data, key.len))};

	*computed = (CextComputed) {.nslices = 2};
	computed->slices[0] = slice_hash(MyDatabaseId, CEXT_SLICE_EVERYTHING, CEXT_NULL_STRING,
									 CEXT_NULL_STRING);
	computed->slices[1] = slice_of(key).hash;
	SPI_connect();
	if (SPI_execute_with_args("SELECT note FROM public.notes WHERE key = $1", 1, types, values,
							  NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read notes");
	if (SPI_processed > 0)
	{
		char	   *note = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		Size		size = VARHDRSZ + strlen(note);

		computed->value = SPI_palloc(size);
		SET_VARSIZE(computed->value, size);
		memcpy(VARDATA(computed->value), note, size - VARHDRSZ);
	}
	SPI_finish();
}

static void
touch(TupleTableSlot *row)
{
	bool		isnull;
	Datum		key = slot_getattr(row, 1, &isnull);
	CextSlice	slice = slice_of(cext_string(TextDatumGetCString(key)));

	invalidate(&slice);
}

static bool
row_changed(Relation rel, TupleTableSlot *old, TupleTableSlot *new)
{
	if (strcmp(RelationGetRelationName(rel), relation) != 0)
		return false;
	if (old != NULL)
		touch(old);
	if (new != NULL)
		touch(new);
	return true;
}

static bool
contains(const CextSlice *a, const CextSlice *b)
{
	return false;
}

static void
tell(StringInfo payload, const CextSlice *slice)
{
	appendStringInfoString(payload, "\"kind\":\"note\",\"id\":");
	escape_json(payload, slice->parts[0].data);
}

static const CextKindInfo notes = {
	.name = "notes",
	.number = CEXT_KIND_CUSTOM,
	.spaces = {"note"},
	.slices = {{"note", "a note"}},
	.compute = compute,
	.row_changed = row_changed,
	.contains = contains,
	.tell = tell
};

/*
 * note(key text) returns text
 */
Datum
cext_kind_note(PG_FUNCTION_ARGS)
{
	char	   *key = text_to_cstring(PG_GETARG_TEXT_PP(0));
	CextRequest request = {.key = {.space = SPACE_NOTE, .parts = {cext_string(key)}}};
	struct varlena *value = read_value(&notes, &request);

	if (value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(value);
}

void
_PG_init(void)
{
	void		(*register_kind) (const CextKindInfo *kind);

	register_kind = load_external_function("cache_ext", "cext_kind_register", true, NULL);
	slice_hash = load_external_function("cache_ext", "cext_slice_hash", true, NULL);
	invalidate = load_external_function("cache_ext", "cext_xact_invalidate", true, NULL);
	read_value = load_external_function("cache_ext", "cext_read", true, NULL);
	register_kind(&notes);
	DefineCustomStringVariable("cext_kind.relation", "The table that has notes.", NULL,
							   &relation, "notes", PGC_USERSET, 0, NULL, NULL, NULL);
}
