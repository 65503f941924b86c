/*-------------------------------------------------------------------------
 *
 * store/evict.c
 *	  Room for records, and which entries go to make it.
 *
 * Each partition follows S3-FIFO, by whole segments.  New entries go to a small
 * queue of a tenth of the segments.  When room is needed the oldest segment of a
 * queue is reclaimed.  If it is the small queue, entries that were hit more than
 * once move to the main queue, and the others go and leave their fingerprint in
 * the ghost table.  If it is the main queue, entries that were hit since are
 * carried over with their frequency lowered, and the others go.  An entry whose
 * fingerprint is still in the ghost table when it comes back goes straight to the
 * main queue.  So a scan of keys that are never asked for again passes through
 * the small queue and leaves the rest alone.
 *
 * An entry that cannot be hit any more, because it expired or was invalidated, is
 * never carried over, and leaves no ghost.
 *
 * Invariants, under the partition's lock: every segment is in one of the two
 * queues or free; one segment stays free, so that what is carried over from a
 * segment always finds room; a segment's records lie one behind another from
 * its start; a cell leads to a record of its own partition.
 *
 * Locks: the caller holds the partition's lock throughout.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "store/evict.h"

#include "core/stats.h"
#include "protocol/slot.h"
#include "store/key.h"

/* The share of the small queue, and the frequency that leads out of it. */
#define SMALL_QUEUE_SHARE	10
#define PROMOTE_FREQ		(2 * CELL_FREQ_ONE)

/*
 * How many bytes of segments one insertion may reclaim before it stops carrying
 * entries over, and how many segments in any case.  This bounds the time for which
 * the lock is held when everything is hot.
 */
#define MAX_CARRIED_BYTES	(2 * 1024 * 1024)
#define MIN_CARRIED			4

/* A free segment is kept for what is carried over. */
#define RESERVED_SEGMENTS	1

/*
 * Make all segments free and all queues empty.
 */
void
cext_evict_init(void)
{
	for (uint32 p = 0; p < cext_store.npartitions; p++)
	{
		CextPartition *part = get_partition(p);

		part->small = part->main = (CextQueue) {NO_SEGMENT, NO_SEGMENT, 0};
		part->free = NO_SEGMENT;
		part->nfree = cext_store.nsegments;
		for (uint32 i = 0; i < cext_store.nsegments; i++)
		{
			uint32		s = p * cext_store.nsegments + i;

			pg_atomic_init_u32(&cext_store.segments[s].epoch, 1);
			cext_store.segments[s].next = part->free;
			part->free = s;
		}
	}
}

/*
 * Let a free segment take the records of a queue.
 */
static void
open_segment(CextPartition *part, CextQueue *queue)
{
	uint32		s = part->free;
	CextSegment *segment = &cext_store.segments[s];

	Assert(s != NO_SEGMENT);
	part->free = segment->next;
	part->nfree--;

	segment->used = 0;
	segment->next = NO_SEGMENT;
	segment->in_main = (queue == &part->main);
	if (queue->head == NO_SEGMENT)
		queue->tail = s;
	else
		cext_store.segments[queue->head].next = s;
	queue->head = s;
	queue->nsegments++;

	/*
	 * First the new epoch, then the bytes: a reader that read any of them by
	 * way of an older epoch finds that the epoch changed.
	 */
	pg_atomic_write_u32(&segment->epoch, pg_atomic_read_u32(&segment->epoch) + 1);
	pg_write_barrier();
}

/*
 * Take size bytes off the segment that a queue fills; NULL if it has no room.
 */
static CextRecord *
bump(CextQueue *queue, uint32 size)
{
	CextSegment *segment;
	char	   *start;

	if (queue->head == NO_SEGMENT)
		return NULL;
	segment = &cext_store.segments[queue->head];
	if (SEGMENT_SIZE - segment->used < size)
		return NULL;
	start = segment_data(queue->head) + segment->used;
	segment->used += size;
	return (CextRecord *) start;
}

