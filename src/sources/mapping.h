/*-------------------------------------------------------------------------
 *
 * sources/mapping.h
 *	  Which table plays which role, and with which columns.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_MAPPING_H
#define CEXT_MAPPING_H

#include "core/cext.h"
#include "sources/type.h"

#include "access/attnum.h"
#include "nodes/pg_list.h"

typedef enum CextRole
{
	CEXT_ROLE_ATTACHED,			/* which tables play the roles below */
	CEXT_ROLE_SCOPE_TYPES,
	CEXT_ROLE_DEFINITIONS,
	CEXT_ROLE_POLICIES,
	CEXT_ROLE_FRAGMENTS,
	CEXT_ROLE_USERS,
	CEXT_ROLE_DOMAINS			/* what a user's domain is looked up in */
} CextRole;

#define CEXT_NUM_ROLES			(CEXT_ROLE_DOMAINS + 1)

/* Most columns of one table that the merge reads. */
#define CEXT_SOURCE_COLUMNS		4

/* Columns by their place in CextSource.columns; see sources/mapping.c. */
#define CEXT_COL_ATTACHED_ROLE	0
#define CEXT_COL_ATTACHED_RELATION 1
#define CEXT_COL_ATTACHED_COLUMNS 2
#define CEXT_COL_ATTACHED_PUBLIC_ID 3
#define CEXT_COL_KEY			0	/* but for fragments */
#define CEXT_COL_VALUE			1	/* of users and domains */
#define CEXT_COL_TYPE_KEYED_BY	1
#define CEXT_COL_TYPE_RANK		2
#define CEXT_COL_DEFINITION_STRATEGY 1
#define CEXT_COL_DEFINITION_TTL	2
#define CEXT_COL_POLICY_SCOPE	1
#define CEXT_COL_POLICY_RANK	2
#define CEXT_COL_POLICY_CHAIN	3
#define CEXT_COL_FRAGMENT_SCOPE	0
#define CEXT_COL_FRAGMENT_ID	1
#define CEXT_COL_FRAGMENT_NAME	2
#define CEXT_COL_FRAGMENT_CONFIG 3

/* What a column has to be. */
typedef enum CextWant
{
	CEXT_WANT_KEY,				/* of a type for keys */
	CEXT_WANT_TEXT,
	CEXT_WANT_INTEGER,
	CEXT_WANT_DOCUMENT,			/* jsonb or json */
	CEXT_WANT_INTERVAL,
	CEXT_WANT_RELATION,			/* regclass or oid */
	CEXT_WANT_COLUMNS			/* an array of regcolumn */
} CextWant;

typedef struct CextColumn
{
	AttrNumber	attnum;			/* 0: the source has none */
	const char *name;			/* NULL: it was dropped */
	CextType	type;			/* for a key; of a chain, its elements' */
} CextColumn;

/* Why a source's entries could be wrong, or why it cannot be attached. */
typedef struct CextProblem
{
	const char *reason;			/* a sentence; NULL: no problem */
	const char *hint;
	int			sqlerrcode;		/* as from errcode's macros */
	bool		unreadable;		/* nothing can be computed either */
} CextProblem;

typedef struct CextSource
{
	CextRole	role;
	Oid			relid;			/* InvalidOid: nothing plays the role */
	bool		attached;
	char		relkind;
	Oid			owner;
	const char *relname;		/* qualified and quoted */
	CextColumn	columns[CEXT_SOURCE_COLUMNS];
	CextString	public_id;		/* of fragments keyed by none */
	CextProblem problem;
} CextSource;

extern const char *cext_role_name(CextRole role);
extern const char *cext_column_name(CextRole role, int column);
extern CextWant cext_column_want(CextRole role, int column);
extern void cext_mapping_own(CextSource *sources);
extern void cext_mapping_attached(CextSource *sources);
extern bool cext_mapping_describe(CextSource *source);
extern void cext_problem_add(CextSource *source, int sqlerrcode, bool unreadable,
							 const char *reason, const char *hint);

#endif							/* CEXT_MAPPING_H */
