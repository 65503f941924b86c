/*-------------------------------------------------------------------------
 *
 * store/store.c
 *	  The store: keys and bytes in shared memory, bounded.
 *
 * The store knows keys, bytes, slices as numbers, and expiry.  It knows nothing
 * of what they mean, and the caller decides whether an entry that it finds holds.
 *
 * It is divided into partitions, each a cache of its own with a lock, a
 * directory and segments.  The directory is an array of buckets of one cache
 * line, two of which can hold a key; a cell leads to a record in a segment.
 * Segments are filled in order, and reclaimed whole (store/evict.c).
 *
 * Readers take no lock: store/read.h says what keeps them safe, and has
 * their side.  Here is the other side.
 *
 * Writers hold their partition's lock, and hold it for a bounded time.  Nothing
 * between the first store to a record and its publication can fail.
 *
 * Locks: one partition's LWLock, by writers.  A reader that found an entry
 * valid for a newer state of the database takes it, if it is free, to move the
 * entry's stamp.  A reader that found a corrupt record takes it to drop that.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "store/store.h"

#include "core/stats.h"
#include "store/evict.h"
#include "store/read.h"

/* The smallest store that is worth having. */
#define MIN_SIZE		((Size) 2 * 1024 * 1024)

CextHot		cext_store_hot[1 << CEXT_HOT_BITS];

/*
 * A lock for each partition.
 */
static int
count_locks(Size size)
{
	cext_layout_compute(size);
	return cext_store.npartitions;
}

static void
attach(void *memory, Size size, LWLockPadded *locks, bool init)
{
	cext_layout_attach(memory, size, locks, init);
	if (init)
		cext_evict_init();
}

const CextShmemPart cext_store_shmem = {
	.min_size = MIN_SIZE, .nlocks = count_locks, .attach = attach
};

/* A cell that was found, and what it led to. */
typedef struct Found
{
	pg_atomic_uint64 *cell;
	uint64		cell_value;
	CextRef		ref;
} Found;

/*
 * Drop a record that makes no sense, and count it: the cache survives.  Needs
 * the partition's lock.
 */
static void
drop_corrupt(uint64 hash, const Found *found)
{
	if (same_cell(pg_atomic_read_u64(found->cell), found->cell_value))
	{
		pg_atomic_write_u64(found->cell, 0);
		get_partition(partition_of(hash))->entries--;
		cext_count(CEXT_COUNT_CORRUPTIONS);
	}
}

/*
 * Look at the record that a cell, which has the right tag, leads to.
 */
static CextRefState
open_cell(const CextKey *key, Found *found)
{
	CextPlace	place;
	CextRefState state = cext_store_follow(found->cell, found->cell_value, &place);

	return state == CEXT_REF_FOUND ? cext_store_open(key, place, &found->ref) : state;
}

/*
 * Search both buckets of a key, with the partition's lock or without.  For
 * CEXT_REF_CORRUPT, found says where.
 */
static CextRefState
search(const CextKey *key, uint64 hash, Found *found)
{
	uint64		tag = cell_tag(hash);

	for (int choice = 0; choice < 2; choice++)
	{
		CextBucket *bucket = bucket_of(hash, choice);

		for (int i = 0; i < CELLS_PER_BUCKET; i++)
		{
			CextRefState state;

			found->cell = &bucket->cells[i];
			found->cell_value = pg_atomic_read_u64(found->cell);
			if ((found->cell_value & CELL_TAG_MASK) != tag)
				continue;
			state = open_cell(key, found);
			if (state != CEXT_REF_OTHER)
				return state;
		}
	}
	return CEXT_REF_OTHER;
}

/*
 * The cell that leads to the entry of a key, or NULL.  Nothing is noted.
 */
pg_atomic_uint64 *
cext_store_cell(const CextKey *key)
{
	Found		found;

	if (search(key, cext_key_hash(key), &found) != CEXT_REF_FOUND)
		return NULL;
	return found.cell;
}

/*
 * Note that an entry was asked for.  Once its frequency is saturated its cell is
 * not written to any more, and its place is kept.
 */
static void
touch(const CextKey *key, const Found *found)
{
	uint64		value = found->cell_value;

	if ((value & CELL_FREQ_MASK) == CELL_FREQ_MASK)
	{
		uint32		glance = cext_key_glance(key);
		CextPlace	place = {location_of(found->ref.record), found->ref.epoch};

		*cext_store_hot_of(glance) = (CextHot) {place, glance};
	}
	else
	{
		/* An exchange that fails is a read not noted. */
		(void) pg_atomic_compare_exchange_u64(found->cell, &value,
											  value + CELL_FREQ_ONE);
	}
}

