/*-------------------------------------------------------------------------
 *
 * read/fill.h
 *	  Fills under way: concurrent misses of one key compute once.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_FILL_H
#define CEXT_FILL_H

#include "core/shmem.h"

#include "datatype/timestamp.h"

extern const CextShmemPart cext_fill_shmem;

extern bool cext_fill_begin(uint64 hash);
extern void cext_fill_end(void);
extern bool cext_fill_wait(uint64 hash, TimestampTz deadline);

#endif							/* CEXT_FILL_H */
