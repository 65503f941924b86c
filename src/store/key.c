/*-------------------------------------------------------------------------
 *
 * store/key.c
 *	  Keys of entries.
 *
 * Everything here is a function of its arguments and of the seed of hashes.
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
hash_parts(CextKeyHeader header, CextString first, CextString second)
{
	uint64		hash = cext_hash_bytes(second, cext_hash_seed) ^ header;

	return first.len == 0 ? hash : cext_hash_bytes(first, hash);
}

/*
 * The hash of a complete key.
 */
uint64
cext_key_hash(const CextKey *key)
{
	return hash_parts(key->header, key->parts[0], key->parts[1]);
}

/*
 * Write a key, key->len bytes, as it is stored.
 */
void
cext_key_store(const CextKey *key, char *bytes)
{
	memcpy(bytes, &key->header, sizeof(CextKeyHeader));
	bytes += sizeof(CextKeyHeader);
	if (key->parts[0].len > 0)
		memcpy(bytes, key->parts[0].data, key->parts[0].len);
	memcpy(bytes + key->parts[0].len, key->parts[1].data, key->parts[1].len);
}

/*
 * The hash of a stored key.
 */
uint64
cext_key_hash_stored(const char *bytes, Size len)
{
	CextKeyHeader header;
	const char *first = bytes + sizeof(CextKeyHeader);
	int			first_len;

	memcpy(&header, bytes, sizeof(CextKeyHeader));
	first_len = CEXT_KEY_FIRST_LEN(header);
	return hash_parts(header, (CextString) {first, first_len},
					  (CextString) {first + first_len,
									  len - sizeof(CextKeyHeader) - first_len});
}
