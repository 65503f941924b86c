/*-------------------------------------------------------------------------
 *
 * core/clock.h
 *	  The time by which entries expire.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_CLOCK_H
#define CEXT_CLOCK_H

#include "core/guc.h"

#include "access/xact.h"
#include "utils/timestamp.h"

/*
 * A moment as entries keep it: a TimestampTz in whole seconds, which suffice until
 * the year 2136.  0 is none.
 */
typedef uint32 CextSeconds;

static inline CextSeconds
cext_seconds(TimestampTz t)
{
	return (CextSeconds) (t / USECS_PER_SEC);
}

/*
 * The time of the statement, which costs nothing to read.
 */
static inline TimestampTz
cext_now(void)
{
	return GetCurrentStatementStartTimestamp() + cext_clock_offset_s * USECS_PER_SEC;
}

/* Is the moment, if there is one, over? */
static inline bool
cext_expired(CextSeconds expires)
{
	return unlikely(expires != 0) && expires <= cext_seconds(cext_now());
}

#endif							/* CEXT_CLOCK_H */
