/*-------------------------------------------------------------------------
 *
 * read/path.c
 *	  Finding a path in a JSONB image that may change meanwhile.
 *
 * PostgreSQL's own functions trust the lengths and offsets in a jsonb.  An
 * image in shared memory may be overwritten while it is read, so that they
 * could lead anywhere; here every one of them is held against the image's
 * bounds before it is used.  What is found in an image that changed is garbage
 * within bounds.  The caller checks whether the image changed, and drops it then.
 *
 * The result is what the operator #> gives.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "read/path.h"

#include "common/string.h"

/* A container whose JEntry array lies within the image. */
typedef struct Container
{
	const JEntry *children;
	uint32		count;			/* of elements, or of pairs */
	uint32		nchildren;
	bool		is_object;
	bool		is_scalar;
	const char *base;			/* where the children's data start */
	uint32		room;			/* bytes from there to the end */
} Container;

/*
 * Look at bytes as at a container; false if they cannot be one.
 */
static bool
open_container(const CextPiece *piece, Container *c)
{
	uint32		header;
	uint64		fixed;

	if (piece->len < sizeof(uint32))
		return false;
	header = *(const volatile uint32 *) piece->data;
	c->count = header & JB_CMASK;
	c->is_object = (header & JB_FOBJECT) != 0;
	c->is_scalar = (header & JB_FSCALAR) != 0;
	c->nchildren = c->is_object ? c->count * 2 : c->count;
	fixed = sizeof(uint32) + (uint64) c->nchildren * sizeof(JEntry);
	if (fixed > piece->len)
		return false;
	c->children = (const JEntry *) (piece->data + sizeof(uint32));
	c->base = piece->data + fixed;
	c->room = piece->len - fixed;
	return true;
}

/*
 * The child at an index; false if it does not lie within the container.
 *
 * Only each JB_OFFSET_STRIDE-th entry holds an end offset, the others a
 * length, so the start is summed up from the last end offset before it.
 */
static bool
get_child(const Container *c, uint32 index, CextPiece *child)
{
	JEntry		entry = ((const volatile JEntry *) c->children)[index];
	uint64		start = 0;
	uint64		end;

	for (uint32 i = index; i > 0; i--)
	{
		JEntry		before = ((const volatile JEntry *) c->children)[i - 1];

		start += JBE_OFFLENFLD(before);
		if (JBE_HAS_OFF(before))
			break;
	}
	end = JBE_HAS_OFF(entry) ? JBE_OFFLENFLD(entry) :
		start + JBE_OFFLENFLD(entry);
	if (start > end || end > c->room)
		return false;

	child->type = entry & JENTRY_TYPEMASK;
	child->data = c->base + start;
	child->len = end - start;

	/* Containers and numbers are padded to their alignment, in the length. */
	if (JBE_ISCONTAINER(entry) || JBE_ISNUMERIC(entry))
	{
		uint32		pad = INTALIGN(start) - start;

		if (pad > child->len)
			return false;
		child->data += pad;
		child->len -= pad;
	}
	return true;
}

/*
 * The value of a key in an object, by binary search.
 */
static bool
find_key(const Container *c, CextString key, CextPiece *value)
{
	uint32		low = 0;
	uint32		high = c->count;

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;
		CextPiece	candidate;
		int			difference;

		if (!get_child(c, middle, &candidate))
			return false;
		if (candidate.len != (uint32) key.len)
			difference = candidate.len < (uint32) key.len ? -1 : 1;
		else
			difference = memcmp(candidate.data, key.data, key.len);

		if (difference == 0)
			return get_child(c, c->count + middle, value);
		if (difference < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/*
 * The number that a path element stands for, as get_jsonb_path_all parses it: an
 * int, written with any number of digits, and with blanks before it or without.
 * False if it is no number.
 */
static bool
parse_index(CextString element, int *index)
{
	char		buffer[32];
	char	   *digits = buffer;
	char	   *end;
	bool		valid;

	if (element.len >= (int) sizeof(buffer))
		digits = palloc(element.len + 1);
	memcpy(digits, element.data, element.len);
	digits[element.len] = '\0';
	errno = 0;
	*index = strtoint(digits, &end, 10);
	valid = end != digits && *end == '\0' && errno == 0;
	if (digits != buffer)
		pfree(digits);
	return valid;
}

/*
 * The element of an array that a path element names: a number, from the end
 * if it is negative.
 */
static bool
find_element(const Container *c, CextString element, CextPiece *value)
{
	int			index;
	int64		position;

	if (!parse_index(element, &index))
		return false;
	position = index < 0 ? (int64) c->count + index : index;
	if (position < 0 || position >= c->count)
		return false;
	return get_child(c, position, value);
}

/*
 * Find the piece at a path in a jsonb, given without its varlena header.
 * False if there is none.  No matter what the bytes are, the piece lies within
 * the image.  With an empty path the piece is all of the image.
 */
bool
cext_path_find(const char *image, uint32 len,
			   const CextString *path, int npath, CextPiece *piece)
{
	piece->type = JENTRY_ISCONTAINER;
	piece->data = image;
	piece->len = len;

	for (int i = 0; i < npath; i++)
	{
		Container	c;
		CextPiece	next;
		bool		found;

		if (!JBE_ISCONTAINER(piece->type) || !open_container(piece, &c))
			return false;
		if (c.is_scalar)
			return false;
		found = c.is_object ? find_key(&c, path[i], &next) :
			find_element(&c, path[i], &next);
		if (!found)
			return false;
		*piece = next;
	}
	return true;
}

/*
 * Make a jsonb of a copy of a piece: the payload of copy is the piece's bytes,
 * which are known to be sound.  May return copy itself.
 */
Jsonb *
cext_path_build(struct varlena *copy, JEntry type)
{
	JsonbValue	v;

	if (JBE_ISCONTAINER(type))
		return (Jsonb *) copy;

	if (JBE_ISSTRING(type))
	{
		v.type = jbvString;
		v.val.string.val = VARDATA(copy);
		v.val.string.len = VARSIZE(copy) - VARHDRSZ;
	}
	else if (JBE_ISNUMERIC(type))
	{
		v.type = jbvNumeric;
		v.val.numeric = (Numeric) VARDATA(copy);
	}
	else if (JBE_ISBOOL(type))
	{
		v.type = jbvBool;
		v.val.boolean = JBE_ISBOOL_TRUE(type);
	}
	else
		v.type = jbvNull;
	return JsonbValueToJsonb(&v);
}
