/*-------------------------------------------------------------------------
 *
 * core/hash.h
 *	  The hash of keys and slices.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_HASH_H
#define CEXT_HASH_H

#include "core/cext.h"
#include "core/shmem.h"

extern uint64 cext_hash_seed;

extern const CextShmemPart cext_hash_shmem;

extern uint64 cext_hash_bytes(CextString bytes, uint64 seed);

#endif							/* CEXT_HASH_H */
