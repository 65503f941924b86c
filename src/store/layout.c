/*-------------------------------------------------------------------------
 *
 * store/layout.c
 *	  How the store lies in shared memory: the division of its bytes.
 *
 * All of it follows from the size, so that each process finds the same places
 * without asking.
 *
 * Locks: none.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "store/layout.h"

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
 * Divide size bytes: sets all of cext_store but the addresses.
 */
void
cext_layout_compute(Size size)
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
	cext_store.all_segments = cext_store.npartitions * cext_store.nsegments;
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
cext_layout_attach(void *memory, Size size, LWLockPadded *locks, bool init)
{
	Size		n;
	char	   *p = memory;

	cext_layout_compute(size);
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
}
