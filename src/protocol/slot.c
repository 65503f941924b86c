/*-------------------------------------------------------------------------
 *
 * protocol/slot.c
 *	  Slots: the protocol that keeps the cache exact.
 *
 * A slice is a set of entries that one change can invalidate.  It has no
 * object of its own; it hashes to a slot of a fixed array.  Slices that share a
 * slot are invalidated together, which costs a few entries and never exactness.
 * An entry records the slots of its slices and their generations.
 *
 * A slot answers one question about a snapshot S: is the set of transactions
 * that changed the slice and that S sees the same as the set that an entry's
 * fill saw?  Three rules give the answer.
 *
 *	1. Before its commit record is written a writer marks the slot: one more
 *	   is pending.  So a backend whose snapshot sees the writer finds the mark,
 *	   or what replaced it: the writer leaves the proc array after that, under
 *	   a lock that taking a snapshot takes too.
 *	2. After it left the proc array, the writer completes the slot: it leaves
 *	   its transaction id in last, adds one to the generation and takes its
 *	   mark away.
 *	3. A slot is settled for S when no writer is pending and S sees last.
 *	   Transactions leave the proc array one after another, so that a snapshot
 *	   which sees the writer that left last sees all of them.
 *
 * If a slot is settled for S now, and was settled for S0 when the entry was
 * stored, and the generation is the same, then S and S0 see the same writers
 * of the slice: all that completed before, and none of those that had not
 * marked it yet, for these have not committed.
 *
 * Rule 3 needs to know which writer left last, but writers that are pending
 * together may run their callbacks in another order than they left the proc
 * array.  If they overlapped, last is the highest id of the group, with the
 * GROUP bit: a snapshot sees it only if its xmin is beyond the id, and then it
 * sees the whole group.  overlap says that a writer completed while another was
 * still pending.  It lasts until none is, and the next writer that is alone
 * makes last exact again.
 *
 * A writer that aborts takes its mark away and changes nothing else.
 *
 * Locks: the mutex of one slot at a time, held for a few instructions, by
 * writers only.  Nothing here can fail, allocate or wait for anything else.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "protocol/slot.h"

#include "core/guc.h"

#include "port/pg_bitutils.h"
#include "storage/shmem.h"

CextSlot   *cext_slot_array = NULL;
uint32		cext_slot_mask = 0;

static uint32
count_slots(void)
{
	return pg_nextpower2_32(cext_slots);
}

static Size
shmem_size(void)
{
	return mul_size(count_slots(), sizeof(CextSlot));
}

static void
attach(void *memory, Size size, LWLockPadded *locks, bool init)
{
	uint32		nslots = count_slots();

	cext_slot_array = memory;
	cext_slot_mask = nslots - 1;

	if (!init)
		return;
	for (uint32 i = 0; i < nslots; i++)
	{
		CextSlot   *s = &cext_slot_array[i];

		/* Generation 0 is left to entries that were never validated. */
		pg_atomic_init_u64(&s->version, CEXT_GENERATION_ONE);
		pg_atomic_init_u64(&s->last, 0);
		SpinLockInit(&s->mutex);
		s->overlap = false;
	}
}

const CextShmemPart cext_slot_shmem = {.size = shmem_size, .attach = attach};

/*
 * Mark a slot: the caller's transaction may commit from now on.  It must call
 * cext_slot_commit or cext_slot_abort, once for each mark.
 */
void
cext_slot_mark(uint32 slot)
{
	CextSlot   *s = &cext_slot_array[slot];

	SpinLockAcquire(&s->mutex);
	pg_atomic_write_u64(&s->version, pg_atomic_read_u64(&s->version) + 1);
	SpinLockRelease(&s->mutex);
}

/*
 * Complete a marked slot for a transaction that has committed and left the
 * proc array.
 */
void
cext_slot_commit(uint32 slot, FullTransactionId xid)
{
	CextSlot   *s = &cext_slot_array[slot];
	uint64		version;
	uint64		last = U64FromFullTransactionId(xid);
	bool		others;

	SpinLockAcquire(&s->mutex);
	version = pg_atomic_read_u64(&s->version);
	others = (version & CEXT_PENDING_MASK) > 1;

	if (others || s->overlap)
	{
		if (s->overlap)
			last = Max(last, pg_atomic_read_u64(&s->last) & ~CEXT_LAST_GROUP);
		last |= CEXT_LAST_GROUP;
	}
	s->overlap = others;
	pg_atomic_write_u64(&s->last, last);

	/* A reader that sees the new version must see the new last. */
	pg_write_barrier();
	pg_atomic_write_u64(&s->version, version + CEXT_GENERATION_ONE - 1);
	SpinLockRelease(&s->mutex);
}

/*
 * Take the mark of an aborted transaction away.
 */
void
cext_slot_abort(uint32 slot)
{
	CextSlot   *s = &cext_slot_array[slot];
	uint64		version;

	SpinLockAcquire(&s->mutex);
	version = pg_atomic_read_u64(&s->version) - 1;
	if ((version & CEXT_PENDING_MASK) == 0)
		s->overlap = false;
	pg_atomic_write_u64(&s->version, version);
	SpinLockRelease(&s->mutex);
}

/*
 * Is a completed writer so old that every snapshot sees it, although the
 * comparison of 32-bit transaction ids can no longer tell?
 *
 * This is asked when that comparison said no, which happens often under a load
 * of writes.  So the next transaction id, whose lock all backends share, is read
 * only now and then.  An old value can make the answer no, and then the caller
 * computes what it might have found.
 */
bool
cext_last_is_ancient(uint64 last)
{
	static uint64 next = 0;
	static uint32 calls = 0;
	uint64		xid = last & ~CEXT_LAST_GROUP;

	if (calls++ % 1024 == 0)
		next = U64FromFullTransactionId(ReadNextFullTransactionId());
	return next > xid && next - xid > MaxTransactionId / 2;
}
