/*-------------------------------------------------------------------------
 *
 * sources/partition.h
 *	  Which partitions can have the rows that are asked for.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_PARTITION_H
#define CEXT_PARTITION_H

#include "sources/index.h"

#include "partitioning/partdefs.h"

/* How rows are routed through one partitioned table. */
typedef struct CextRouting
{
	bool		expressions;	/* the key has some: nothing may look at it */
	int			nkeys;			/* 0: all partitions are looked at */
	int			condition[PARTITION_MAX_KEYS];	/* that each key column is in */
} CextRouting;

/* The partitions to look at. */
typedef struct CextPartitions
{
	int			n;
	const Oid  *oids;
} CextPartitions;

extern bool cext_partition_has_expressions(Oid relid);
extern List *cext_partition_tree(Oid relid, bool *detaching);
extern void cext_partition_plan(CextRouting *routing, const CextSource *source, const CextAsk *ask,
								Relation rel, const AttrNumber *attnums);
extern CextPartitions cext_partition_find(const CextRouting *routing, Relation rel,
										  const Datum *values, const bool *nulls);

#endif							/* CEXT_PARTITION_H */
