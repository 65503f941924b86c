/*-------------------------------------------------------------------------
 *
 * functions/get.h
 *	  The SQL functions that read configurations.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_GET_H
#define CEXT_GET_H

extern void cext_get_define(void);

#endif							/* CEXT_GET_H */
