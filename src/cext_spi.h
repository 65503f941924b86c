/*-------------------------------------------------------------------------
 *
 * cext_spi.h
 *	  Running statements as the owner of what they read.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_SPI_H
#define CEXT_SPI_H

#include "cext.h"

/* Who ran before statements of ours did. */
typedef struct CextCaller
{
	Oid			user;
	int			sec_context;
	CextSearchPath path;
} CextCaller;

extern void cext_spi_begin(CextCaller *caller);
extern void cext_spi_become(const CextCaller *caller, Oid owner);
extern void cext_spi_end(CextCaller *caller);

#endif							/* CEXT_SPI_H */
