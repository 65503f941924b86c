/*-------------------------------------------------------------------------
 *
 * config/fetch.h
 *	  Reading from the sources what contributes to a configuration.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_FETCH_H
#define CEXT_FETCH_H

#include "config/merge.h"
#include "config/parts.h"
#include "core/cext.h"
#include "sources/reader.h"

#include "nodes/pg_list.h"

/* A scope that contributes. */
typedef struct CextScope
{
	CextString	name;
	CextKeyedBy keyed_by;
	int64		rank;
} CextScope;

/* What a fetch works with, and what it has found so far. */
typedef struct CextFetch
{
	CextReader	reader;
	CextString	user;			/* null for the public configuration */
	CextString	name;
	MemoryContext context;		/* of what is found */

	CextString	domain_key;		/* what the domain was looked up by, if it was */
	CextString	domain;			/* null where the user has none */
	bool		has_definition;
	CextStrategy strategy;
	int64		ttl_ms;			/* 0: the definition has none */
	List	   *scopes;			/* CextScope, lowest rank first */
	int			ndocs;
	int			maxdocs;
	Jsonb	  **docs;			/* in the order in which they were fetched */
} CextFetch;

extern void cext_fetch_begin(CextFetch *fetch, Snapshot snapshot);
extern void cext_fetch_domain(CextFetch *fetch);
extern void cext_fetch_rules(CextFetch *fetch);
extern CextString cext_fetch_scope_id(const CextFetch *fetch, const CextScope *scope);
extern void cext_fetch_fragments(CextFetch *fetch, const CextScope *scope);
extern bool cext_fetch_contributes(CextFetch *fetch);
extern void cext_fetch_document(CextFetch *fetch, Jsonb *document);
extern void cext_fetch_end(CextFetch *fetch);
extern const char *cext_strategy_name(CextStrategy strategy);

#endif							/* CEXT_FETCH_H */
