/*-------------------------------------------------------------------------
 *
 * cext_store.c
 *	  The store: keys and bytes in shared memory, bounded.
 *
 * The store knows keys, bytes, slices as numbers, and expiry; it knows nothing
 * of configuration, and the caller decides whether an entry it finds holds.
 *
 * It is divided into partitions, each a cache of its own with a lock, a
 * directory and segments.  The directory is an array of buckets of one cache
 * line, two of which can hold a key; a cell leads to a record in a segment.
 * Segments are filled in order, and reclaimed whole (cext_evict.c).
 *
 * Readers take no lock.  What keeps them safe:
 *
 *	- Directory, partitions and segment descriptors are type-stable, and
 *	  readers write to nothing else: they raise the frequency in a cell.
 *	- Records are not: a segment that is reclaimed is filled anew.  Its epoch
 *	  changes then, and every cell that led there was changed before.  A reader
 *	  takes the cell, the epoch, and the cell again.  If the cell is the same,
 *	  it was there after the epoch was read, so that the epoch is the one in
 *	  which the record was written, or else has moved on, which the check at
 *	  the end finds.  So no byte of one entry's value is ever taken for
 *	  another's record, whatever that value contains.
 *	- A record that is filled again is overwritten in place where it fits.  Its
 *	  change count is odd meanwhile, and never goes back.
 *	- Bytes are copied out first and count only if epoch and change count are
 *	  what they were.  Lengths are checked before they are used.
 *
 * Writers hold their partition's lock, and hold it for a bounded time.  Nothing
 * between the first store to a record and its publication can fail.
 *
 * Locks: one partition's LWLock, by writers.  A reader that found an entry
 * valid for a newer state of the database takes it, if it is free, to move the
 * entry's stamp.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "cext_store_layout.h"

#include "cext_guc.h"
#include "cext_stats.h"

#include "access/xact.h"
#include "port/pg_bitutils.h"

/* Bytes of the store for which the directory has one cell. */
#define BYTES_PER_CELL			128
/* Segments that a partition should have at least, and partitions at most. */
#define SEGMENTS_PER_PARTITION	40
#define MAX_PARTITIONS			16
#define MIN_SEGMENT_SIZE		((Size) 64 * 1024)
#define MAX_SEGMENT_SIZE		((Size) 4 * 1024 * 1024)

StaticAssertDecl(sizeof(CextBucket) == 64, "a bucket is a cache line");
StaticAssertDecl(sizeof(CextRecord) == 32, "a record's header has no padding");

CextStore	cext_store;

/*
 * Divide size bytes: into cext_store all but the addresses.
 */
static void
compute_store(Size size)
{
	Size		segment_size = pg_prevpower2_size_t(Max(size / 256, 1));
	Size		share;
	Size		fixed;

	segment_size = Min(Max(segment_size, MIN_SEGMENT_SIZE), MAX_SEGMENT_SIZE);
	cext_store.segment_shift = pg_leftmost_one_pos64(segment_size);
	cext_store.npartitions =
		Min(pg_prevpower2_size_t(Max(size / segment_size / SEGMENTS_PER_PARTITION, 1)),
			MAX_PARTITIONS);

	share = size / cext_store.npartitions - PARTITION_SIZE;
	cext_store.nbuckets = share / BYTES_PER_CELL / CELLS_PER_BUCKET;
	cext_store.nghosts = cext_store.nbuckets * 2;
	fixed = cext_store.nbuckets * sizeof(CextBucket) +
		cext_store.nghosts * sizeof(CextGhost) +
		4 * PG_CACHE_LINE_SIZE;
	cext_store.nsegments = (share - fixed) / (segment_size + sizeof(CextSegment));
}

/*
 * How many locks a store of the given size needs.
 */
uint32
cext_store_partitions(Size size)
{
	compute_store(size);
	return cext_store.npartitions;
}

static char *
take(char **p, Size size)
{
	char	   *start = *p;

	*p += CACHELINEALIGN(size);
	return start;
}

/*
 * Point this process to the store, and initialise it if asked to.
 */
