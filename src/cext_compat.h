/*-------------------------------------------------------------------------
 *
 * cext_compat.h
 *	  Every difference between the PostgreSQL versions that cache_ext knows.
 *
 * No other file looks at PG_VERSION_NUM.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_COMPAT_H
#define CEXT_COMPAT_H

#include "catalog/namespace.h"
#include "storage/proc.h"
#include "utils/guc.h"

#if PG_VERSION_NUM < 150000
#error "cache_ext needs PostgreSQL 15 or later"
#endif

/*
 * The index of this backend's PGPROC, unique among all processes that can run
 * SQL, and the number of such indexes.  Prepared transactions' dummy PGPROCs
 * come after them.
 */
#if PG_VERSION_NUM >= 170000
#define CextMyProcNumber()	(MyProcNumber)
#else
#define CextMyProcNumber()	(MyProc->pgprocno)
#endif
#define CEXT_NUM_PROCS		(MaxBackends + NUM_AUXILIARY_PROCS)

/*
 * Run with pg_catalog alone in the search_path.  An error undoes it with the
 * (sub)transaction.
 */
#if PG_VERSION_NUM >= 170000

typedef int CextSearchPath;

static inline void
CextPinSearchPath(CextSearchPath *nestlevel)
{
	*nestlevel = NewGUCNestLevel();
	RestrictSearchPath();
}

static inline void
CextUnpinSearchPath(CextSearchPath *nestlevel)
{
	AtEOXact_GUC(false, *nestlevel);
}

#else

typedef OverrideSearchPath CextSearchPath;

static inline void
CextPinSearchPath(CextSearchPath *path)
{
	*path = (OverrideSearchPath) {.schemas = NIL, .addCatalog = true};
	PushOverrideSearchPath(path);
}

static inline void
CextUnpinSearchPath(CextSearchPath *path)
{
	PopOverrideSearchPath();
}

#endif

#endif							/* CEXT_COMPAT_H */
