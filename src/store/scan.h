/*-------------------------------------------------------------------------
 *
 * store/scan.h
 *	  Looking through the store, to show what is there.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_SCAN_H
#define CEXT_SCAN_H

#include "core/cext.h"
#include "store/key.h"
#include "store/store.h"

/* A copy of an entry. */
typedef struct CextSeen
{
	int			space;
	CextString	parts[CEXT_KEY_PARTS];	/* never null; in key */
	struct varlena *value;		/* palloc'd, or NULL: absent, or not wanted */
	uint32		value_len;
	uint32		bytes;			/* of the record */
	int			frequency;
	CextSeconds filled;
	CextSeconds expires;		/* or 0 */
	uint64		stamp;
	int			nslices;
	uint64		slices[CEXT_MAX_SLICES];
	char		key[CEXT_MAX_KEY];
} CextSeen;

/* Which entries are wanted; a null string is any. */
typedef struct CextWanted
{
	CextString	parts[CEXT_KEY_PARTS];
	bool		with_value;
} CextWanted;

extern bool cext_scan_next(uint64 *position, const CextWanted *wanted, CextSeen *seen);
extern bool cext_scan_look(const CextKey *key, bool with_value, CextSeen *seen);

#endif							/* CEXT_SCAN_H */
