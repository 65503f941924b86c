/*-------------------------------------------------------------------------
 *
 * store/scan.c
 *	  Looking through the store, to show what is there.
 *
 * Entries are copied as readers copy them, without a lock, and without being
 * noted as read.  One that changes meanwhile is left out: a scan does not show the
 * store at any single moment.
 *
 * Locks: none.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "store/scan.h"

#include "store/read.h"

#include "miscadmin.h"

/*
 * Read a record's header and key; false if they make no sense, as those of a
 * record that changes may not.
 */
static bool
read_header(const CextRecord *record, uint32 room, CextSeen *seen)
{
	uint32		key_len = record->key_len;
	CextKeyHeader header;

	seen->bytes = record->capacity;
	seen->value_len = record->value_len;
	seen->nslices = record->nslices;
	seen->stamp = pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, &record->stamp));
	seen->expires = record->expires;
	seen->filled = record->filled;
	if (seen->bytes > room || key_len < sizeof(header) || key_len > CEXT_MAX_KEY ||
		seen->nslices > CEXT_MAX_SLICES ||
		RECORD_SIZE((Size) key_len, (Size) seen->value_len, seen->nslices) > seen->bytes)
		return false;

	memcpy(seen->key, RECORD_KEY(record), key_len);
	memcpy(&header, seen->key, sizeof(header));
	if (CEXT_KEY_FIRST_LEN(header) > key_len - sizeof(header) ||
		CEXT_KEY_DB(header) != MyDatabaseId)
		return false;
	seen->space = CEXT_KEY_SPACE(header);
	seen->parts[0] = (CextString) {seen->key + sizeof(header), CEXT_KEY_FIRST_LEN(header)};
	seen->parts[1] = (CextString) {seen->parts[0].data + seen->parts[0].len,
									 key_len - sizeof(header) - seen->parts[0].len};
	memcpy(seen->slices, RECORD_SLICES(record, key_len, seen->value_len),
		   seen->nslices * sizeof(uint64));
	return true;
}

static bool
matches(CextString wanted, CextString s)
{
	return wanted.data == NULL || cext_string_equals(wanted, s);
}

/*
 * Copy the entry of this database that a cell leads to, if it is wanted.
 */
static bool
copy_entry(pg_atomic_uint64 *cell, const CextWanted *wanted, CextSeen *seen)
{
	uint64		value = pg_atomic_read_u64(cell);
	CextPlace	place;
	CextRef		ref;

	if (value == 0 || cext_store_follow(cell, value, &place) != CEXT_REF_FOUND ||
		!cext_store_begin(place, &ref) ||
		!read_header(ref.record, room_at(place.location), seen) ||
		!matches(wanted->parts[0], seen->parts[0]) ||
		!matches(wanted->parts[1], seen->parts[1]))
		return false;
	seen->frequency = (value & CELL_FREQ_MASK) / CELL_FREQ_ONE;
	seen->value = NULL;
	if (wanted->with_value && seen->value_len >= VARHDRSZ)
	{
		seen->value = palloc(seen->value_len);
		memcpy(seen->value, RECORD_VALUE(ref.record, sizeof(CextKeyHeader) +
										 seen->parts[0].len + seen->parts[1].len),
			   seen->value_len);
	}
	if (cext_store_unchanged(&ref))
		return true;
	if (seen->value != NULL)
		pfree(seen->value);
	return false;
}

/*
 * Copy the next entry of this database that is wanted, from a position on that
 * starts at zero; false at the end.
 */
bool
cext_scan_next(uint64 *position, const CextWanted *wanted, CextSeen *seen)
{
	uint64		ncells = (uint64) cext_store.npartitions * cext_store.nbuckets * CELLS_PER_BUCKET;

	while (*position < ncells)
	{
		uint64		cell = (*position)++;

		if (cell % CELLS_PER_BUCKET == 0)
			CHECK_FOR_INTERRUPTS();
		if (copy_entry(&cext_store.buckets[cell / CELLS_PER_BUCKET].cells[cell % CELLS_PER_BUCKET],
					   wanted, seen))
			return true;
	}
	return false;
}

/*
 * Copy the entry of a key, if there is one.
 */
bool
cext_scan_look(const CextKey *key, bool with_value, CextSeen *seen)
{
	const CextWanted wanted = {.with_value = with_value};
	pg_atomic_uint64 *cell = cext_store_cell(key);

	return cell != NULL && copy_entry(cell, &wanted, seen);
}
