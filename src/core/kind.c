/*-------------------------------------------------------------------------
 *
 * core/kind.c
 *	  Kinds of what is cached.
 *
 * All state here is set while libraries are loaded, and is the same in all
 * processes.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "core/kind.h"

#include "core/shmem.h"

/* Slices that no kind has for itself. */
static const CextKindInfo common = {
	.slices = {{"everything", "a whole database"}, {"any", NULL}}
};

const CextKindInfo *cext_kinds[CEXT_MAX_KINDS] = {&common};

/*
 * Add a kind, which must stay where it is.  An error if its number is taken, or if
 * only this process would know it: what others write it would not hear of.
 */
void
cext_kind_register(const CextKindInfo *kind)
{
	Assert(kind->compute != NULL && kind->row_changed != NULL &&
		   kind->contains != NULL && kind->tell != NULL);
	if (kind->number < 1 || kind->number >= CEXT_MAX_KINDS ||
		cext_kinds[kind->number] != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("could not register kind \"%s\" of cached results with number %d",
						kind->name, kind->number)));
	if (cext_shmem_available())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not register kind \"%s\" of cached results while the server runs",
						kind->name),
				 errhint("Add its library to shared_preload_libraries after cache_ext, and restart the server.")));
	cext_kinds[kind->number] = kind;
}

/*
 * The name of a type of slice, or NULL if there is none of that number.
 */
const char *
cext_slice_name(int type)
{
	const CextKindInfo *kind = cext_kinds[type / CEXT_SLICES_PER_KIND];

	return kind == NULL ? NULL : kind->slices[type % CEXT_SLICES_PER_KIND].name;
}

/*
 * The name of a key's space, likewise.
 */
const char *
cext_space_name(int space)
{
	const CextKindInfo *kind = space / CEXT_SPACES_PER_KIND < CEXT_MAX_KINDS ?
		cext_kinds[space / CEXT_SPACES_PER_KIND] : NULL;

	return kind == NULL ? NULL : kind->spaces[space % CEXT_SPACES_PER_KIND];
}
