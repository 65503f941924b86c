/*-------------------------------------------------------------------------
 *
 * sources/concern.h
 *	  Whether what a transaction changed in the catalogs concerns a source.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_CONCERN_H
#define CEXT_CONCERN_H

#include "core/cext.h"

#include "storage/sinval.h"

extern bool cext_concerns_source(const SharedInvalidationMessage *messages, int n,
								 Oid *relid);

#endif							/* CEXT_CONCERN_H */
