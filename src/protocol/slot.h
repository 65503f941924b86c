/*-------------------------------------------------------------------------
 *
 * protocol/slot.h
 *	  Slots: the protocol that keeps the cache exact.
 *
 * protocol/slot.c states the protocol.  The test that a hit runs is here, so that
 * it can be inlined.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_SLOT_H
#define CEXT_SLOT_H

#include "core/shmem.h"

#include "access/transam.h"
#include "port/atomics.h"
#include "storage/spin.h"
#include "utils/snapshot.h"

/* version: the number of pending writers below, the generation above. */
#define CEXT_PENDING_BITS	18
#define CEXT_PENDING_MASK	((UINT64CONST(1) << CEXT_PENDING_BITS) - 1)
#define CEXT_GENERATION_ONE	(UINT64CONST(1) << CEXT_PENDING_BITS)

/* last: a full transaction id, which never needs its highest bit. */
#define CEXT_LAST_GROUP		(UINT64CONST(1) << 63)

/*
 * A slice as an entry records it: the slot and the low bits of its generation
 * at fill.  2^44 invalidations of one slot do not happen between two starts of
 * a server.
 */
#define CEXT_SLOT_BITS			20
#define CEXT_PACK_SLICE(slot, generation) \
	(((uint64) (generation) << CEXT_SLOT_BITS) | (slot))
#define CEXT_PACKED_SLOT(packed) \
	((uint32) ((packed) & ((1 << CEXT_SLOT_BITS) - 1)))

typedef struct CextSlot
{
	pg_atomic_uint64 version;	/* written under the mutex, read without */
	pg_atomic_uint64 last;		/* likewise */
	slock_t		mutex;			/* taken by writers only */
	bool		overlap;		/* protected by the mutex, see protocol/slot.c */
} CextSlot;

extern CextSlot *cext_slot_array;
extern uint32 cext_slot_mask;

extern const CextShmemPart cext_slot_shmem;

extern void cext_slot_mark(uint32 slot);
extern void cext_slot_commit(uint32 slot, FullTransactionId xid);
extern void cext_slot_abort(uint32 slot);
extern bool cext_last_is_ancient(uint64 last);

/* The slot that a slice hashes to. */
static inline uint32
cext_slot_of(uint64 slice_hash)
{
	return (uint32) slice_hash & cext_slot_mask;
}

/*
 * Does the snapshot see the writer that completed a slot last, and so every
 * writer that completed it?
 */
static inline bool
cext_last_is_visible(uint64 last, Snapshot snapshot)
{
	TransactionId xid = (TransactionId) last;

	if (last == 0 || TransactionIdPrecedes(xid, snapshot->xmin))
		return true;
	if ((last & CEXT_LAST_GROUP) == 0 &&
		TransactionIdPrecedes(xid, snapshot->xmax))
	{
		/*
		 * Top-level transactions in progress are all in xip, whether or not
		 * the array of subtransactions overflowed.
		 */
		for (uint32 i = 0; i < snapshot->xcnt; i++)
		{
			if (snapshot->xip[i] == xid)
				return false;
		}
		return true;
	}
	return cext_last_is_ancient(last);
}

/*
 * Is the slot settled for the snapshot: have all writers that ever marked it
 * completed, and does the snapshot see them all?  Gives the generation.
 *
 * The snapshot must be an MVCC snapshot of this server's own making, not one
 * taken during recovery.
 */
static inline bool
cext_slot_settled(uint32 slot, Snapshot snapshot, uint64 *generation)
{
	CextSlot   *s = &cext_slot_array[slot];
	uint64		version;
	uint64		last;

	version = pg_atomic_read_u64(&s->version);
	*generation = version >> CEXT_PENDING_BITS;
	if ((version & CEXT_PENDING_MASK) != 0)
		return false;

	/*
	 * A completing writer stores last and then version (with a barrier in
	 * between): having read the version first, we read a last that is at
	 * least as new.  Should it be newer, its writer had marked the slot
	 * before, and the second read of version finds the mark.
	 */
	pg_read_barrier();
	last = pg_atomic_read_u64(&s->last);
	pg_read_barrier();
	if (pg_atomic_read_u64(&s->version) != version)
		return false;

	return cext_last_is_visible(last, snapshot);
}

#endif							/* CEXT_SLOT_H */
