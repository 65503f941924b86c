/*-------------------------------------------------------------------------
 *
 * config/nameset.h
 *	  Sets of strings, for names that come more than once.
 *
 * The strings are not copied.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_NAMESET_H
#define CEXT_NAMESET_H

#include "core/cext.h"
#include "core/hash.h"

typedef struct NameEntry
{
	CextString	name;
	uint32		hash;
	char		status;			/* for simplehash */
} NameEntry;

#define SH_PREFIX		nameset
#define SH_ELEMENT_TYPE	NameEntry
#define SH_KEY_TYPE		CextString
#define SH_KEY			name
#define SH_HASH_KEY(tb, key)	((uint32) cext_hash_bytes(key, cext_hash_seed))
#define SH_EQUAL(tb, a, b)		cext_string_equals(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, entry)	((entry)->hash)
#define SH_SCOPE		static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#endif							/* CEXT_NAMESET_H */
