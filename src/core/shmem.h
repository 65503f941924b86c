/*-------------------------------------------------------------------------
 *
 * core/shmem.h
 *	  The shared memory segment: size, layout, attaching.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_SHMEM_H
#define CEXT_SHMEM_H

#include "core/cext.h"

/* Where the parts are, and how large; filled in before the parts attach. */
typedef struct CextLayout
{
	Size		total;			/* cache_ext.memory */
	Size		start_offset;
	Size		slots_offset;
	Size		slots_size;
	uint32		nslots;
	Size		counters_offset;
	Size		counters_size;
	Size		fills_offset;
	Size		fills_size;
	Size		log_offset;
	Size		log_size;
	Size		store_offset;
	Size		store_size;		/* all that the others leave */
} CextLayout;

extern CextLayout cext_layout;
extern bool cext_attached;
extern bool cext_is_worker;		/* parallel or logical; valid once attached */

extern void cext_shmem_install_hooks(void);
extern bool cext_shmem_attach_process(void);

/* Can this process use the shared memory?  Attaches it on its first call. */
static inline bool
cext_shmem_available(void)
{
	return likely(cext_attached) || cext_shmem_attach_process();
}

#endif							/* CEXT_SHMEM_H */
