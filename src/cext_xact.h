/*-------------------------------------------------------------------------
 *
 * cext_xact.h
 *	  What this transaction invalidates, and when.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_XACT_H
#define CEXT_XACT_H

#include "cext.h"
#include "cext_key.h"

extern bool cext_xact_wrote;

extern void cext_xact_init(void);
extern void cext_xact_set_wrote(void);
extern void cext_xact_set_ddl(void);
extern bool cext_xact_owns(uint32 slot);
extern void cext_xact_invalidate(Oid db, CextSliceKind kind,
								 CextString id, CextString name);
extern void cext_xact_invalidate_all(Oid db);
extern void cext_xact_invalidate_domain_key(CextString key);

#endif							/* CEXT_XACT_H */
