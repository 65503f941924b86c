/*-------------------------------------------------------------------------
 *
 * cext_base.c
 *	  Bases: what a domain's users share of a configuration.
 *
 * The fragments of the scopes that are not keyed by user are the same for all
 * users of a domain, or of none, and mostly they have the lowest ranks.  Their
 * merge, the base, is an entry of its own, keyed by domain and name: a fill that
 * finds it reads the user's domain and the user's own fragments, and merges
 * these on top.  So what follows a change of a public fragment is one fill of
 * the base for each domain, and a short one for each user.
 *
 * Merging is a left fold, so that the merge of the lowest documents can stand
 * for them.  Where a scope that is keyed by user has another above it there is
 * no base.
 *
 * A base also carries the rules that it was made by: what a fill has to know to
 * go on.  Everything here is pure.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "cext_base.h"


struct CextBase
{
	int32		vl_len_;		/* a varlena header */
	uint16		strategy;
	uint16		nscopes;		/* keyed by user, lowest rank first */
	int64		ttl_ms;
	uint32		document;		/* its offset, or 0; the names are before it */
	char		names[FLEXIBLE_ARRAY_MEMBER];	/* each after its length */
};

/*
 * Can the rules that were fetched have a base?
 */
bool
cext_base_is_possible(const CextFetch *fetch)
{
	bool		users = false;
	ListCell   *cell;

	foreach(cell, fetch->scopes)
	{
		const CextScope *scope = lfirst(cell);

		if (scope->keyed_by == CEXT_KEYED_BY_USER)
			users = true;
		else if (users)
			return false;
	}
	return true;
}

/*
 * Make a base of the rules that were fetched and of a document, or NULL, that
 * the fragments below the users' were merged to.  Allocated in the current
 * context.
 */
CextBase *
cext_base_make(const CextFetch *fetch, Jsonb *document)
{
	Size		size = offsetof(CextBase, names);
	CextBase   *base;
	char	   *p;
	ListCell   *cell;

	foreach(cell, fetch->scopes)
	{
		if (((CextScope *) lfirst(cell))->keyed_by == CEXT_KEYED_BY_USER)
			size += sizeof(uint16) + ((CextScope *) lfirst(cell))->name.len;
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

	p = base->names;
	foreach(cell, fetch->scopes)
	{
		const CextScope *scope = lfirst(cell);
		uint16		len = scope->name.len;

		if (scope->keyed_by != CEXT_KEYED_BY_USER)
			continue;
		memcpy(p, &len, sizeof(len));
		memcpy(p + sizeof(len), scope->name.data, len);
		p += sizeof(len) + len;
		base->nscopes++;
	}
	return base;
}

/*
 * Set the rules of a fetch to those of a base: the scopes are the users' only.
 * Returns the base's document, or NULL.  All of it points into the base.
 */
Jsonb *
cext_base_read(const CextBase *base, CextFetch *fetch)
{
	const char *p = base->names;

	fetch->strategy = base->strategy;
	fetch->ttl_ms = base->ttl_ms;
	fetch->scopes = NIL;
	for (int i = 0; i < base->nscopes; i++)
	{
		CextScope  *scope = palloc0(sizeof(CextScope));
		uint16		len;

		memcpy(&len, p, sizeof(len));
		scope->name = (CextString) {p + sizeof(len), len};
		scope->keyed_by = CEXT_KEYED_BY_USER;
		fetch->scopes = lappend(fetch->scopes, scope);
		p += sizeof(len) + len;
	}
	return base->document == 0 ? NULL : (Jsonb *) ((char *) base + base->document);
}
