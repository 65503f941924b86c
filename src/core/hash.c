/*-------------------------------------------------------------------------
 *
 * core/hash.c
 *	  The hash of keys and slices.
 *
 * Everything here is a function of its arguments and of the seed.  The server
 * draws the seed at start, so that a user with a choice of names has no choice of
 * hashes.
 *
 * Locks: none.  The seed is set before other processes are there, and never changes.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "core/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64		cext_hash_seed = 0;

/*
 * The one place that calls the library, whose many small functions are all to be
 * inlined here.
 */
#ifdef __GNUC__
__attribute__((flatten))
#endif
uint64
cext_hash_bytes(CextString bytes, uint64 seed)
{
	return XXH3_64bits_withSeed(bytes.data, bytes.len, seed);
}

static Size
shmem_size(void)
{
	return sizeof(uint64);
}

/*
 * Take the seed over, or draw it.
 */
static void
attach(void *memory, Size size, LWLockPadded *locks, bool init)
{
	uint64	   *seed = memory;

	if (init && !pg_strong_random(seed, sizeof(*seed)))
		ereport(FATAL,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate a random hash seed")));
	cext_hash_seed = *seed;
}

const CextShmemPart cext_hash_shmem = {.size = shmem_size, .attach = attach};
