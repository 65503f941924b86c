/*-------------------------------------------------------------------------
 *
 * config/base.h
 *	  Bases: what many users share of a configuration.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_BASE_H
#define CEXT_BASE_H

#include "config/fetch.h"
#include "core/cext.h"

typedef struct CextBase CextBase;

extern bool cext_base_is_possible(const CextFetch *fetch, CextKeyedBy level);
extern CextBase *cext_base_make(const CextFetch *fetch, Jsonb *document, CextKeyedBy level);
extern Jsonb *cext_base_read(const CextBase *base, CextFetch *fetch);

#endif							/* CEXT_BASE_H */
