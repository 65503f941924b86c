/*-------------------------------------------------------------------------
 *
 * write/xact.h
 *	  What this transaction invalidates, and when.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_XACT_H
#define CEXT_XACT_H

#include "core/cext.h"
#include "protocol/slice.h"

/*
 * What a transaction did that its own reads have to know of.  Most did nothing,
 * and their reads look no further.
 */
#define CEXT_OWN_QUERY		0x01	/* writes a source, and is under way */
#define CEXT_OWN_SLOTS		0x02	/* has slots in its set */
#define CEXT_OWN_EVERYTHING	0x04	/* with EVERYTHING of this database */
#define CEXT_OWN_CATALOGS	0x08	/* may have changed catalogs that matter */

extern int	cext_xact_own;

extern void cext_xact_init(void);
extern void cext_xact_set_catalogs(void);
extern void cext_xact_complete_late(void);
extern bool cext_xact_owns(uint32 slot);
extern PGDLLEXPORT void cext_xact_invalidate(const CextSlice *slice);
extern void cext_xact_invalidate_as(const CextSlice *slice, const CextSlice *told);
extern void cext_xact_invalidate_all(Oid db);

#endif							/* CEXT_XACT_H */
