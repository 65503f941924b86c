/*-------------------------------------------------------------------------
 *
 * cext.h
 *	  Types and limits that every part of cache_ext shares.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_H
#define CEXT_H

#include "postgres.h"

#include "cext_compat.h"

#define CEXT_SCHEMA			"cache_ext"

/* The longest user id, domain id, scope type or config name, in bytes. */
#define CEXT_MAX_ID			512

/*
 * A string that is not terminated: what a text datum holds, without the copy.
 * A null value is one whose data pointer is NULL.
 */
typedef struct CextString
{
	const char *data;
	int			len;
} CextString;

#define CEXT_NULL_STRING	((CextString) {NULL, 0})

#endif							/* CEXT_H */
