/*-------------------------------------------------------------------------
 *
 * config/merge.c
 *	  Merging JSONB documents.
 *
 * All documents are merged at once, not two by two: at each level the objects
 * that contribute are walked together in the order of their keys, which JSONB
 * keeps sorted, so that each value is looked at once and the time is linear in
 * the size of the documents, and logarithmic in their number.
 *
 * Of a list of values, lowest rank first, those contribute that stand above the
 * topmost one that is not an object.  If the top one is not an object it is the
 * result itself; otherwise the result is the merge of these objects.
 *
 * With merge_patch (RFC 7396) each document is a patch of what is below it, the
 * lowest one of nothing: a null deletes the key, and so no null is left in any
 * object that was merged, at whatever depth.
 *
 * Everything here is pure: it depends on its arguments only and allocates in
 * the current context.  It throws if nested too deep or too large for JSONB.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "config/merge.h"

#include "lib/binaryheap.h"
#include "miscadmin.h"

/* Levels of which it can be said beforehand that there is room on the stack. */
#define MAX_LEVELS		64

/* More of it than a level takes to be merged, or to be made JSONB of. */
#define LEVEL_STACK		2048

/* So many are looked at one by one: a heap of them is no faster, mostly slower. */
#define FEW_CURSORS		16

/* One document's object at the level being merged. */
typedef struct Cursor
{
	JsonbIterator *it;
	bool		done;
	JsonbValue	key;			/* of the pair the cursor stands at */
	JsonbValue	value;
} Cursor;

/* The objects of a level, walked together. */
typedef struct Walk
{
	int			n;
	Cursor	   *cursors;		/* lowest rank first */
	binaryheap *heap;			/* of those not done; NULL where there are few */
	JsonbValue *values;			/* of the key that was taken */
} Walk;

static bool
is_object(const JsonbValue *v)
{
	return v->type == jbvBinary && JsonContainerIsObject(v->val.binary.data);
}

/* Go to the next pair. */
static void
advance(Cursor *c)
{
	JsonbIteratorToken token = JsonbIteratorNext(&c->it, &c->key, true);

	if (token != WJB_KEY)
	{
		c->done = true;
		return;
	}
	token = JsonbIteratorNext(&c->it, &c->value, true);
	Assert(token == WJB_VALUE);
}

static void
open_cursor(Cursor *c, JsonbContainer *object)
{
	JsonbValue	v;

	c->it = JsonbIteratorInit(object);
	c->done = false;
	if (JsonbIteratorNext(&c->it, &v, true) != WJB_BEGIN_OBJECT)
		elog(ERROR, "merged value is not an object");
	advance(c);
}

/* The order in which JSONB keeps the keys of an object. */
static int
compare_keys(const JsonbValue *a, const JsonbValue *b)
{
	if (a->val.string.len != b->val.string.len)
		return a->val.string.len < b->val.string.len ? -1 : 1;
	return memcmp(a->val.string.val, b->val.string.val, a->val.string.len);
}

static void merge_objects(CextStrategy strategy, CextJsonbState *state,
						  JsonbValue *objects, int n);

/*
 * Push under its key what the values of one key, lowest rank first, merge to.
 */
static void
merge_pair(CextStrategy strategy, CextJsonbState *state,
		   JsonbValue *key, JsonbValue *values, int n)
{
	JsonbValue *top = &values[n - 1];
	int			first = n;

	if (strategy == CEXT_MERGE_PATCH && top->type == jbvNull)
		return;
	CextPushJsonb(state, WJB_KEY, key);

	while (first > 0 && is_object(&values[first - 1]))
		first--;
	if (strategy == CEXT_MERGE_SHALLOW || first == n ||
		(strategy == CEXT_MERGE_DEEP && first == n - 1))
		CextPushJsonb(state, WJB_VALUE, top);
	else
		merge_objects(strategy, state, values + first, n - first);
}

/*
 * Order the cursors so that the one to take next is the greatest: the lowest key,
 * of several with that key the lowest rank.
 */
static int
compare_cursors(Datum a, Datum b, void *arg)
{
	const Cursor *cursors = arg;
	int			i = DatumGetInt32(a);
	int			k = DatumGetInt32(b);
	int			order = compare_keys(&cursors[k].key, &cursors[i].key);

	return order != 0 ? order : k - i;
}

/*
 * Stand before the first pair of each of n objects, lowest rank first.
 */
static void
open_walk(Walk *walk, const JsonbValue *objects, int n)
{
	walk->n = n;
	walk->cursors = palloc(n * sizeof(Cursor));
	walk->values = palloc(n * sizeof(JsonbValue));
	walk->heap = NULL;
	if (n > FEW_CURSORS)
		walk->heap = binaryheap_allocate(n, compare_cursors, walk->cursors);
	for (int i = 0; i < n; i++)
	{
		open_cursor(&walk->cursors[i], objects[i].val.binary.data);
		if (walk->heap != NULL && !walk->cursors[i].done)
			binaryheap_add_unordered(walk->heap, Int32GetDatum(i));
	}
	if (walk->heap != NULL)
		binaryheap_build(walk->heap);
}

