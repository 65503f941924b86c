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

#include "storage/lwlock.h"

/*
 * A part of the segment.  Its size and its locks follow from settings that are
 * fixed once the postmaster has read them.
 */
typedef struct CextShmemPart
{
	Size		(*size) (void); /* NULL: all that the others leave */
	Size		min_size;		/* of what takes all that is left */
	int			(*nlocks) (Size size);	/* how many LWLocks it needs, or NULL */

	/* Point this process to the part, and initialise it if asked to. */
	void		(*attach) (void *memory, Size size, LWLockPadded *locks, bool init);
	/* A process that has a PGPROC begins to use it; or NULL. */
	void		(*attach_process) (void);
} CextShmemPart;

extern bool cext_attached;
extern bool cext_is_worker;		/* parallel or logical; valid once attached */

extern void cext_shmem_init(const CextShmemPart *const *parts);
extern bool cext_shmem_attach_process(void);
extern Size cext_shmem_size_of(const CextShmemPart *part);
extern int	cext_shmem_one_lock(Size size);

/* Can this process use the shared memory?  Attaches it on its first call. */
static inline bool
cext_shmem_available(void)
{
	return likely(cext_attached) || cext_shmem_attach_process();
}

#endif							/* CEXT_SHMEM_H */
