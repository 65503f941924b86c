/*-------------------------------------------------------------------------
 *
 * write/change.h
 *	  The slices that this transaction changes, by name.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_CHANGE_H
#define CEXT_CHANGE_H

#include "core/cext.h"
#include "protocol/slice.h"

/*
 * More than fit into the payload of a NOTIFY, which has less than 8,000 bytes: the
 * shortest mention of a configuration's slice has 24, {"kind":"user","id":""} and a
 * comma.
 */
#define CEXT_MAX_CHANGES	340

/* How a change came about. */
typedef enum CextCause
{
	CEXT_CAUSE_INSERT,
	CEXT_CAUSE_UPDATE,
	CEXT_CAUSE_DELETE,
	CEXT_CAUSE_TRUNCATE,
	CEXT_CAUSE_DDL,
	CEXT_CAUSE_FUNCTION,
	CEXT_CAUSE_REPLICATION
} CextCause;

#define CEXT_NUM_CAUSES		(CEXT_CAUSE_REPLICATION + 1)

typedef struct CextChange
{
	CextSlice	slice;			/* its strings are copies */
	bool		clipped;		/* is one of them longer than is kept? */
	CextCause	cause;
	Oid			relid;			/* of the table, or InvalidOid */
	int			level;			/* of the subtransaction that made it */
} CextChange;

typedef struct CextChanges
{
	CextChange *changes;
	int			n;
	int			max;
	int			overflow;		/* level at which there were more; 0: not */
} CextChanges;

extern CextChanges cext_changes;

extern void cext_change_init(void);
extern void cext_change_because(CextCause cause, Oid relid);
extern void cext_change_add(const CextSlice *slice);
extern void cext_change_reset(void);

/* Is there anything? */
static inline bool
cext_change_any(void)
{
	return cext_changes.n > 0 || cext_changes.overflow > 0;
}

#endif							/* CEXT_CHANGE_H */
