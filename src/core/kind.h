/*-------------------------------------------------------------------------
 *
 * core/kind.h
 *	  Kinds of what is cached: the seam between the cache and what it caches.
 *
 * The cache knows keys, slices and bytes.  A kind knows what they mean: how a value
 * is computed, on which slices it depends, which slices a changed row touches, how
 * they are shown.  It hands this over as a CextKindInfo.  cache_ext.c registers the
 * kinds of the extension, and another library can register one.  A hit does not go
 * through here: a kind's own function makes the key and looks it up inline
 * (read/read.h).
 *
 * A kind has a number, from which those of its slices and key spaces follow, so
 * that these are constants.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_KIND_H
#define CEXT_KIND_H

#include "core/cext.h"

#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

/* Number 0 stands for what all kinds have in common. */
#define CEXT_MAX_KINDS			4

/* For libraries that add one. */
#define CEXT_KIND_CUSTOM		3

#define CEXT_SLICES_PER_KIND	8
#define CEXT_SPACES_PER_KIND	8

/* The type of a slice, and the space of a key, by the kind's number. */
#define CEXT_SLICE_OF(kind, n)	((kind) * CEXT_SLICES_PER_KIND + (n))
#define CEXT_SPACE_OF(kind, n)	((kind) * CEXT_SPACES_PER_KIND + (n))
#define CEXT_SLICE_TYPES		(CEXT_MAX_KINDS * CEXT_SLICES_PER_KIND)

struct CextComputed;
struct CextRequest;
struct CextSlice;

/* A type of slice. */
typedef struct CextSliceInfo
{
	const char *name;			/* in views and notifications */
	const char *of;				/* what it is of, for the view of counters */
} CextSliceInfo;

typedef struct CextKindInfo
{
	const char *name;
	int			number;			/* from 1 on */
	const char *spaces[CEXT_SPACES_PER_KIND];	/* names of its keys' spaces */
	CextSliceInfo slices[CEXT_SLICES_PER_KIND];

	/*
	 * Compute what a request asks for, under the snapshot, which is the
	 * active one, and set all of *computed.  usable says whether the cache
	 * may be used for what the value is made of.  Throws what reading tables
	 * can.
	 */
	void		(*compute) (struct CextRequest *request, Snapshot snapshot, bool usable,
							struct CextComputed *computed);

	/*
	 * A row has changed, in a relation that has triggers of ours: invalidate
	 * the slices that the old and the new row are part of.  One of them may
	 * be NULL. False if the relation is none of this kind's sources, and
	 * cannot be one when the transaction commits.
	 */
	bool		(*row_changed) (Relation rel, TupleTableSlot *old, TupleTableSlot *new);

	/* Is the relation one that backends remember the content of?  Or NULL. */
	bool		(*is_remembered) (Oid relid);

	/*
	 * The name of the extension's table that says in its column "relation"
	 * which tables are sources, or NULL.
	 */
	const char *relations;

	/* The extension's own tables that are sources: OIDs.  Or NULL. */
	List	   *(*own_relations) (void);

	/*
	 * Does slice a contain slice b, without being the same?  Both are of this
	 * kind.
	 */
	bool		(*contains) (const struct CextSlice *a, const struct CextSlice *b);

	/*
	 * Append what listeners are told of a slice: members of a JSON object, of
	 * which "kind" comes first and is not one that another kind tells.
	 */
	void		(*tell) (StringInfo payload, const struct CextSlice *slice);
} CextKindInfo;

/* By number; NULL where there is none. */
extern const CextKindInfo *cext_kinds[CEXT_MAX_KINDS];

extern PGDLLEXPORT void cext_kind_register(const CextKindInfo *kind);
extern const char *cext_slice_name(int type);
extern const char *cext_space_name(int space);

#endif							/* CEXT_KIND_H */
