/*-------------------------------------------------------------------------
 *
 * sources/spi.h
 *	  Running statements as the extension's owner.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_SPI_H
#define CEXT_SPI_H

#include "core/cext.h"

/* As whom, and with which settings, we were called. */
typedef struct CextCaller
{
	Oid			role;
	int			sec_context;
	int			nestlevel;
} CextCaller;

extern void cext_spi_begin(CextCaller *caller, Oid owner);
extern void cext_spi_end(CextCaller *caller);

#endif							/* CEXT_SPI_H */
