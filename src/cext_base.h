/*-------------------------------------------------------------------------
 *
 * cext_base.h
 *	  Bases: what a domain's users share of a configuration.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_BASE_H
#define CEXT_BASE_H

#include "cext.h"
#include "cext_fetch.h"

typedef struct CextBase CextBase;

extern bool cext_base_is_possible(const CextFetch *fetch);
extern CextBase *cext_base_make(const CextFetch *fetch, Jsonb *document);
extern Jsonb *cext_base_read(const CextBase *base, CextFetch *fetch);

#endif							/* CEXT_BASE_H */
