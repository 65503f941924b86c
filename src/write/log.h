/*-------------------------------------------------------------------------
 *
 * write/log.h
 *	  The latest invalidations, for the view.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_LOG_H
#define CEXT_LOG_H

#include "core/shmem.h"
#include "write/change.h"

#include "access/transam.h"
#include "utils/timestamp.h"

#define CEXT_LOG_RECORDS	1024

/* Strings are kept up to so many bytes, terminated. */
#define CEXT_LOG_STRING		NAMEDATALEN

typedef struct CextLogRecord
{
	TimestampTz at;
	FullTransactionId xid;
	Oid			db;
	Oid			role;
	Oid			relid;
	uint8		type;			/* of the slice */
	uint8		cause;			/* a CextCause */
	bool		has_part[CEXT_SLICE_PARTS];
	bool		is_more;		/* the transaction changed more than is told */
	char		application[CEXT_LOG_STRING];
	char		parts[CEXT_SLICE_PARTS][CEXT_LOG_STRING];
} CextLogRecord;

extern const CextShmemPart cext_log_shmem;

extern void cext_log_append(FullTransactionId xid, Oid role);
extern CextLogRecord *cext_log_copy(int *n);

#endif							/* CEXT_LOG_H */
