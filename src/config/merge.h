/*-------------------------------------------------------------------------
 *
 * config/merge.h
 *	  Merging JSONB documents.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_MERGE_H
#define CEXT_MERGE_H

#include "core/cext.h"

#include "utils/jsonb.h"

typedef enum CextStrategy
{
	CEXT_MERGE_DEEP,
	CEXT_MERGE_SHALLOW,
	CEXT_MERGE_REPLACE,
	CEXT_MERGE_PATCH
} CextStrategy;

extern bool cext_merge_is_shallow(Jsonb **docs, int ndocs);
extern Jsonb *cext_merge(CextStrategy strategy, Jsonb **docs, int ndocs);

#endif							/* CEXT_MERGE_H */