void
cext_store_attach(void *memory, Size size, LWLockPadded *locks, bool init)
{
	Size		n;
	char	   *p = memory;

	compute_store(size);
	n = cext_store.npartitions;
	cext_store.locks = locks;
	cext_store.partitions = take(&p, n * PARTITION_SIZE);
	cext_store.buckets = (CextBucket *)
		take(&p, n * cext_store.nbuckets * sizeof(CextBucket));
	cext_store.ghosts = (CextGhost *)
		take(&p, n * cext_store.nghosts * sizeof(CextGhost));
	cext_store.segments = (CextSegment *)
		take(&p, n * cext_store.nsegments * sizeof(CextSegment));
	cext_store.data = p;
	Assert(p + ((n * cext_store.nsegments) << cext_store.segment_shift) <=
		   (char *) memory + size);

	if (!init)
		return;
	memset(memory, 0, p - (char *) memory);
	for (Size i = 0; i < n * cext_store.nbuckets; i++)
	{
		for (int k = 0; k < CELLS_PER_BUCKET; k++)
			pg_atomic_init_u64(&cext_store.buckets[i].cells[k], 0);
	}
	cext_evict_init();
}

typedef enum RefState
{
	REF_FOUND,
	REF_OTHER,					/* another key, or it changed under us */
	REF_CORRUPT
} RefState;

/*
 * Are the record's lengths possible at that place?
 */
static inline bool
record_is_sane(uint32 location, uint32 capacity, uint32 key_len,
			   const CextEntry *entry)
{
	uint32		offset = ((Size) location * RECORD_ALIGN) & (SEGMENT_SIZE - 1);

	return capacity <= SEGMENT_SIZE - offset &&
		key_len <= CEXT_MAX_KEY &&
		entry->nslices <= CEXT_MAX_SLICES &&
		entry->value_len <= capacity &&
		RECORD_SIZE(key_len, entry->nslices, entry->value_len) <= capacity;
}

/*
 * Look at the record that the reference's cell, which has the right tag, leads
 * to.
 */
static RefState
open_ref(const CextKey *key, CextRef *ref)
{
	uint32		location = CELL_LOCATION(ref->cell_value);
	uint32		segment = segment_of(location);
	CextRecord *record;
	CextEntry  *entry = &ref->entry;
	uint32		capacity;
	uint32		key_len;

	if (unlikely(segment >= cext_store.npartitions * cext_store.nsegments))
		return REF_CORRUPT;
	record = record_at(location);
	ref->record = record;
	ref->segment = &cext_store.segments[segment];

	/*
	 * Cell, epoch, cell, record, in this order: see the head of the file for
	 * the cells and cext_evict.c for the stores that these barriers pair
	 * with.
	 */
	pg_read_barrier();
	ref->epoch = pg_atomic_read_u32(&ref->segment->epoch);
	pg_read_barrier();
	if ((ref->epoch & 1) != 0 ||
		((pg_atomic_read_u64(ref->cell) ^ ref->cell_value) & ~CELL_FREQ_MASK) != 0)
		return REF_OTHER;
	pg_read_barrier();
	ref->change = pg_atomic_read_u32(&record->change);
	if ((ref->change & 1) != 0)
		return REF_OTHER;
	pg_read_barrier();

	capacity = record->capacity;
	key_len = record->key_len;
	entry->stamp = pg_atomic_read_u64(&record->stamp);
	entry->expires = record->expires;
	entry->absent = record->absent;
	entry->nslices = record->nslices;
	entry->value_len = record->value_len;
	if (unlikely(!record_is_sane(location, capacity, key_len, entry)))
		return cext_store_unchanged(ref) ? REF_CORRUPT : REF_OTHER;
	if (key_len != key->len ||
		memcmp(RECORD_KEY(record), key->u.bytes, key_len) != 0)
		return REF_OTHER;

	memcpy(entry->slices, RECORD_SLICES(record, key_len),
		   entry->nslices * sizeof(uint64));
	entry->value = RECORD_VALUE(record, key_len, entry->nslices);
	return REF_FOUND;
}

/*
 * Search both buckets of a key, with the lock or without.  For REF_CORRUPT,
 * cell and cell_value of the reference say where.
 */
