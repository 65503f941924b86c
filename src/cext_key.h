/*-------------------------------------------------------------------------
 *
 * cext_key.h
 *	  Keys of entries and hashes of slices.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_KEY_H
#define CEXT_KEY_H

#include "cext.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* What an entry's value is. */
typedef enum CextKind
{
	CEXT_KIND_JSONB,			/* a user's merge */
	CEXT_KIND_JSON,				/* the same, rendered */
	CEXT_KIND_PUBLIC			/* the merge before login */
} CextKind;

/*
 * The part of a key before the strings: database, kind, and the length of the
 * user id.  One word, made in registers, since it is hashed and compared whole.
 */
typedef uint64 CextKeyHeader;

#define CEXT_KEY_HEADER(db, kind, user_len) \
	(((uint64) (db) << 32) | ((uint64) (kind) << 16) | (uint64) (user_len))
#define CEXT_KEY_USER_LEN(header)	((int) ((header) & 0xFFFF))

#define CEXT_MAX_KEY		(sizeof(CextKeyHeader) + 2 * CEXT_MAX_ID)

/*
 * A key points to its strings: a lookup copies nothing.  Where a key is stored,
 * the strings follow the header without a gap.
 */
typedef struct CextKey
{
	CextString	user;			/* null for CEXT_KIND_PUBLIC */
	CextString	name;
	CextKind	kind;
	uint32		len;			/* as stored: of header and strings */
	CextKeyHeader header;
	uint64		hash;
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
#define CEXT_MAX_SLICES		6

extern uint64 cext_hash_seed;

extern void cext_key_seed(uint64 seed);
extern void cext_key_store(const CextKey *key, char *bytes);
extern uint64 cext_key_hash_stored(const char *bytes, Size len);
extern uint64 cext_slice_hash(Oid db, CextSliceKind kind,
							  CextString id, CextString name);

/*
 * Hash a header and two strings.  The lengths are in the header or follow from
 * it, so that ("a", "bc") differs from ("ab", "c").
 */
static inline uint64
cext_key_hash(CextKeyHeader header, CextString user, CextString name)
{
	uint64		hash = header ^ cext_hash_seed;

	if (user.len > 0)
		hash = XXH3_64bits_withSeed(user.data, user.len, hash);
	return XXH3_64bits_withSeed(name.data, name.len, hash);
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
	key->hash = cext_key_hash(key->header, key->user, key->name);
}

/*
 * Are the bytes the same?  For strings as short as keys a loop over words, the
 * last of which may overlap the one before, is faster than a call of memcmp.
 */
static inline bool
cext_bytes_equal(const char *a, const char *b, int len)
{
	uint64		x;
	uint64		y;
	int			i = 0;

	if (len < (int) sizeof(uint64))
	{
		for (; i < len; i++)
		{
			if (a[i] != b[i])
				return false;
		}
		return true;
	}
	for (; i < len - (int) sizeof(uint64); i += sizeof(uint64))
	{
		memcpy(&x, a + i, sizeof(uint64));
		memcpy(&y, b + i, sizeof(uint64));
		if (x != y)
			return false;
	}
	memcpy(&x, a + len - sizeof(uint64), sizeof(uint64));
	memcpy(&y, b + len - sizeof(uint64), sizeof(uint64));
	return x == y;
}

/*
 * Is a stored key, which has key->len bytes, the same?
 */
static inline bool
cext_key_equals(const CextKey *key, const char *bytes)
{
	const char *user = bytes + sizeof(CextKeyHeader);

	return cext_bytes_equal(bytes, (const char *) &key->header,
							sizeof(CextKeyHeader)) &&
		cext_bytes_equal(user, key->user.data, key->user.len) &&
		cext_bytes_equal(user + key->user.len, key->name.data, key->name.len);
}

#endif							/* CEXT_KEY_H */