static CextGhost *
ghost_of(uint64 hash)
{
	return &cext_store.ghosts[(Size) partition_of(hash) * cext_store.nghosts +
							  (hash >> 8) % cext_store.nghosts];
}

static void
add_ghost(CextPartition *part, uint64 hash)
{
	CextGhost  *ghost = ghost_of(hash);

	ghost->fingerprint = hash >> 32;
	ghost->clock = ++part->ghost_clock;
}

/*
 * Was the key evicted from the small queue not long ago, that is, within as
 * many of such evictions as there are entries?
 */
static bool
is_ghost(CextPartition *part, uint64 hash)
{
	CextGhost  *ghost = ghost_of(hash);

	return ghost->clock != 0 && ghost->fingerprint == (uint32) (hash >> 32) &&
		part->ghost_clock - ghost->clock < part->entries;
}

/*
 * The cell that leads to a record, or NULL if none does any more.
 */
static pg_atomic_uint64 *
cell_of(const CextRecord *record, uint64 hash)
{
	uint64		expected = make_cell(hash, record);

	for (int choice = 0; choice < 2; choice++)
	{
		CextBucket *bucket = bucket_of(hash, choice);

		for (int i = 0; i < CELLS_PER_BUCKET; i++)
		{
			if (same_cell(pg_atomic_read_u64(&bucket->cells[i]), expected))
				return &bucket->cells[i];
		}
	}
	return NULL;
}

/*
 * Are the lengths of a record possible, with so much room?  If not, memory was
 * corrupted.
 */
static bool
is_sound(const CextRecord *record, uint32 room)
{
	CextKeyHeader header;

	if (record->capacity < sizeof(CextRecord) || record->capacity > room ||
		record->key_len < sizeof(header) ||
		RECORD_SIZE((Size) record->key_len, (Size) record->value_len,
					record->nslices) > record->capacity)
		return false;
	memcpy(&header, RECORD_KEY(record), sizeof(header));
	return CEXT_KEY_FIRST_LEN(header) <= record->key_len - sizeof(header);
}

/*
 * Is it certain that no later snapshot can hit the record?
 */
static bool
is_dead(const CextRecord *record)
{
	const uint64 *slices = RECORD_SLICES(record, record->key_len,
										 record->value_len);

	if (cext_expired(record->expires))
		return true;
	for (int i = 0; i < record->nslices; i++)
	{
		uint32		slot = CEXT_PACKED_SLOT(slices[i]) & cext_slot_mask;
		uint64		version = pg_atomic_read_u64(&cext_slot_array[slot].version);

		if (CEXT_PACK_SLICE(slot, version >> CEXT_PENDING_BITS) != slices[i])
			return true;
	}
	return false;
}

/*
 * Take an entry out of the directory.
 */
void
cext_evict_drop(CextPartition *part, pg_atomic_uint64 *cell)
{
	CextRecord *record = record_at(CELL_LOCATION(pg_atomic_read_u64(cell)));

	part->entries--;
	part->bytes -= record->capacity;
	pg_atomic_write_u64(cell, 0);
}

/*
 * Copy a record to the head of the main queue and let its cell lead there.
 */
static void
carry_over(CextPartition *part, const CextRecord *record, uint64 hash,
		   pg_atomic_uint64 *cell, uint64 freq)
{
	CextRecord *copy = bump(&part->main, record->capacity);

	if (copy == NULL)
	{
		open_segment(part, &part->main);
		copy = bump(&part->main, record->capacity);
	}
	memcpy(copy, record, record->capacity);

	/* The copy is complete before anyone is led to it. */
	pg_write_barrier();
	pg_atomic_write_u64(cell, make_cell(hash, copy) | freq);
}

/*
 * Decide about one record of a segment that is being reclaimed.
 */
