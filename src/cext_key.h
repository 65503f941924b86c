/*-------------------------------------------------------------------------
 *
 * cext_key.h
 *	  Keys of entries and hashes of slices.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_KEY_H
#define CEXT_KEY_H

#include "cext.h"

/* What an entry's value is. */
typedef enum CextKind
{
	CEXT_KIND_JSONB,			/* a user's merge */
	CEXT_KIND_JSON,				/* the same, rendered */
	CEXT_KIND_PUBLIC			/* the merge before login */
} CextKind;

/* The part of a key before the strings; the strings follow without a gap. */
typedef struct CextKeyHeader
{
	Oid			db;
	uint16		user_len;
	uint8		kind;
	uint8		unused;			/* zero: keys are compared as bytes */
} CextKeyHeader;

#define CEXT_MAX_KEY		(sizeof(CextKeyHeader) + 2 * CEXT_MAX_ID)

typedef struct CextKey
{
	uint64		hash;
	uint32		len;			/* of bytes, that is of header and strings */
	union
	{
		CextKeyHeader header;
		char		bytes[CEXT_MAX_KEY];
	}			u;
} CextKey;

/*
 * The sets of entries that one change can invalidate.  An application's ids
 * are hashed without saying whether they name a user or a domain, so that
 * exactness never depends on what a scope type was keyed by when a trigger
 * ran; that a user and a domain of one name are invalidated together costs
 * nothing.  The distinction is kept for those who look: in the statistics.
 */
typedef enum CextSliceKind
{
	CEXT_SLICE_EVERYTHING,
	CEXT_SLICE_NAME,
	CEXT_SLICE_DOMAIN,
	CEXT_SLICE_DOMAIN_NAME,
	CEXT_SLICE_USER,
	CEXT_SLICE_USER_NAME,
	CEXT_SLICE_ANY				/* counts every invalidation of a database */
} CextSliceKind;

#define CEXT_SLICE_KINDS	CEXT_SLICE_ANY

/* Most slices that an entry depends on. */
#define CEXT_MAX_SLICES		6

extern void cext_key_seed(uint64 seed);
extern void cext_key_init(CextKey *key, Oid db, CextKind kind,
						  CextString user, CextString name);
extern uint64 cext_key_hash(const char *bytes, Size len);
extern uint64 cext_slice_hash(Oid db, CextSliceKind kind,
							  CextString id, CextString name);

#endif							/* CEXT_KEY_H */
