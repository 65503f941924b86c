/*-------------------------------------------------------------------------
 *
 * protocol/slice.h
 *	  Slices: sets of entries that one change can invalidate.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_SLICE_H
#define CEXT_SLICE_H

#include "core/cext.h"
#include "core/kind.h"
#include "protocol/slot.h"

/* Those that all kinds share; the others are from CEXT_SLICE_OF. */
#define CEXT_SLICE_EVERYTHING	0
#define CEXT_SLICE_ANY			1	/* counts every invalidation of a database */

#define CEXT_SLICE_PARTS		2

/*
 * A slice: its type, and the strings of which its kind makes it.  It is hashed once,
 * where it is made, and the hash goes along from then on.
 */
typedef struct CextSlice
{
	int			type;
	CextString	parts[CEXT_SLICE_PARTS];	/* null: it has none */
	CextString	detail;			/* for those who are told, or null; not
								 * hashed, and not what tells slices apart */
	uint64		hash;
} CextSlice;

/* Most slices that an entry depends on. */
#define CEXT_MAX_SLICES			7

/* No generation of a slot is this one. */
#define CEXT_NO_GENERATION		PG_UINT64_MAX

/* Of this database, once cext_slots_known. */
extern bool cext_slots_known;
extern uint32 cext_any;
extern uint64 cext_everything;

extern PGDLLEXPORT uint64 cext_slice_hash(Oid db, int type, CextString a, CextString b);
extern CextSlice cext_slice_everything(Oid db);
extern void cext_slice_find(void);

/*
 * The slot that every invalidation in this database goes through.
 */
static inline uint32
cext_any_slot(void)
{
	if (unlikely(!cext_slots_known))
		cext_slice_find();
	return cext_any;
}

/*
 * The hash of EVERYTHING of this database.
 */
static inline uint64
cext_everything_hash(void)
{
	if (unlikely(!cext_slots_known))
		cext_slice_find();
	return cext_everything;
}

#endif							/* CEXT_SLICE_H */
