/*-------------------------------------------------------------------------
 *
 * sources/ddl.h
 *	  Changes that no row trigger sees.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_DDL_H
#define CEXT_DDL_H

extern void cext_ddl_init(void);

#endif							/* CEXT_DDL_H */
