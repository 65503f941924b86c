/*-------------------------------------------------------------------------
 *
 * sources/check.h
 *	  Whether a table can be a source, and whether its triggers are whole.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_CHECK_H
#define CEXT_CHECK_H

#include "sources/mapping.h"

/* A trigger that a source has. */
typedef struct CextTrigger
{
	const char *name;
	const char *function;
	const char *symbol;			/* what it is in C */
	int16		type;
} CextTrigger;

#define CEXT_NUM_TRIGGERS	2

extern const CextTrigger *const *cext_triggers_of(bool partitioned);
extern Oid	cext_trigger_function(const CextTrigger *wanted);
extern void cext_check_table(CextSource *source);
extern List *cext_check_triggers(CextSource *source);
extern List *cext_check_source(CextSource *source);

#endif							/* CEXT_CHECK_H */
