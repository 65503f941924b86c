/*-------------------------------------------------------------------------
 *
 * store/evict.h
 *	  Room for records, and which entries go to make it.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_EVICT_H
#define CEXT_EVICT_H

#include "store/layout.h"

extern void cext_evict_init(void);
extern CextRecord *cext_evict_allocate(uint64 hash, uint32 size, bool to_main);
extern void cext_evict_drop(CextPartition *part, pg_atomic_uint64 *cell);

#endif							/* CEXT_EVICT_H */
