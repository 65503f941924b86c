/*-------------------------------------------------------------------------
 *
 * store/key.c
 *	  Keys of entries and hashes of slices.
 *
 * Everything here is a function of its arguments and of the seed, which the
 * server draws at start: who can choose names cannot choose hashes.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "store/key.h"

#include "core/hash.h"

/*
 * Hash a header and two strings.
 */
static uint64
hash_parts(CextKeyHeader header, CextString user, CextString name)
{
	uint64		hash = cext_hash_bytes(name, cext_hash_seed) ^ header;

	return user.len == 0 ? hash : cext_hash_bytes(user, hash);
}

/*
 * The hash of a complete key.
 */
uint64
cext_key_hash(const CextKey *key)
{
	return hash_parts(key->header, key->user, key->name);
}

/*
 * Write a key, key->len bytes, as it is stored.
 */
void
cext_key_store(const CextKey *key, char *bytes)
{
	memcpy(bytes, &key->header, sizeof(CextKeyHeader));
	bytes += sizeof(CextKeyHeader);
	if (key->user.len > 0)
		memcpy(bytes, key->user.data, key->user.len);
	memcpy(bytes + key->user.len, key->name.data, key->name.len);
}

/*
 * The hash of a stored key.
 */
uint64
cext_key_hash_stored(const char *bytes, Size len)
{
	CextKeyHeader header;
	const char *user = bytes + sizeof(CextKeyHeader);
	int			user_len;

	memcpy(&header, bytes, sizeof(CextKeyHeader));
	user_len = CEXT_KEY_USER_LEN(header);
	return hash_parts(header, (CextString) {user, user_len},
					  (CextString) {user + user_len,
						  len - sizeof(CextKeyHeader) - user_len});
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

	hash = cext_hash_bytes((CextString) {(const char *) &head, sizeof(head)},
						   cext_hash_seed);
	if (id.data)
		hash = cext_hash_bytes(id, hash);
	if (name.data)
		hash = cext_hash_bytes(name, hash);
	return hash;
}