static void
reclaim_record(CextPartition *part, CextRecord *record, bool in_main, bool carry)
{
	uint64		hash = cext_key_hash_stored(RECORD_KEY(record), record->key_len);
	pg_atomic_uint64 *cell = cell_of(record, hash);
	uint64		freq;
	bool		dead;

	if (cell == NULL)
		return;
	freq = pg_atomic_read_u64(cell) & CELL_FREQ_MASK;
	dead = is_dead(record);
	if (carry && !dead && in_main && freq > 0)
		carry_over(part, record, hash, cell, freq - CELL_FREQ_ONE);
	else if (carry && !dead && !in_main && freq >= PROMOTE_FREQ)
		carry_over(part, record, hash, cell, 0);
	else
	{
		if (!in_main && !dead)
			add_ghost(part, hash);
		cext_evict_drop(part, cell);
		cext_count(CEXT_COUNT_EVICTIONS);
	}
}

/*
 * Empty every cell that leads into a segment: for one whose records cannot be
 * walked, because memory was corrupted.
 */
static void
forget_segment(CextPartition *part, uint32 s)
{
	CextBucket *first = &cext_store.buckets[(Size) (s / cext_store.nsegments) * cext_store.nbuckets];

	for (uint32 b = 0; b < cext_store.nbuckets; b++)
	{
		for (int i = 0; i < CELLS_PER_BUCKET; i++)
		{
			pg_atomic_uint64 *cell = &first[b].cells[i];
			uint64		value = pg_atomic_read_u64(cell);

			if (value != 0 && segment_of(CELL_LOCATION(value)) == s)
			{
				pg_atomic_write_u64(cell, 0);
				part->entries--;
			}
		}
	}
	cext_count(CEXT_COUNT_CORRUPTIONS);
}

/*
 * Reclaim the oldest segment of a queue.
 */
static void
reclaim_segment(CextPartition *part, CextQueue *queue, bool carry)
{
	uint32		s = queue->tail;
	CextSegment *segment = &cext_store.segments[s];
	char	   *start = segment_data(s);
	uint32		offset = 0;

	/* Off the queue first, so that nothing is carried over into itself. */
	queue->tail = segment->next;
	if (queue->tail == NO_SEGMENT)
		queue->head = NO_SEGMENT;
	queue->nsegments--;

	while (offset < segment->used)
	{
		CextRecord *record = (CextRecord *) (start + offset);

		if (unlikely(!is_sound(record, segment->used - offset)))
		{
			forget_segment(part, s);
			break;
		}
		offset += record->capacity;
		reclaim_record(part, record, segment->in_main, carry);
	}

	/*
	 * No cell leads here any more.  Only now does the epoch change: a reader
	 * that finds a cell unchanged after it read the epoch has the epoch of
	 * the cell's record.
	 */
	pg_write_barrier();
	pg_atomic_write_u32(&segment->epoch, pg_atomic_read_u32(&segment->epoch) + 1);
	segment->next = part->free;
	part->free = s;
	part->nfree++;
}

static void
reclaim(CextPartition *part, bool carry)
{
	bool		small_is_large;

	small_is_large = part->small.nsegments * SMALL_QUEUE_SHARE > cext_store.nsegments;
	if (part->main.nsegments == 0 ||
		(small_is_large && part->small.nsegments > 0))
		reclaim_segment(part, &part->small, carry);
	else
		reclaim_segment(part, &part->main, carry);
}

/*
 * Make room for a record of the key that hashes to hash: in the small queue, or
 * in the main one if the caller asks for it or the key was evicted not long ago.
 * Other entries may go for it.  The size must fit in a segment; then there always
 * is room in the end.
 */
CextRecord *
cext_evict_allocate(uint64 hash, uint32 size, bool to_main)
{
	CextPartition *part = get_partition(partition_of(hash));
	int			max_carried = Max(MIN_CARRIED, MAX_CARRIED_BYTES / SEGMENT_SIZE);
	CextQueue  *queue;
	CextRecord *record;

	queue = (to_main || is_ghost(part, hash)) ? &part->main : &part->small;
	record = bump(queue, size);
	if (record != NULL)
		return record;

	for (int n = 0; part->nfree <= RESERVED_SEGMENTS; n++)
		reclaim(part, n < max_carried);
	record = bump(queue, size);
	if (record == NULL)
	{
		open_segment(part, queue);
		record = bump(queue, size);
	}
	return record;
}