/*
 * Find the entry of a key by the directory.  Needs no lock, and takes the
 * partition's to drop a record that is corrupt.  See CextRef for what can be done
 * with the result.
 */
bool
cext_store_find(const CextKey *key, CextRef *ref)
{
	uint64		hash = cext_key_hash(key);
	Found		found;
	CextRefState state = search(key, hash, &found);

	if (unlikely(state == CEXT_REF_CORRUPT))
	{
		LWLock	   *lock = &cext_store.locks[partition_of(hash)].lock;

		LWLockAcquire(lock, LW_EXCLUSIVE);
		drop_corrupt(hash, &found);
		LWLockRelease(lock);
	}
	if (state != CEXT_REF_FOUND)
		return false;
	touch(key, &found);
	*ref = found.ref;
	return true;
}

/*
 * The caller found the database's ANY slot settled at the generation stamp, and
 * after that the entry valid: let the next reader compare just that.  If the lock
 * is not free it is not done.
 */
void
cext_store_stamp(const CextKey *key, CextRef ref, uint64 stamp)
{
	LWLock	   *lock = &cext_store.locks[partition_of(cext_key_hash(key))].lock;

	if (!LWLockConditionalAcquire(lock, LW_EXCLUSIVE))
		return;
	/* Under the lock an unchanged record stays what the caller looked at. */
	if (cext_store_unchanged(&ref))
		pg_atomic_write_u64(&ref.record->stamp, stamp);
	LWLockRelease(lock);
}

/*
 * The largest value that fits, whatever its key.
 */
Size
cext_store_max_value(void)
{
	return SEGMENT_SIZE - RECORD_SIZE(CEXT_MAX_KEY, 0, CEXT_MAX_SLICES);
}

/*
 * Write into a record what may change while it can be found.
 */
static void
write_record(CextRecord *record, uint32 key_len, const CextEntry *entry)
{
	pg_atomic_write_u64(&record->stamp, entry->stamp);
	record->expires = entry->expires;
	record->filled = cext_seconds(cext_now());
	record->value_len = entry->value_len;
	record->nslices = entry->nslices;
	if (entry->value_len > 0)
		memcpy(RECORD_VALUE(record, key_len), entry->value, entry->value_len);
	memcpy(RECORD_SLICES(record, key_len, entry->value_len), entry->slices,
		   entry->nslices * sizeof(uint64));
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
	 * barriers are those of store/read.h.
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
 * Store an entry, in place of the one that the key may have.  It must fit in a
 * segment.  Takes the partition's lock.
 */
void
cext_store_put(const CextKey *key, const CextEntry *entry)
{
	uint64		hash = cext_key_hash(key);
	uint32		size = RECORD_SIZE(key->len, entry->value_len, entry->nslices);
	uint32		p = partition_of(hash);
	LWLock	   *lock = &cext_store.locks[p].lock;
	CextPartition *part = get_partition(p);
	Found		old;
	CextRefState state;
	bool		to_main = false;
	CextRecord *record;
	pg_atomic_uint64 *cell;

	Assert(size <= SEGMENT_SIZE);

	LWLockAcquire(lock, LW_EXCLUSIVE);
	state = search(key, hash, &old);
	if (state == CEXT_REF_CORRUPT)
		drop_corrupt(hash, &old);
	else if (state == CEXT_REF_FOUND)
	{
		if (overwrite(&old.ref, key->len, entry, size))
		{
			LWLockRelease(lock);
			return;
		}
		to_main = old.ref.segment->in_main;
		cext_evict_drop(part, old.cell);
	}

	record = cext_evict_allocate(hash, size, to_main);
	pg_atomic_init_u32(&record->change, 0);
	record->capacity = size;
	record->key_len = key->len;
	cext_key_store(key, RECORD_KEY(record));
	write_record(record, key->len, entry);

	/* A reader that finds the cell must find the record written. */
	cell = choose_cell(part, hash);
	pg_write_barrier();
	pg_atomic_write_u64(cell, make_cell(hash, record));
	part->entries++;
	part->bytes += size;
	LWLockRelease(lock);
}

/*
 * Sum up what is used.  Takes no lock, so that the figures summed up are those of
 * different moments.
 */
void
cext_store_usage(CextStoreUsage *usage)
{
	uint64		n = cext_store.npartitions;

	memset(usage, 0, sizeof(*usage));
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
