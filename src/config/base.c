/*-------------------------------------------------------------------------
 *
 * config/base.c
 *	  Bases: what many users share of a configuration.
 *
 * The fragments of the scopes that are keyed by none are the same for everybody,
 * those of the scopes keyed by domain for all users of a domain; and mostly they
 * have the lowest ranks, in this order.  So there are two levels of bases, which
 * are entries of their own: the merge of the former, keyed by name, and upon it
 * that of the latter, keyed by domain and name.  A fill that finds a base reads
 * what is above it, and merges that on top.
 *
 * Merging is a left fold, so that the merge of the lowest documents can stand
 * for them.  A level has no base if one of its scopes ranks above a scope that is
 * not in the base.
 *
 * A base also carries the rules that it was made by: what a fill has to know to
 * go on.  Everything here is pure.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "config/base.h"

struct CextBase
{
	int32		vl_len_;		/* a varlena header */
	uint16		strategy;
	uint16		nscopes;		/* above the base, lowest rank first */
	int64		ttl_ms;
	uint32		document;		/* its offset, or 0; the scopes are before it */
	char		scopes[FLEXIBLE_ARRAY_MEMBER];	/* names, each after its
												 * header */
};

/* Before each name. */
typedef struct ScopeHeader
{
	uint16		len;
	uint16		keyed_by;
} ScopeHeader;

/*
 * Can the rules that were fetched have a base of the scopes that are keyed by the
 * level, or by less?
 */
bool
cext_base_is_possible(const CextFetch *fetch, CextKeyedBy level)
{
	bool		above = false;
	ListCell   *cell;

	foreach(cell, fetch->scopes)
	{
		const CextScope *scope = lfirst(cell);

		/* Such a name cannot be kept, nor so many. */
		if (scope->name.len > CEXT_MAX_ID || foreach_current_index(cell) >= PG_UINT16_MAX)
			return false;
		if (scope->keyed_by > level)
			above = true;
		else if (above)
			return false;
	}
	return true;
}

/*
 * Make a base of the rules that were fetched and of a document, or NULL, that the
 * fragments up to the level were merged to.  Allocated in the current context.
 */
CextBase *
cext_base_make(const CextFetch *fetch, Jsonb *document, CextKeyedBy level)
{
	Size		size = offsetof(CextBase, scopes);
	CextBase   *base;
	char	   *p;
	ListCell   *cell;

	foreach(cell, fetch->scopes)
	{
		if (((CextScope *) lfirst(cell))->keyed_by > level)
			size += sizeof(ScopeHeader) + ((CextScope *) lfirst(cell))->name.len;
	}
	size = INTALIGN(size);
	base = palloc0(size + (document == NULL ? 0 : VARSIZE(document)));
	base->strategy = fetch->strategy;
	base->ttl_ms = fetch->ttl_ms;
	if (document != NULL)
	{
		base->document = size;
		memcpy((char *) base + size, document, VARSIZE(document));
		size += VARSIZE(document);
	}
	SET_VARSIZE(base, size);

	p = base->scopes;
	foreach(cell, fetch->scopes)
	{
		const CextScope *scope = lfirst(cell);
		ScopeHeader header = {scope->name.len, scope->keyed_by};

		if (scope->keyed_by <= level)
			continue;
		memcpy(p, &header, sizeof(header));
		memcpy(p + sizeof(header), scope->name.data, header.len);
		p += sizeof(header) + header.len;
		base->nscopes++;
	}
	return base;
}

/*
 * Set the rules of a fetch to those of a base: the scopes are those above it, of
 * which the ranks no longer matter.  Returns the base's document, or NULL.  All
 * of it points into the base.
 */
Jsonb *
cext_base_read(const CextBase *base, CextFetch *fetch)
{
	const char *p = base->scopes;

	fetch->strategy = base->strategy;
	fetch->ttl_ms = base->ttl_ms;
	fetch->scopes = NIL;
	for (int i = 0; i < base->nscopes; i++)
	{
		CextScope  *scope = palloc0(sizeof(CextScope));
		ScopeHeader header;

		memcpy(&header, p, sizeof(header));
		scope->name = (CextString) {p + sizeof(header), header.len};
		scope->keyed_by = header.keyed_by;
		fetch->scopes = lappend(fetch->scopes, scope);
		p += sizeof(header) + header.len;
	}
	return base->document == 0 ? NULL : (Jsonb *) ((char *) base + base->document);
}
