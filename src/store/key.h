/*-------------------------------------------------------------------------
 *
 * store/key.h
 *	  Keys of entries and hashes of slices.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_KEY_H
#define CEXT_KEY_H

#include "core/cext.h"

/* What an entry's value is. */
typedef enum CextKind
{
	CEXT_KIND_JSONB,			/* a user's merge */
	CEXT_KIND_JSON,				/* the same, rendered */
	CEXT_KIND_PUBLIC,			/* the merge before login */
	CEXT_KIND_BASE,				/* what a domain's users share */
	CEXT_KIND_COMMON			/* what everybody shares */
} CextKind;

/*
 * The part of a key before the strings: database, kind, and the length of the
 * user id.  One word, made in registers, since it is hashed and compared whole.
 */
typedef uint64 CextKeyHeader;

#define CEXT_KEY_HEADER(db, kind, user_len) \
	(((uint64) (db) << 32) | ((uint64) (kind) << 16) | (uint64) (user_len))
#define CEXT_KEY_USER_LEN(header)	((int) ((header) & 0xFFFF))
#define CEXT_KEY_KIND(header)		((CextKind) (((header) >> 16) & 0xFFFF))
#define CEXT_KEY_DB(header)			((Oid) ((header) >> 32))

#define CEXT_MAX_KEY		(sizeof(CextKeyHeader) + 2 * CEXT_MAX_ID)

/*
 * A key points to its strings: a lookup copies nothing.  Where a key is stored,
 * the strings follow the header without a gap.
 */
typedef struct CextKey
{
	CextString	user;			/* null for CEXT_KIND_PUBLIC and _COMMON; the
								 * domain for CEXT_KIND_BASE */
	CextString	name;
	CextKind	kind;
	uint32		len;			/* as stored: of header and strings */
	CextKeyHeader header;
} CextKey;

/*
 * The sets of entries that one change can invalidate.  An application's ids
 * are hashed without saying whether they name a user or a domain, so that
 * exactness never depends on what a scope type was keyed by when a trigger
 * ran; that a user and a domain of one name are invalidated together costs
 * nothing.  The distinction is kept for those who look: in the statistics.
 */
typedef enum CextSliceKind
{
	CEXT_SLICE_EVERYTHING,
	CEXT_SLICE_NAME,
	CEXT_SLICE_DOMAIN,
	CEXT_SLICE_DOMAIN_NAME,
	CEXT_SLICE_USER,
	CEXT_SLICE_USER_NAME,
	CEXT_SLICE_ANY				/* counts every invalidation of a database */
} CextSliceKind;

#define CEXT_SLICE_KINDS	CEXT_SLICE_ANY

/* Most slices that an entry depends on. */
#define CEXT_MAX_SLICES		7

extern uint64 cext_key_hash(const CextKey *key);
extern void cext_key_store(const CextKey *key, char *bytes);
extern uint64 cext_key_hash_stored(const char *bytes, Size len);
extern uint64 cext_slice_hash(Oid db, CextSliceKind kind,
							  CextString id, CextString name);

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
	uint64		mixed = cext_string_glance(key->user) +
		3 * cext_string_glance(key->name) + key->header;

	return (uint32) ((mixed * UINT64CONST(0xC2B2AE3D27D4EB4F)) >> 32);
}

/*
 * Complete a key of which kind, user and name are set.  Neither string may be
 * longer than CEXT_MAX_ID.
 */
static inline void
cext_key_complete(CextKey *key, Oid db)
{
	Assert(key->user.len <= CEXT_MAX_ID && key->name.len <= CEXT_MAX_ID);

	key->header = CEXT_KEY_HEADER(db, key->kind, key->user.len);
	key->len = sizeof(CextKeyHeader) + key->user.len + key->name.len;
}

/*
 * Is a stored key, which has key->len bytes, the same?
 */
static pg_attribute_always_inline bool
cext_key_equals(const CextKey *key, const char *bytes)
{
	const char *user = bytes + sizeof(CextKeyHeader);

	return cext_differ8(bytes, (const char *) &key->header) == 0 &&
		cext_bytes_equal(user, key->user.data, key->user.len) &&
		cext_bytes_equal(user + key->user.len, key->name.data, key->name.len);
}

#endif							/* CEXT_KEY_H */
