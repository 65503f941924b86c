/*-------------------------------------------------------------------------
 *
 * store/key.h
 *	  Keys of entries.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_KEY_H
#define CEXT_KEY_H

#include "core/cext.h"

#define CEXT_KEY_PARTS		2

/*
 * The part of a key before the strings: database, space, and the length of the
 * first string.  One word, made in registers, since it is hashed and compared whole.
 */
typedef uint64 CextKeyHeader;

#define CEXT_KEY_HEADER(db, space, first_len) \
	(((uint64) (db) << 32) | ((uint64) (space) << 16) | (uint64) (first_len))
#define CEXT_KEY_FIRST_LEN(header)	((int) ((header) & 0xFFFF))
#define CEXT_KEY_SPACE(header)		((int) (((header) >> 16) & 0xFFFF))
#define CEXT_KEY_DB(header)			((Oid) ((header) >> 32))

#define CEXT_MAX_KEY		(sizeof(CextKeyHeader) + CEXT_KEY_PARTS * CEXT_MAX_ID)

/*
 * A key points to its strings: a lookup copies nothing.  Where a key is stored,
 * the strings follow the header without a gap.
 */
typedef struct CextKey
{
	CextString	parts[CEXT_KEY_PARTS];	/* null: it has none, as if it were
										 * empty */
	int			space;			/* see core/kind.h */
	uint32		len;			/* as stored: of header and strings */
	CextKeyHeader header;
} CextKey;

extern uint64 cext_key_hash(const CextKey *key);
extern void cext_key_store(const CextKey *key, char *bytes);
extern uint64 cext_key_hash_stored(const char *bytes, Size len);

/* Do n bytes, 8 or 4, differ?  Loads need not be aligned. */
static inline uint64
cext_differ8(const char *a, const char *b)
{
	uint64		x;
	uint64		y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x ^ y;
}

static inline uint32
cext_differ4(const char *a, const char *b)
{
	uint32		x;
	uint32		y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x ^ y;
}

/*
 * Are the bytes the same?  For strings as short as keys this is faster than a
 * call of memcmp: words, the last of which overlaps the one before.
 */
static pg_attribute_always_inline bool
cext_bytes_equal(const char *a, const char *b, int len)
{
	int			i = 0;

	if (len >= 8)
	{
		for (; i + 16 < len; i += 16)
		{
			if ((cext_differ8(a + i, b + i) |
				 cext_differ8(a + i + 8, b + i + 8)) != 0)
				return false;
		}
		if (i + 8 < len && cext_differ8(a + i, b + i) != 0)
			return false;
		return cext_differ8(a + len - 8, b + len - 8) == 0;
	}
	if (len >= 4)
		return (cext_differ4(a, b) |
				cext_differ4(a + len - 4, b + len - 4)) == 0;
	for (; i < len; i++)
	{
		if (a[i] != b[i])
			return false;
	}
	return true;
}

/*
 * Mix some of a string: its ends, where ids that a session uses together
 * differ.
 */
static inline uint64
cext_string_glance(CextString s)
{
	uint64		head = 0;
	uint64		tail = 0;

	if (s.len >= 8)
	{
		memcpy(&head, s.data, 8);
		memcpy(&tail, s.data + s.len - 8, 8);
	}
	else if (s.len >= 4)
	{
		memcpy(&head, s.data, 4);
		memcpy(&tail, s.data + s.len - 4, 4);
	}
	else if (s.len > 0)
		head = (unsigned char) s.data[0] << 8 | (unsigned char) s.data[s.len - 1];
	return (head * UINT64CONST(0x9E3779B97F4A7C15)) ^ tail;
}

/*
 * A number that tells keys apart well enough for a table of one process's own:
 * far cheaper than the hash, and not secret.  The higher bits are the better ones.
 */
static inline uint32
cext_key_glance(const CextKey *key)
{
	uint64		mixed = cext_string_glance(key->parts[0]) +
		3 * cext_string_glance(key->parts[1]) + key->header;

	return (uint32) ((mixed * UINT64CONST(0xC2B2AE3D27D4EB4F)) >> 32);
}

/*
 * Complete a key of which space and parts are set.  Neither string may be
 * longer than CEXT_MAX_ID.
 */
static inline void
cext_key_complete(CextKey *key, Oid db)
{
	Assert(key->parts[0].len <= CEXT_MAX_ID && key->parts[1].len <= CEXT_MAX_ID);

	key->header = CEXT_KEY_HEADER(db, key->space, key->parts[0].len);
	key->len = sizeof(CextKeyHeader) + key->parts[0].len + key->parts[1].len;
}

/*
 * Is a stored key, which has key->len bytes, the same?
 */
static pg_attribute_always_inline bool
cext_key_equals(const CextKey *key, const char *bytes)
{
	const char *first = bytes + sizeof(CextKeyHeader);

	return cext_differ8(bytes, (const char *) &key->header) == 0 &&
		cext_bytes_equal(first, key->parts[0].data, key->parts[0].len) &&
		cext_bytes_equal(first + key->parts[0].len, key->parts[1].data, key->parts[1].len);
}

#endif							/* CEXT_KEY_H */