static RefState
search(const CextKey *key, CextRef *ref)
{
	uint64		tag = cell_tag(key->hash);

	for (int choice = 0; choice < 2; choice++)
	{
		CextBucket *bucket = bucket_of(key->hash, choice);

		for (int i = 0; i < CELLS_PER_BUCKET; i++)
		{
			RefState	state;

			ref->cell = &bucket->cells[i];
			ref->cell_value = pg_atomic_read_u64(ref->cell);
			if ((ref->cell_value & CELL_TAG_MASK) != tag ||
				(uint32) ref->cell_value == 0)
				continue;
			state = open_ref(key, ref);
			if (state != REF_OTHER)
				return state;
		}
	}
	return REF_OTHER;
}

/*
 * Drop a record that makes no sense, and count it: the cache survives.  Needs
 * the partition's lock.
 */
static void
drop_corrupt(uint64 hash, const CextRef *ref)
{
	if (((pg_atomic_read_u64(ref->cell) ^ ref->cell_value) & ~CELL_FREQ_MASK) == 0)
	{
		pg_atomic_write_u64(ref->cell, 0);
		get_partition(partition_of(hash))->entries--;
		cext_count(CEXT_COUNT_CORRUPTIONS);
	}
}

/*
 * Find the entry of a key.  Needs no lock and takes none, but to drop a record
 * that is corrupt.  See CextRef for what can be done with the result.
 */
bool
cext_store_find(const CextKey *key, CextRef *ref)
{
	RefState	state = search(key, ref);

	if (unlikely(state == REF_CORRUPT))
	{
		LWLock	   *lock = &cext_store.locks[partition_of(key->hash)].lock;

		LWLockAcquire(lock, LW_EXCLUSIVE);
		drop_corrupt(key->hash, ref);
		LWLockRelease(lock);
	}
	return state == REF_FOUND;
}

/*
 * Is everything that was read by way of the reference the entry's?
 */
bool
cext_store_unchanged(const CextRef *ref)
{
	/* The bytes were read before the counts are read again. */
	pg_read_barrier();
	return pg_atomic_read_u32(&ref->record->change) == ref->change &&
		pg_atomic_read_u32(&ref->segment->epoch) == ref->epoch;
}

/*
 * Note that the entry was hit.  The frequency saturates, so that a hot entry's
 * cell is not written to.  An exchange that fails is a hit not noted.
 */
void
cext_store_touch(const CextRef *ref)
{
	uint64		value = ref->cell_value;

	if ((value & CELL_FREQ_MASK) != CELL_FREQ_MASK)
		(void) pg_atomic_compare_exchange_u64(ref->cell, &value,
											  value + CELL_FREQ_ONE);
}

/*
 * The caller found the entry valid, and before that the database's ANY slot
 * settled at the generation stamp: let the next reader compare just that.  Not
 * done when the lock is not free.
 */
void
cext_store_stamp(const CextKey *key, const CextRef *ref, uint64 stamp)
{
	LWLock	   *lock = &cext_store.locks[partition_of(key->hash)].lock;

	if (!LWLockConditionalAcquire(lock, LW_EXCLUSIVE))
		return;
	/* Under the lock an unchanged record stays what the caller looked at. */
	if (cext_store_unchanged(ref))
		pg_atomic_write_u64(&ref->record->stamp, stamp);
	LWLockRelease(lock);
}

/*
 * The largest value that fits, whatever its key.
 */
Size
cext_store_max_value(void)
{
	return SEGMENT_SIZE - RECORD_SIZE(CEXT_MAX_KEY, CEXT_MAX_SLICES, 0);
}

/*
 * Write into a record what may change while it can be found.
 */
static void
write_record(CextRecord *record, uint32 key_len, const CextEntry *entry)
{
	pg_atomic_write_u64(&record->stamp, entry->stamp);
	record->expires = entry->expires;
	record->value_len = entry->value_len;
	record->nslices = entry->nslices;
	record->absent = entry->absent;
	memcpy(RECORD_SLICES(record, key_len), entry->slices,
		   entry->nslices * sizeof(uint64));
	if (!entry->absent)
		memcpy(RECORD_VALUE(record, key_len, entry->nslices), entry->value,
			   entry->value_len);
}

/*
 * Overwrite the entry that the key has, if the new one fits and would not
 * leave most of the room unused.  Needs the partition's lock.
 */
