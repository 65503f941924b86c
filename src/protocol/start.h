/*-------------------------------------------------------------------------
 *
 * protocol/start.h
 *	  Transactions that were there before the server started.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_START_H
#define CEXT_START_H

#include "core/shmem.h"

#include "utils/snapshot.h"

extern bool cext_start_over;
extern bool cext_start_noted;

extern const CextShmemPart cext_start_shmem;

extern bool cext_start_look(Snapshot snapshot);
extern void cext_start_draw(void);

/*
 * A command begins: draw the line, if there is none yet.
 */
static inline void
cext_start_note(void)
{
	if (unlikely(!cext_start_noted))
		cext_start_draw();
}

/*
 * Does the snapshot see the end of all transactions that were there before the
 * server started?  It must be one of this server's own making, not one taken
 * during recovery.
 */
static inline bool
cext_start_passed(Snapshot snapshot)
{
	return likely(cext_start_over) || cext_start_look(snapshot);
}

#endif							/* CEXT_START_H */
