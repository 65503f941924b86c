/*-------------------------------------------------------------------------
 *
 * sources/mapping.h
 *	  What tables have to be, and what the catalogs say that they are.
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

/* Most parts that one kind has, and columns that one of them has. */
#define CEXT_MAX_PARTS			8
#define CEXT_SOURCE_COLUMNS		4

/* What a column has to be. */
typedef enum CextWant
{
	CEXT_WANT_KEY,				/* of a type for keys */
	CEXT_WANT_KEYS,				/* an array of those */
	CEXT_WANT_TEXT,
	CEXT_WANT_INTEGER,
	CEXT_WANT_DOCUMENT,			/* jsonb or json */
	CEXT_WANT_INTERVAL,
	CEXT_WANT_RELATION,			/* regclass or oid */
	CEXT_WANT_COLUMNS			/* an array of regcolumn */
} CextWant;

typedef struct CextColumnInfo
{
	const char *name;
	CextWant	want;
	bool		required;		/* of a table that is attached */
	int			unless;			/* a column that does in its place, or 0 */
} CextColumnInfo;

/*
 * What a table is to a kind: the part that it plays.
 */
typedef struct CextPart
{
	const char *name;
	int			number;			/* among the kind's */
	const char *relname;		/* of the extension's own table, or NULL */
	int			nown;			/* of the columns, those that it has */
	CextColumnInfo columns[CEXT_SOURCE_COLUMNS];
	int			nullable;		/* a column for whose null a value can stand
								 * in */
	const char *stand_in;		/* what that value is called, or NULL */
} CextPart;

typedef struct CextColumn
{
	AttrNumber	attnum;			/* 0: the source has none */
	const char *name;			/* NULL: it was dropped */
	CextType	type;			/* of an array of keys, its elements' */
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
	const CextPart *part;
	uint64		loaded;			/* with which set of sources; 0: with none */
	Oid			relid;			/* InvalidOid: no table plays the part */
	bool		attached;		/* a table of an application's */
	char		relkind;
	Oid			owner;
	const char *relname;		/* qualified and quoted */
	CextColumn	columns[CEXT_SOURCE_COLUMNS];
	CextString	stand_in;		/* of null in part->nullable; or null */
	CextProblem problem;
} CextSource;

extern void cext_mapping_own(CextSource *source, const CextPart *part);
extern bool cext_mapping_describe(CextSource *source);
extern void cext_problem_add(CextSource *source, int sqlerrcode, bool unreadable,
							 const char *reason, const char *hint);

#endif							/* CEXT_MAPPING_H */
