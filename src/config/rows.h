/*-------------------------------------------------------------------------
 *
 * config/rows.h
 *	  Which slices a changed row of a configuration's tables touches.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_ROWS_H
#define CEXT_ROWS_H

#include "core/cext.h"

#include "executor/tuptable.h"
#include "nodes/pg_list.h"
#include "utils/relcache.h"

extern bool cext_row_changed(Relation rel, TupleTableSlot *old, TupleTableSlot *new);
extern bool cext_row_is_remembered(Oid relid);
extern List *cext_row_own_relations(void);

#endif							/* CEXT_ROWS_H */
