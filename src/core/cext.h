/*-------------------------------------------------------------------------
 *
 * core/cext.h
 *	  Types and limits that every part of cache_ext shares.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_H
#define CEXT_H

#include "postgres.h"

#include "core/compat.h"

#define CEXT_EXTENSION		"cache_ext"
#define CEXT_SCHEMA			"cache_ext"

/* The longest string of a key, in bytes. */
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

static inline CextString
cext_string(const char *s)
{
	return (CextString) {s, strlen(s)};
}

static inline bool
cext_string_equals(CextString a, CextString b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/*
 * The same where either can be null, which equals null alone.
 */
static inline bool
cext_string_same(CextString a, CextString b)
{
	return a.data == NULL ? b.data == NULL : b.data != NULL && cext_string_equals(a, b);
}

/*
 * A copy in a context, terminated; null is null.
 */
static inline CextString
cext_string_copy(CextString s, MemoryContext context)
{
	char	   *copy;

	if (s.data == NULL)
		return s;
	copy = MemoryContextAlloc(context, s.len + 1);
	memcpy(copy, s.data, s.len);
	copy[s.len] = '\0';
	return (CextString) {copy, s.len};
}

#endif							/* CEXT_H */
