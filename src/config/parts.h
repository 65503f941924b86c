/*-------------------------------------------------------------------------
 *
 * config/parts.h
 *	  The tables of configurations, as a snapshot sees them.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_PARTS_H
#define CEXT_PARTS_H

#include "core/cext.h"
#include "sources/index.h"
#include "sources/source.h"

typedef enum CextConfigPart
{
	CEXT_PART_ATTACHED,			/* which tables play the parts below */
	CEXT_PART_SCOPE_TYPES,
	CEXT_PART_DEFINITIONS,
	CEXT_PART_POLICIES,
	CEXT_PART_FRAGMENTS,
	CEXT_PART_USERS,
	CEXT_PART_DOMAINS			/* what a user's domain is looked up in */
} CextConfigPart;

#define CEXT_NUM_PARTS			(CEXT_PART_DOMAINS + 1)

/* Columns by their place in CextSource.columns; see config/parts.c. */
#define CEXT_COL_ATTACHED_PART	0
#define CEXT_COL_ATTACHED_RELATION 1
#define CEXT_COL_ATTACHED_COLUMNS 2
#define CEXT_COL_ATTACHED_PUBLIC_ID 3
#define CEXT_COL_TYPE_NAME		0
#define CEXT_COL_TYPE_KEYED_BY	1
#define CEXT_COL_TYPE_RANK		2
#define CEXT_COL_DEFINITION_NAME 0
#define CEXT_COL_DEFINITION_STRATEGY 1
#define CEXT_COL_DEFINITION_TTL	2
#define CEXT_COL_POLICY_NAME	0
#define CEXT_COL_POLICY_SCOPE	1
#define CEXT_COL_POLICY_RANK	2
#define CEXT_COL_POLICY_CHAIN	3
#define CEXT_COL_FRAGMENT_SCOPE	0
#define CEXT_COL_FRAGMENT_ID	1
#define CEXT_COL_FRAGMENT_NAME	2
#define CEXT_COL_FRAGMENT_CONFIG 3
#define CEXT_COL_USER_ID		0
#define CEXT_COL_USER_DOMAIN	1
#define CEXT_COL_DOMAIN_KEY		0
#define CEXT_COL_DOMAIN_VALUE	1

/* How many of a part's columns, from the first one on, are its key. */
#define CEXT_PART_NKEYS(number) \
	((number) == CEXT_PART_FRAGMENTS ? CEXT_COL_FRAGMENT_NAME + 1 : 1)

/* What a scope type's fragments are keyed by. */
typedef enum CextKeyedBy
{
	CEXT_KEYED_BY_NONE,
	CEXT_KEYED_BY_DOMAIN,
	CEXT_KEYED_BY_USER
} CextKeyedBy;

typedef struct CextScopeType
{
	CextString	name;
	CextKeyedBy keyed_by;
	int64		default_rank;
} CextScopeType;

/* All that is known of them. */
typedef struct CextConfigSources
{
	CextSourceSet set;
	CextSource	source[CEXT_NUM_PARTS];
	int			nscope_types;
	CextScopeType *scope_types;
	CextType	user_type;		/* of user ids that callers give */
	CextType	name_type;		/* of config names that they give */
} CextConfigSources;

/* As readers know them. */
extern CextConfigSources cext_sources;

/* Which rows are asked for. */
extern const CextAsk cext_ask_key;	/* of a key that is one column */
extern const CextAsk cext_ask_fragment; /* of a name, a scope type and an id */
extern const CextAsk cext_ask_public;	/* of a name and a scope type, without
										 * an id */

extern const CextPart cext_parts[CEXT_NUM_PARTS];

extern void cext_parts_own(CextSource *sources);
extern void cext_parts_attached(CextSource *sources);
extern List *cext_parts_load(CextConfigSources *sources);
extern const CextScopeType *cext_parts_scope_type(const CextConfigSources *sources,
												  CextString name);

#endif							/* CEXT_PARTS_H */
