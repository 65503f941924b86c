/*-------------------------------------------------------------------------
 *
 * cext_check.h
 *	  Whether a table can be a source, and whether its triggers are whole.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_CHECK_H
#define CEXT_CHECK_H

#include "cext_mapping.h"

extern void cext_check_table(CextSource *source);
extern List *cext_check_triggers(CextSource *source);
extern List *cext_check_source(CextSource *source);

#endif							/* CEXT_CHECK_H */