static void
close_walk(Walk *walk)
{
	if (walk->heap != NULL)
		binaryheap_free(walk->heap);
	pfree(walk->values);
	pfree(walk->cursors);
}

/*
 * Take the values of the next key, of which there are none at the end: every
 * cursor is looked at.
 */
static int
take_among_few(Walk *walk, JsonbValue *key)
{
	Cursor	   *cursors = walk->cursors;
	int			nvalues = 0;

	key->type = jbvNull;
	for (int i = 0; i < walk->n; i++)
	{
		if (!cursors[i].done &&
			(key->type == jbvNull || compare_keys(&cursors[i].key, key) < 0))
			*key = cursors[i].key;
	}
	if (key->type == jbvNull)
		return 0;
	for (int i = 0; i < walk->n; i++)
	{
		if (!cursors[i].done && compare_keys(&cursors[i].key, key) == 0)
		{
			walk->values[nvalues++] = cursors[i].value;
			advance(&cursors[i]);
		}
	}
	return nvalues;
}

/*
 * The same, with the cursors in a heap.
 */
static int
take_among_many(Walk *walk, JsonbValue *key)
{
	int			nvalues = 0;

	while (!binaryheap_empty(walk->heap))
	{
		Datum		first = binaryheap_first(walk->heap);
		Cursor	   *cursor = &walk->cursors[DatumGetInt32(first)];

		if (nvalues == 0)
			*key = cursor->key;
		else if (compare_keys(&cursor->key, key) != 0)
			break;
		walk->values[nvalues++] = cursor->value;
		advance(cursor);
		if (cursor->done)
			(void) binaryheap_remove_first(walk->heap);
		else
			binaryheap_replace_first(walk->heap, first);
	}
	return nvalues;
}

/*
 * Push the merge of n objects, lowest rank first.
 */
static void
merge_objects(CextStrategy strategy, CextJsonbState *state,
			  JsonbValue *objects, int n)
{
	Walk		walk;
	JsonbValue	key;
	int			nvalues;

	check_stack_depth();
	open_walk(&walk, objects, n);
	CextPushJsonb(state, WJB_BEGIN_OBJECT, NULL);
	while ((nvalues = walk.heap == NULL ? take_among_few(&walk, &key) :
			take_among_many(&walk, &key)) > 0)
	{
		CHECK_FOR_INTERRUPTS();
		merge_pair(strategy, state, &key, walk.values, nvalues);
	}
	CextPushJsonb(state, WJB_END_OBJECT, NULL);
	close_walk(&walk);
}

/*
 * Are a container's values nested at most so many levels deep, itself included?
 */
static bool
is_nested_within(const JsonbContainer *container, int levels)
{
	int			n = JsonContainerSize(container) * (JsonContainerIsObject(container) ? 2 : 1);
	const char *values = (const char *) &container->children[n];
	uint32		offset = 0;

	if (levels == 0)
		return false;
	for (int i = 0; i < n; i++)
	{
		JEntry		entry = container->children[i];

		if (JBE_ISCONTAINER(entry) &&
			!is_nested_within((const JsonbContainer *) (values + INTALIGN(offset)), levels - 1))
			return false;
		JBE_ADVANCE_OFFSET(offset, entry);
	}
	return true;
}

/*
 * Is there room on the stack for MAX_LEVELS?  What is taken for that is less than
 * PostgreSQL leaves between max_stack_depth and the end of the stack.
 */
static pg_noinline bool
stack_has_room(void)
{
	volatile char room[MAX_LEVELS * LEVEL_STACK];

	room[0] = '\0';
	return room[0] == '\0' && !stack_is_too_deep();
}

/*
 * Is it sure that documents are not nested too deep for cext_merge?
 */
bool
cext_merge_is_shallow(Jsonb **docs, int ndocs)
{
	for (int i = 0; i < ndocs; i++)
	{
		if (!is_nested_within(&docs[i]->root, MAX_LEVELS))
			return false;
	}
	return stack_has_room();
}

/*
 * Merge ndocs documents, at least one, lowest rank first.  May return one of
 * the documents.
 */
Jsonb *
cext_merge(CextStrategy strategy, Jsonb **docs, int ndocs)
{
	Jsonb	   *top = docs[ndocs - 1];
	CextJsonbState state = {0};
	JsonbValue *objects;
	int			first = ndocs;

	while (first > 0 && JB_ROOT_IS_OBJECT(docs[first - 1]))
		first--;
	if (strategy == CEXT_MERGE_REPLACE || first == ndocs ||
		(first == ndocs - 1 && strategy != CEXT_MERGE_PATCH))
		return top;

	objects = palloc((ndocs - first) * sizeof(JsonbValue));
	for (int i = first; i < ndocs; i++)
	{
		JsonbValue *v = &objects[i - first];

		v->type = jbvBinary;
		v->val.binary.data = &docs[i]->root;
		v->val.binary.len = VARSIZE_ANY_EXHDR(docs[i]);
	}
	merge_objects(strategy, &state, objects, ndocs - first);
	return JsonbValueToJsonb(state.result);
}
