/*-------------------------------------------------------------------------
 *
 * read/sample.c
 *	  Which entries hits are of, by a sample.
 *
 * Hits are not counted one by one but by backend (core/stats.h), because a counter
 * that all backends write would cost more than the hit.  Of so many hits one is taken,
 * by a part of its key, and kept until the transaction ends.  Then those that were taken
 * are added to a table that all share: so a hit writes to nothing that others look at.
 *
 * The table has a bounded number of cells.  When it is full, a newcomer takes the cell
 * of least weight, and its weight with it: what is read often gets up to where it
 * stays, whatever else comes and goes, and what was taken over is known and taken off
 * when it is shown.
 *
 * Locks: one LWLock protects the table.  It is taken only if it is free; if it is not,
 * what was taken is kept until the next transaction ends.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "read/sample.h"

#include "core/hash.h"
#include "core/kind.h"

#include "access/xact.h"
#include "miscadmin.h"

/* Most that a process keeps. */
#define MAX_PENDING		16

typedef struct Samples
{
	int			n;
	uint64		hashes[CEXT_SAMPLE_CELLS];
	CextSample	cells[CEXT_SAMPLE_CELLS];
} Samples;

static Samples *samples = NULL;
static LWLock *samples_lock;

/* What this process has taken and not added yet. */
static CextSample pending[MAX_PENDING];
static int	npending = 0;

static Size
shmem_size(void)
{
	return sizeof(Samples);
}

static void
attach(void *memory, Size size, LWLockPadded *locks, bool init)
{
	samples = memory;
	samples_lock = &locks[0].lock;
	if (init)
		samples->n = 0;
}

const CextShmemPart cext_sample_shmem = {
	.size = shmem_size, .nlocks = cext_shmem_one_lock, .attach = attach
};

static bool
is_of(const CextSample *sample, int kind, CextString value)
{
	return sample->db == MyDatabaseId && sample->kind == kind &&
		cext_string_equals((CextString) {sample->value, sample->len}, value);
}

static void
set_sample(CextSample *sample, int kind, CextString value)
{
	sample->db = MyDatabaseId;
	sample->kind = kind;
	sample->len = value.len;
	memcpy(sample->value, value.data, value.len);
}

/*
 * The cell of a value of this database, or one that it is given.
 */
static CextSample *
find_cell(int kind, CextString value)
{
	uint64		hash = cext_hash_bytes(value, cext_hash_seed) + MyDatabaseId + kind;
	CextSample *cell;
	int			place = 0;

	for (int i = 0; i < samples->n; i++)
	{
		if (samples->hashes[i] == hash && is_of(&samples->cells[i], kind, value))
			return &samples->cells[i];
		if (samples->cells[i].weight < samples->cells[place].weight)
			place = i;
	}

	if (samples->n < CEXT_SAMPLE_CELLS)
	{
		place = samples->n++;
		samples->cells[place].weight = 0;
	}
	cell = &samples->cells[place];
	samples->hashes[place] = hash;
	cell->taken_over = cell->weight;
	set_sample(cell, kind, value);
	return cell;
}

/*
 * Add what was taken to the table, unless that is busy.
 */
static void
add_pending(void)
{
	if (npending == 0 || !LWLockConditionalAcquire(samples_lock, LW_EXCLUSIVE))
		return;
	for (int i = 0; i < npending; i++)
		find_cell(pending[i].kind, (CextString) {pending[i].value, pending[i].len})->weight +=
			pending[i].weight;
	LWLockRelease(samples_lock);
	npending = 0;
}

static void
end_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PARALLEL_COMMIT ||
		event == XACT_EVENT_ABORT || event == XACT_EVENT_PARALLEL_ABORT)
		add_pending();
}

/*
 * Take a hit into the sample.  A key without the part that hits are counted by is left
 * out, and so is what there is no room for while the table is busy.
 */
void
cext_sample_take(const CextKey *key)
{
	static bool registered = false;
	CextString	value = key->parts[CEXT_SAMPLE_PART];
	int			kind = key->space / CEXT_SPACES_PER_KIND;
	int			i = 0;

	if (value.data == NULL)
		return;
	if (!registered)
		RegisterXactCallback(end_transaction, NULL);
	registered = true;

	while (i < npending && !is_of(&pending[i], kind, value))
		i++;
	if (i == MAX_PENDING)
	{
		add_pending();
		if (npending > 0)
			return;
		i = 0;
	}
	if (i == npending)
	{
		set_sample(&pending[i], kind, value);
		pending[i].weight = 0;
		npending++;
	}
	pending[i].weight += CEXT_SAMPLE_WEIGHT;
}

/*
 * A copy of the sample, in the current context.  Takes the lock for as long as the copy
 * takes.
 */
CextSample *
cext_sample_copy(int *n)
{
	CextSample *copy = palloc(sizeof(samples->cells));

	LWLockAcquire(samples_lock, LW_SHARED);
	*n = samples->n;
	memcpy(copy, samples->cells, *n * sizeof(CextSample));
	LWLockRelease(samples_lock);
	return copy;
}

/*
 * Forget the sample.
 */
void
cext_sample_reset(void)
{
	LWLockAcquire(samples_lock, LW_EXCLUSIVE);
	samples->n = 0;
	LWLockRelease(samples_lock);
}
