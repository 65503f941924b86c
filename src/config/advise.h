/*-------------------------------------------------------------------------
 *
 * config/advise.h
 *	  What is said of a table when it is attached.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_ADVISE_H
#define CEXT_ADVISE_H

#include "sources/mapping.h"

extern void cext_advise_of_rows(const CextSource *source);
extern void cext_advise_of_index(const CextSource *source);

#endif							/* CEXT_ADVISE_H */
