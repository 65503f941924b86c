/*-------------------------------------------------------------------------
 *
 * cext_statement.h
 *	  The statements that read the sources.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_STATEMENT_H
#define CEXT_STATEMENT_H

#include "cext.h"
#include "cext_mapping.h"
#include "cext_spi.h"

#include "utils/snapshot.h"

/* What a statement reads. */
typedef enum CextStatement
{
	CEXT_FETCH_USER,					/* its domain, or the key of it */
	CEXT_FETCH_DOMAIN,
	CEXT_FETCH_DEFINITION,
	CEXT_FETCH_POLICY,
	CEXT_FETCH_FRAGMENT,				/* with an id */
	CEXT_FETCH_PUBLIC				/* without one */
} CextStatement;

/* Most parameters of one. */
#define CEXT_FETCH_PARAMETERS	3

extern void cext_statement_renew(void);
extern const CextSource *cext_statement_source(CextStatement id);
extern void cext_statement_run(CextStatement id, const CextCaller *caller,
							   Snapshot snapshot, Datum *values);

#endif							/* CEXT_STATEMENT_H */
