/*-------------------------------------------------------------------------
 *
 * core/compat.h
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
#include "catalog/pg_attribute.h"
#include "catalog/pg_namespace.h"
#include "fmgr.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#if PG_VERSION_NUM < 150000
#error "cache_ext needs PostgreSQL 15 or later"
#endif

/*
 * From 16 on symbols of extensions are hidden unless they are exported; the
 * Makefile asks for the same on 15, where PGDLLEXPORT does not export.
 */
#if PG_VERSION_NUM < 160000 && defined(__GNUC__)
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#endif

/* As PG_FUNCTION_INFO_V1, which exports the function itself from 16 on. */
#define CEXT_FUNCTION_INFO_V1(function) \
	extern PGDLLEXPORT Datum function(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(function)

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
 * From 16 on parsing of names can report errors softly, and ownership is asked
 * for with the object's class.
 */
#if PG_VERSION_NUM >= 160000

#define CextStringToQualifiedNameList(name) stringToQualifiedNameList(name, NULL)
#define CextOwnsRelation(relid, role) \
	object_ownercheck(RelationRelationId, relid, role)
#define CextMayUseSchema(schema, role) \
	(!SearchSysCacheExists1(NAMESPACEOID, ObjectIdGetDatum(schema)) || \
	 object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE) == ACLCHECK_OK)

#else

#define CextStringToQualifiedNameList(name) stringToQualifiedNameList(name)
#define CextOwnsRelation(relid, role)	pg_class_ownercheck(relid, role)
#define CextMayUseSchema(schema, role) \
	(!SearchSysCacheExists1(NAMESPACEOID, ObjectIdGetDatum(schema)) || \
	 pg_namespace_aclcheck(schema, role, ACL_USAGE) == ACLCHECK_OK)

#endif

/*
 * From 17 on statistics help to estimate the length of an array.
 */
#if PG_VERSION_NUM >= 170000
#define CextEstimateArrayLength(root, array)	estimate_array_length(root, array)
#else
#define CextEstimateArrayLength(root, array)	estimate_array_length(array)
#endif

/*
 * From 18 on a scan of an index can be instrumented; from 19 on scans have flags.
 */
#if PG_VERSION_NUM >= 190000
#define CextIndexBeginScan(rel, index, snapshot, nkeys) \
	index_beginscan(rel, index, snapshot, NULL, nkeys, 0, SO_NONE)
#define CextTableBeginScan(rel, snapshot) \
	table_beginscan(rel, snapshot, 0, NULL, SO_NONE)
#elif PG_VERSION_NUM >= 180000
#define CextIndexBeginScan(rel, index, snapshot, nkeys) \
	index_beginscan(rel, index, snapshot, NULL, nkeys, 0)
#else
#define CextIndexBeginScan(rel, index, snapshot, nkeys) \
	index_beginscan(rel, index, snapshot, nkeys, 0)
#endif
#if PG_VERSION_NUM < 190000
#define CextTableBeginScan(rel, snapshot) \
	table_beginscan(rel, snapshot, 0, NULL)
#endif

/*
 * Virtual generated columns, which have no value in a tuple, come with 18.
 */
#ifdef ATTRIBUTE_GENERATED_VIRTUAL
#define CextIsVirtual(att)	((att)->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
#else
#define CextIsVirtual(att)	(false)
#endif

/*
 * Infinite intervals come with 17.
 */
#ifdef INTERVAL_NOT_FINITE
#define CextIntervalIsInfinite(interval)	INTERVAL_NOT_FINITE(interval)
#else
#define CextIntervalIsInfinite(interval)	(false)
#endif

/*
 * The milliseconds of a time to live, as extract(epoch FROM interval) * 1000 gives
 * them, rounded up.  An infinite interval gives 0, which means never, and no other
 * one does.  The largest interval is well within the range.
 */
static inline int64
cext_interval_ms(const Interval *interval)
{
	int64		quarter_days;
	int64		ms;

	if (CextIntervalIsInfinite(interval))
		return 0;
	/* A year has 365.25 days. */
	quarter_days = (int64) (4 * DAYS_PER_YEAR) * (interval->month / MONTHS_PER_YEAR) +
		(int64) (4 * DAYS_PER_MONTH) * (interval->month % MONTHS_PER_YEAR) +
		(int64) 4 * interval->day;
	ms = quarter_days * (SECS_PER_DAY / 4) * 1000 + interval->time / 1000;
	if (interval->time % 1000 > 0)
		ms++;
	return Max(ms, 1);
}

/*
 * From 19 on CLUSTER is a form of REPACK.
 */
#if PG_VERSION_NUM >= 190000
#define CEXT_T_ClusterStmt	T_RepackStmt
#else
#define CEXT_T_ClusterStmt	T_ClusterStmt
#endif

/*
 * From 19 on the state that a JSONB value is pushed to holds the result too.
 */
#if PG_VERSION_NUM >= 190000

typedef JsonbInState CextJsonbState;

#define CextPushJsonb(state, token, value)	pushJsonbValue(state, token, value)

#else

typedef struct CextJsonbState
{
	JsonbParseState *parseState;
	JsonbValue *result;			/* of the last push, the value if complete */
} CextJsonbState;

static inline void
CextPushJsonb(CextJsonbState *state, JsonbIteratorToken token, JsonbValue *value)
{
	state->result = pushJsonbValue(&state->parseState, token, value);
}

#endif

#endif							/* CEXT_COMPAT_H */
