/*
 * Hit ratios of eviction algorithms on one sequence of keys, which is drawn here
 * by Zipf's law and can have scans mixed in, or is read.
 *
 *	simulate keys requests exponent scan entries file
 *	simulate keys requests entries file
 *
 * Writes the sequence to the file, or reads it from there, one key a line, and
 * prints the ratios in per cent over its second half: LRU, FIFO, S3-FIFO, Belady's
 * optimum.  Keys are numbers from zero.  All entries are of one size.  `scan` is the share of requests, in per cent, that belong to
 * scans of keys that are read once.
 *
 * S3-FIFO is as published: a small queue of a tenth, a main one, a ghost queue of
 * as many keys as the main one, a frequency of two bits; from the small queue
 * moves to the main one what was hit more than once.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int	nkeys;				/* those of scans included */
static int	nrequests;
static int	nentries;
static int *seq;

static uint64_t state = 88172645463325252ULL;

static double
uniform(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 11) * (1.0 / 9007199254740992.0);
}

static void *
allocate(size_t n, size_t size)
{
	void	   *p = calloc(n, size);

	if (p == NULL)
	{
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	return p;
}

static void
draw(int keys, double exponent, int scan)
{
	double	   *cumulated = allocate(keys, sizeof(double));
	int		   *permuted = allocate(keys, sizeof(int));
	double		sum = 0;
	int			next_scanned = keys;
	int			in_scan = 0;

	for (int i = 0; i < keys; i++)
	{
		cumulated[i] = (sum += pow(i + 1, -exponent));
		permuted[i] = i;
	}
	for (int i = keys - 1; i > 0; i--)
	{
		int			k = (int) (uniform() * (i + 1));
		int			t = permuted[i];

		permuted[i] = permuted[k];
		permuted[k] = t;
	}
	seq = allocate(nrequests, sizeof(int));
	for (int i = 0; i < nrequests; i++)
	{
		double		x = uniform() * sum;
		int			low = 0;
		int			high = keys - 1;

		/* A scan is as long as the cache is large. */
		if (in_scan == 0 && uniform() * nentries * (100 - scan) < scan)
			in_scan = nentries;
		if (in_scan > 0)
		{
			in_scan--;
			seq[i] = next_scanned++;
			continue;
		}
		while (low < high)
		{
			int			middle = (low + high) / 2;

			if (cumulated[middle] < x)
				low = middle + 1;
			else
				high = middle;
		}
		seq[i] = permuted[low];
	}
	nkeys = next_scanned;
	free(cumulated);
	free(permuted);
}

/* A queue of keys, the oldest at the tail; a ring. */
typedef struct Queue
{
	int		   *keys;
	int			size;
	int			tail;
	int			n;
} Queue;

static Queue
make_queue(int size)
{
	return (Queue) {allocate(size + 1, sizeof(int)), size + 1, 0, 0};
}

static void
push(Queue *q, int key)
{
	q->keys[(q->tail + q->n++) % q->size] = key;
}

static int
pop(Queue *q)
{
	int			key = q->keys[q->tail];

	q->tail = (q->tail + 1) % q->size;
	q->n--;
	return key;
}

static double
percent(int hits)
{
	return 100.0 * hits / (nrequests - nrequests / 2);
}

static double
fifo(void)
{
	Queue		q = make_queue(nentries);
	char	   *cached = allocate(nkeys, 1);
	int			hits = 0;

	for (int i = 0; i < nrequests; i++)
	{
		int			key = seq[i];

		if (cached[key])
		{
			hits += i >= nrequests / 2;
			continue;
		}
		if (q.n == nentries)
			cached[pop(&q)] = 0;
		push(&q, key);
		cached[key] = 1;
	}
	return percent(hits);
}

static double
lru(void)
{
	int		   *newer = allocate(nkeys + 1, sizeof(int));
	int		   *older = allocate(nkeys + 1, sizeof(int));
	char	   *cached = allocate(nkeys, 1);
	int			end = nkeys;	/* newer[end] is the oldest */
		int			n = 0;
	int			hits = 0;

	newer[end] = older[end] = end;
	for (int i = 0; i < nrequests; i++)
	{
		int			key = seq[i];

		if (cached[key])
		{
			hits += i >= nrequests / 2;
			newer[older[key]] = newer[key];
			older[newer[key]] = older[key];
		}
		else if (n++ == nentries)
		{
			int			oldest = newer[end];

			newer[end] = newer[oldest];
			older[newer[oldest]] = end;
			cached[oldest] = 0;
			n--;
		}
		cached[key] = 1;
		older[key] = older[end];
		newer[key] = end;
		newer[older[end]] = key;
		older[end] = key;
	}
	return percent(hits);
}

static double
s3fifo(void)
{
	enum
	{
		NOWHERE, SMALL, MAIN
	};
	int			small_size = nentries / 10;
	int			main_size = nentries - small_size;
	Queue		small = make_queue(nentries);
	Queue		main = make_queue(nentries);
	Queue		ghost = make_queue(main_size);
	char	   *where = allocate(nkeys, 1);
	char	   *freq = allocate(nkeys, 1);
	int		   *ghosts = allocate(nkeys, sizeof(int));	/* times in ghost */
		int			hits = 0;

	for (int i = 0; i < nrequests; i++)
	{
		int			key = seq[i];

		if (where[key] != NOWHERE)
		{
			hits += i >= nrequests / 2;
			if (freq[key] < 3)
				freq[key]++;
			continue;
		}
		while (small.n + main.n >= nentries)
		{
			if (small.n >= small_size)
			{
				int			old = pop(&small);

				if (freq[old] > 1)
				{
					freq[old] = 0;
					where[old] = MAIN;
					push(&main, old);
				}
				else
				{
					where[old] = NOWHERE;
					if (ghost.n == main_size)
						ghosts[pop(&ghost)]--;
					push(&ghost, old);
					ghosts[old]++;
				}
			}
			else
			{
				int			old = pop(&main);

				if (freq[old] > 0)
				{
					freq[old]--;
					push(&main, old);
				}
				else
					where[old] = NOWHERE;
			}
		}
		freq[key] = 0;
		where[key] = ghosts[key] > 0 ? MAIN : SMALL;
		push(ghosts[key] > 0 ? &main : &small, key);
	}
	return percent(hits);
}

/* A heap of (next use, key), the latest on top; out-of-date pairs are skipped. */
typedef struct Use
{
	int			next;
	int			key;
} Use;

static Use *heap;
static int	heap_n = 0;

static void
heap_push(Use use)
{
	int			i = heap_n++;

	while (i > 0 && heap[(i - 1) / 2].next < use.next)
	{
		heap[i] = heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap[i] = use;
}

static Use
heap_pop(void)
{
	Use			top = heap[0];
	Use			last = heap[--heap_n];
	int			i = 0;

	for (;;)
	{
		int			child = 2 * i + 1;

		if (child >= heap_n)
			break;
		if (child + 1 < heap_n && heap[child + 1].next > heap[child].next)
			child++;
		if (heap[child].next <= last.next)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = last;
	return top;
}

static double
belady(void)
{
	int		   *next = allocate(nrequests, sizeof(int));
	int		   *seen = allocate(nkeys, sizeof(int));
	int		   *current = allocate(nkeys, sizeof(int)); /* next use, 0: not
														 * cached */
	int			n = 0;
	int			hits = 0;

	heap = allocate(nrequests + 1, sizeof(Use));
	for (int i = 0; i < nkeys; i++)
		seen[i] = nrequests;
	for (int i = nrequests - 1; i >= 0; i--)
	{
		next[i] = seen[seq[i]];
		seen[seq[i]] = i;
	}
	for (int i = 0; i < nrequests; i++)
	{
		int			key = seq[i];

		if (current[key] != 0)
			hits += i >= nrequests / 2;
		else
			n++;
		current[key] = next[i];
		heap_push((Use) {next[i], key});
		while (n > nentries)
		{
			Use			use = heap_pop();

			if (current[use.key] != use.next)
				continue;
			current[use.key] = 0;
			n--;
		}
	}
	return percent(hits);
}

static FILE *
open_file(const char *name, const char *mode)
{
	FILE	   *file = fopen(name, mode);

	if (file == NULL)
	{
		perror(name);
		exit(1);
	}
	return file;
}

static void
read_sequence(const char *name)
{
	FILE	   *file = open_file(name, "r");

	seq = allocate(nrequests, sizeof(int));
	for (int i = 0; i < nrequests; i++)
	{
		if (fscanf(file, "%d", &seq[i]) != 1 || seq[i] < 0 || seq[i] >= nkeys)
		{
			fprintf(stderr, "%s: line %d has no key\n", name, i + 1);
			exit(1);
		}
	}
	fclose(file);
}

static void
write_sequence(const char *name)
{
	FILE	   *file = open_file(name, "w");

	for (int i = 0; i < nrequests; i++)
		fprintf(file, "%d\n", seq[i]);
	fclose(file);
}

int
main(int argc, char **argv)
{
	if (argc != 5 && argc != 7)
	{
		fprintf(stderr, "usage: %s keys requests [exponent scan] entries file\n", argv[0]);
		return 1;
	}
	nkeys = atoi(argv[1]);
	nrequests = atoi(argv[2]);
	nentries = atoi(argv[argc - 2]);
	if (argc == 5)
		read_sequence(argv[4]);
	else
	{
		draw(nkeys, atof(argv[3]), atoi(argv[4]));
		write_sequence(argv[6]);
	}
	printf("lru|%.2f\n", lru());
	printf("fifo|%.2f\n", fifo());
	printf("s3fifo|%.2f\n", s3fifo());
	printf("belady|%.2f\n", belady());
	return 0;
}
