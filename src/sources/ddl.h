/*-------------------------------------------------------------------------
 *
 * sources/ddl.h
 *	  Hooks that notice what no row trigger sees.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_DDL_H
#define CEXT_DDL_H

extern void cext_ddl_init(void);

#endif							/* CEXT_DDL_H */
