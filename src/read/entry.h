/*-------------------------------------------------------------------------
 *
 * read/entry.h
 *	  Entries of the cache, held to the protocol of the slots.
 *
 * read/entry.c says what makes an entry hold for a snapshot.  The reading side
 * is here, to be inlined.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_ENTRY_H
#define CEXT_ENTRY_H

#include "core/cext.h"
#include "core/stats.h"
#include "protocol/slice.h"
#include "read/path.h"
#include "store/key.h"
#include "store/read.h"
#include "store/scan.h"
#include "write/xact.h"

/*
 * What to look up: a key, of which the strings are canonical, and the path of
 * the piece wanted.
 */
typedef struct CextRequest
{
	CextKey		key;
	const CextString *path;		/* or NULL */
	int			npath;
	bool		is_inner;		/* of a fill, and not what a caller asked for */
} CextRequest;

/* What was computed for a request. */
typedef struct CextComputed
{
	struct varlena *value;		/* NULL: nothing contributes */
	int64		ttl_ms;			/* 0: it has none of its own */
	bool		suspended;		/* not to be stored: a source is */
	int			nslices;		/* that it depends on */
	uint64		slices[CEXT_MAX_SLICES];	/* their hashes, EVERYTHING's
											 * first */
} CextComputed;

extern bool cext_entry_look_up_by_directory(const CextRequest *request, Snapshot snapshot,
											uint64 any, struct varlena **value);
extern bool cext_seen_holds(const CextSeen *seen, Snapshot snapshot, uint64 any);
extern bool cext_seen_is_own(const CextSeen *seen);
extern Size cext_entry_limit(void);
extern bool cext_entry_is_wanted(struct varlena *value, CextCounter *reason);
extern bool cext_entry_store(const CextRequest *request, Snapshot snapshot,
							 const CextComputed *computed, CextCounter *reason);

/*
 * The generation of ANY, if it is settled for the snapshot and tells all, else
 * CEXT_NO_GENERATION.  It does not tell what this transaction itself is about to
 * invalidate.
 */
static inline uint64
cext_entry_any(Snapshot snapshot)
{
	uint64		any;

	if (unlikely(cext_xact_own != 0))
		return CEXT_NO_GENERATION;
	return likely(cext_slot_settled(cext_any_slot(), snapshot, &any)) ?
		any : CEXT_NO_GENERATION;
}

/*
 * Does the entry hold for the snapshot, given the generation of ANY?  Gives the
 * stamp that it should have, or 0 if its stamp need not change.
 */
static pg_attribute_always_inline bool
cext_entry_holds(const CextRef *entry, Snapshot snapshot, uint64 any, uint64 *stamp)
{
	*stamp = 0;
	if (likely(entry->stamp == any))
		return true;

	/*
	 * ANY was read before the slices: a writer that came in between will give
	 * ANY another generation than we read, so that a stamp of ours cannot
	 * cover that writer.
	 */
	pg_read_barrier();
	for (int i = 0; i < entry->nslices; i++)
	{
		uint64		slice = ((const volatile uint64 *) entry->slices)[i];
		uint32		slot = CEXT_PACKED_SLOT(slice) & cext_slot_mask;
		uint64		generation;

		if (!cext_slot_settled(slot, snapshot, &generation) ||
			CEXT_PACK_SLICE(slot, generation) != slice ||
			(unlikely(cext_xact_own != 0) && cext_xact_owns(slot)))
			return false;
	}
	if (any != CEXT_NO_GENERATION)
		*stamp = any;
	return true;
}

/*
 * Copy what the request wants out of an entry's value.  The value may change
 * meanwhile: then the result is garbage, but can be freed.  NULL if there is
 * nothing.
 */
static pg_attribute_always_inline struct varlena *
cext_entry_copy(const CextRequest *request, const char *value, uint32 len, JEntry *type)
{
	CextPiece	piece;
	struct varlena *copy;

	if (likely(request->npath == 0))
	{
		copy = palloc(len);
		memcpy(copy, value, len);
		return copy;
	}
	if (!cext_path_find(value + VARHDRSZ, len - VARHDRSZ,
						request->path, request->npath, &piece))
		return NULL;
	*type = piece.type;
	copy = palloc(VARHDRSZ + piece.len);
	SET_VARSIZE(copy, VARHDRSZ + piece.len);
	memcpy(VARDATA(copy), piece.data, piece.len);
	return copy;
}

/*
 * Make a jsonb of a piece that was copied.
 */
static inline struct varlena *
cext_entry_finish(const CextRequest *request, struct varlena *copy, JEntry type)
{
	if (copy == NULL || request->npath == 0)
		return copy;
	return (struct varlena *) cext_path_build(copy, type);
}

typedef enum CextTaken
{
	CEXT_TAKEN,
	CEXT_STALE,					/* does not hold for the snapshot */
	CEXT_EXPIRED,
	CEXT_CHANGED				/* while we looked: look again */
} CextTaken;

/*
 * Take what the request wants of an entry that was found, if it holds.
 */
static pg_attribute_always_inline CextTaken
cext_entry_take(const CextRequest *request, Snapshot snapshot, uint64 any,
				const CextRef *ref, struct varlena **value)
{
	struct varlena *copy = NULL;
	JEntry		type = JENTRY_ISCONTAINER;
	uint64		stamp;

	if (cext_expired(ref->expires))
		return cext_store_unchanged(ref) ? CEXT_EXPIRED : CEXT_CHANGED;
	if (unlikely(!cext_entry_holds(ref, snapshot, any, &stamp)))
		return cext_store_unchanged(ref) ? CEXT_STALE : CEXT_CHANGED;
	/* A value has a header at least; absence has no bytes. */
	if (ref->value_len >= VARHDRSZ)
		copy = cext_entry_copy(request, ref->value, ref->value_len, &type);
	if (unlikely(!cext_store_unchanged(ref)))
	{
		if (copy != NULL)
			pfree(copy);
		return CEXT_CHANGED;
	}
	if (unlikely(stamp != 0))
		cext_store_stamp(&request->key, *ref, stamp);
	*value = cext_entry_finish(request, copy, type);
	return CEXT_TAKEN;
}

/*
 * Look the request up; true if the cache answers, with NULL for absence.
 */
static pg_attribute_always_inline bool
cext_entry_look_up(const CextRequest *request, Snapshot snapshot, uint64 any,
				   struct varlena **value)
{
	CextRef		ref;

	if (likely(cext_store_find_hot(&request->key, &ref)) &&
		likely(cext_entry_take(request, snapshot, any, &ref, value) == CEXT_TAKEN))
		return true;
	return cext_entry_look_up_by_directory(request, snapshot, any, value);
}

#endif							/* CEXT_ENTRY_H */
