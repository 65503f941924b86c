/*-------------------------------------------------------------------------
 *
 * sources/regcolumn.h
 *	  The SQL type regcolumn: a column of a table.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_REGCOLUMN_H
#define CEXT_REGCOLUMN_H

#include "core/cext.h"

#include "access/attnum.h"

/* As stored.  A column of no table is {InvalidOid, 0}. */
typedef struct CextRegcolumn
{
	Oid			relid;
	AttrNumber	attnum;
	int16		unused;			/* 0 */
} CextRegcolumn;

extern char *cext_relation_name(Oid relid);
extern char *cext_regcolumn_name(Oid relid, AttrNumber attnum);

#endif							/* CEXT_REGCOLUMN_H */