static bool
overwrite(const CextRef *ref, uint32 key_len, const CextEntry *entry,
		  uint32 size)
{
	CextRecord *record = ref->record;

	if (size > record->capacity || size < record->capacity / 2)
		return false;

	/*
	 * Odd before the first byte changes, even after the last: a reader's
	 * barriers are those of open_ref and cext_store_unchanged.
	 */
	pg_atomic_write_u32(&record->change, ref->change + 1);
	pg_write_barrier();
	write_record(record, key_len, entry);
	pg_write_barrier();
	pg_atomic_write_u32(&record->change, ref->change + 2);
	return true;
}

/*
 * The cell for a new entry: an empty one in either bucket, or else the least
 * hit one of the first, whose entry goes.  Needs the partition's lock.
 */
static pg_atomic_uint64 *
choose_cell(CextPartition *part, uint64 hash)
{
	pg_atomic_uint64 *victim = NULL;
	uint64		victim_freq = 0;

	for (int choice = 0; choice < 2; choice++)
	{
		CextBucket *bucket = bucket_of(hash, choice);

		for (int i = 0; i < CELLS_PER_BUCKET; i++)
		{
			uint64		value = pg_atomic_read_u64(&bucket->cells[i]);
			uint64		freq = value & CELL_FREQ_MASK;

			if (value == 0)
				return &bucket->cells[i];
			if (choice == 0 && (victim == NULL || freq < victim_freq))
			{
				victim = &bucket->cells[i];
				victim_freq = freq;
			}
		}
	}
	cext_count(CEXT_COUNT_EVICTIONS);
	cext_evict_drop(part, victim);
	return victim;
}

/*
 * Store an entry in the place of what the key may have.  Returns false if no
 * room could be made for it.  Takes the partition's lock.
 */
bool
cext_store_put(const CextKey *key, const CextEntry *entry)
{
	uint32		size = RECORD_SIZE(key->len, entry->nslices, entry->value_len);
	uint32		p = partition_of(key->hash);
	LWLock	   *lock = &cext_store.locks[p].lock;
	CextPartition *part = get_partition(p);
	CextRef		old;
	RefState	state;
	bool		to_main = false;
	CextRecord *record;

	Assert(size <= SEGMENT_SIZE);

	LWLockAcquire(lock, LW_EXCLUSIVE);
	state = search(key, &old);
	if (state == REF_CORRUPT)
		drop_corrupt(key->hash, &old);
	else if (state == REF_FOUND)
	{
		if (overwrite(&old, key->len, entry, size))
		{
			LWLockRelease(lock);
			return true;
		}
		to_main = old.segment->in_main;
		cext_evict_drop(part, old.cell);
	}

	record = cext_evict_allocate(key->hash, size, to_main);
	if (record != NULL)
	{
		pg_atomic_uint64 *cell = choose_cell(part, key->hash);

		pg_atomic_init_u32(&record->change, 0);
		record->capacity = size;
		record->key_len = key->len;
		memcpy(RECORD_KEY(record), key->u.bytes, key->len);
		write_record(record, key->len, entry);
		part->entries++;
		part->bytes += size;

		/* A reader that finds the cell must find the record written. */
		pg_write_barrier();
		pg_atomic_write_u64(cell, make_cell(key->hash, record));
	}
	LWLockRelease(lock);
	return record != NULL;
}

/*
 * The time by which expiry is judged: that of the statement, which costs
 * nothing to read.
 */
TimestampTz
cext_store_now(void)
{
	return GetCurrentStatementStartTimestamp() +
		cext_clock_offset_s * USECS_PER_SEC;
}

/*
 * Sum up what is used.  Takes no lock: each figure is a moment's, the sums
 * are of several moments.
 */
void
cext_store_usage(CextStoreUsage *usage)
{
	uint64		n = cext_store.npartitions;

	memset(usage, 0, sizeof(*usage));
	usage->segment_size = SEGMENT_SIZE;
	usage->directory_bytes = cext_store.data - cext_store.partitions;
	usage->segment_bytes = n * cext_store.nsegments * SEGMENT_SIZE;
	for (uint32 p = 0; p < n; p++)
	{
		CextPartition *part = get_partition(p);

		usage->free_bytes += (uint64) part->nfree * SEGMENT_SIZE;
		usage->used_bytes += part->bytes;
		usage->entries += part->entries;
	}
}
