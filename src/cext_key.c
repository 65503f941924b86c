/*-------------------------------------------------------------------------
 *
 * cext_key.c
 *	  Keys of entries and hashes of slices.
 *
 * Everything here is a pure function of its arguments and of the seed, which
 * the server draws at start: who can choose names cannot choose hashes.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "cext_key.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static uint64 hash_seed = 0;

/*
 * Set the seed; called once in a process, before any hash is taken.
 */
void
cext_key_seed(uint64 seed)
{
	hash_seed = seed;
}

/*
 * Hash the bytes of a key, as cext_key_init does.
 */
uint64
cext_key_hash(const char *bytes, Size len)
{
	return XXH3_64bits_withSeed(bytes, len, hash_seed);
}

/*
 * Make the key of an entry.  Neither string may be longer than CEXT_MAX_ID;
 * user is empty for kinds that have none.
 */
void
cext_key_init(CextKey *key, Oid db, CextKind kind,
			  CextString user, CextString name)
{
	CextKeyHeader *header = &key->u.header;
	char	   *p = key->u.bytes + sizeof(CextKeyHeader);

	Assert(user.len <= CEXT_MAX_ID && name.len <= CEXT_MAX_ID);

	header->db = db;
	header->user_len = user.len;
	header->kind = kind;
	header->unused = 0;
	if (user.len > 0)
		memcpy(p, user.data, user.len);
	if (name.len > 0)
		memcpy(p + user.len, name.data, name.len);

	key->len = sizeof(CextKeyHeader) + user.len + name.len;
	key->hash = cext_key_hash(key->u.bytes, key->len);
}

/*
 * What of a slice goes into its hash: users and domains alike are ids.
 */
static CextSliceKind
hashed_kind(CextSliceKind kind)
{
	if (kind == CEXT_SLICE_DOMAIN)
		return CEXT_SLICE_USER;
	if (kind == CEXT_SLICE_DOMAIN_NAME)
		return CEXT_SLICE_USER_NAME;
	return kind;
}

/*
 * Hash a slice.  A part that the kind has no use for is CEXT_NULL_STRING.
 *
 * The parts are folded one after another, each hashed with the hash so far as
 * its seed, so that no length is bounded here and ("a", "bc") differs from
 * ("ab", "c").
 */
uint64
cext_slice_hash(Oid db, CextSliceKind kind, CextString id, CextString name)
{
	uint64		head = ((uint64) db << 32) | hashed_kind(kind);
	uint64		hash;

	hash = XXH3_64bits_withSeed(&head, sizeof(head), hash_seed);
	if (id.data)
		hash = XXH3_64bits_withSeed(id.data, id.len, hash);
	if (name.data)
		hash = XXH3_64bits_withSeed(name.data, name.len, hash);
	return hash;
}
