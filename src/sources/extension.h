/*-------------------------------------------------------------------------
 *
 * sources/extension.h
 *	  The extension in this database, by its number.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_EXTENSION_H
#define CEXT_EXTENSION_H

#include "core/cext.h"

#include "nodes/pg_list.h"
#include "utils/snapshot.h"

/* The trigger functions of sources, in the extension's schema. */
#define CEXT_TRIGGER_FUNCTIONS \
	{"source_row", "source_statement", "source_before_row"}

extern void cext_extension_init(void);
extern Oid	cext_extension_schema(void);
extern Oid	cext_extension_schema_at(Snapshot snapshot);
extern bool cext_is_our_function(Oid function);
extern bool cext_is_any_trigger_ours(const List *rows);

#endif							/* CEXT_EXTENSION_H */
