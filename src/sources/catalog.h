/*-------------------------------------------------------------------------
 *
 * sources/catalog.h
 *	  Rows of PostgreSQL's catalogs, under any snapshot.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_CATALOG_H
#define CEXT_CATALOG_H

#include "core/cext.h"

#include "access/htup.h"
#include "nodes/pg_list.h"
#include "utils/snapshot.h"

/* Rows of a catalog by a column, which starts an index. */
typedef struct CextRows
{
	Oid			catalog;
	Oid			index;
	AttrNumber	column;
	Oid			equals;			/* OID of the comparison function */
	bool		by_content;		/* the same if rewritten as it was */
} CextRows;

extern const CextRows cext_rows_class;
extern const CextRows cext_rows_attributes;
extern const CextRows cext_rows_triggers;
extern const CextRows cext_rows_trigger;
extern const CextRows cext_rows_children;
extern const CextRows cext_rows_schema;
extern const CextRows cext_rows_function;
extern const CextRows cext_rows_functions_named;
extern const CextRows cext_rows_labels;
extern const CextRows cext_rows_extension;

extern List *cext_catalog_rows(const CextRows *rows, Datum value, Snapshot snapshot);

#endif							/* CEXT_CATALOG_H */
