/*-------------------------------------------------------------------------
 *
 * sources/index.h
 *	  How the rows of a table are found: by which index, with which scan keys.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_INDEX_H
#define CEXT_INDEX_H

#include "sources/mapping.h"

#include "access/skey.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

/* Most columns that are compared. */
#define CEXT_MAX_CONDITIONS		3

/* A column that is compared with a value, or with null. */
typedef struct CextCondition
{
	int			column;			/* of the source */
	bool		isnull;
} CextCondition;

/*
 * Which rows are asked for.  Of several conditions the last one tells most of them
 * apart.
 */
typedef struct CextAsk
{
	int			number;			/* tells it from others, below CEXT_MAX_ASKS */
	int			n;
	CextCondition conditions[CEXT_MAX_CONDITIONS];
} CextAsk;

#define CEXT_MAX_ASKS			8

extern const CextAsk cext_ask_all;

/*
 * How the rows of one relation are found.
 */
typedef struct CextPlan
{
	AttrNumber	attnums[CEXT_SOURCE_COLUMNS];	/* of the source's columns */
	Oid			index;			/* InvalidOid: all rows are looked at */
	int			nkeys;
	ScanKeyData keys[CEXT_MAX_CONDITIONS];	/* without their values */
	int			condition[CEXT_MAX_CONDITIONS]; /* of each scan key */
	int			nrechecks;
	int			recheck[CEXT_MAX_CONDITIONS];	/* conditions without one */
} CextPlan;

extern void cext_index_columns(const CextSource *source, Relation rel, AttrNumber *attnums);
extern void cext_index_plan(CextPlan *plan, const CextSource *source, const CextAsk *ask,
							Relation rel, Snapshot snapshot);
extern bool cext_index_holds(Relation index, Snapshot snapshot);
extern bool cext_index_equal(CextType type, Datum a, Datum b);
extern bool cext_index_is_builtin(CextType type, Oid opcintype, Oid opfamily,
								  Oid collation);
extern bool cext_index_exists(const CextSource *source, const CextAsk *ask, int column);

#endif							/* CEXT_INDEX_H */
