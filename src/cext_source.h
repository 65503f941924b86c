/*-------------------------------------------------------------------------
 *
 * cext_source.h
 *	  The tables that the merge reads.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_SOURCE_H
#define CEXT_SOURCE_H

#include "cext.h"
#include "cext_key.h"
#include "cext_merge.h"

#include "utils/snapshot.h"

typedef enum CextRole
{
	CEXT_ROLE_SCOPE_TYPES,
	CEXT_ROLE_DEFINITIONS,
	CEXT_ROLE_POLICIES,
	CEXT_ROLE_FRAGMENTS,
	CEXT_ROLE_USERS
} CextRole;

#define CEXT_NUM_ROLES			(CEXT_ROLE_USERS + 1)

/* Most columns of one table that the merge reads. */
#define CEXT_SOURCE_COLUMNS		4

typedef struct CextSource
{
	Oid			relid;
	CextRole	role;
	AttrNumber	columns[CEXT_SOURCE_COLUMNS];	/* 0 beyond the last */
} CextSource;

/* Columns by their place in CextSource.columns; see cext_source.c. */
#define CEXT_COL_KEY			0	/* scope_types, definitions, policies, users */
#define CEXT_COL_FRAGMENT_SCOPE	0
#define CEXT_COL_FRAGMENT_ID	1
#define CEXT_COL_FRAGMENT_NAME	2

/* May a fill be stored? */
typedef enum CextSourceState
{
	CEXT_SOURCE_WHOLE,
	CEXT_SOURCE_SUSPENDED,
	CEXT_SOURCE_LOCKED
} CextSourceState;

/* The sources that a fill holds locks on. */
typedef struct CextSourceLocks
{
	int			n;
	Oid			relids[CEXT_NUM_ROLES];
} CextSourceLocks;

/* What the tables say of a user and a name. */
typedef struct CextFetched
{
	CextStrategy strategy;
	int64		ttl_ms;			/* 0: the definition has none */
	CextString	domain;			/* null where the user has none */
	int			ndocs;
	Jsonb	  **docs;			/* lowest rank first */
} CextFetched;

extern void cext_source_init(void);
extern const CextSource *cext_source_by_relid(Oid relid);
extern CextSourceState cext_source_lock(CextSourceLocks *locks);
extern void cext_source_unlock(CextSourceLocks *locks);
extern void cext_source_fetch(CextString user, CextString name,
							  CextFetched *fetched);
extern CextSliceKind cext_source_fragment_slice(CextString scope_type);
extern bool cext_source_is_our_trigger(Oid function);
extern bool cext_source_relation_has_trigger(Oid relid);

#endif							/* CEXT_SOURCE_H */
