/*-------------------------------------------------------------------------
 *
 * config/kind.c
 *	  Configurations, as a kind of what is cached.
 *
 * A configuration depends on the slices of its name, of its user's id and of its
 * domain's id, and of each of these ids together with the name.  If domains are
 * looked up, it also depends on the slice of the key of that lookup.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "config/kind.h"

#include "config/compute.h"
#include "config/rows.h"

#include "miscadmin.h"
#include "utils/json.h"

/*
 * Hash a slice of this database: users and domains alike are ids.
 */
uint64
cext_config_hash(CextConfigSlice type, CextString id, CextString name)
{
	if (type == CEXT_SLICE_DOMAIN)
		type = CEXT_SLICE_USER;
	else if (type == CEXT_SLICE_DOMAIN_NAME)
		type = CEXT_SLICE_USER_NAME;
	return cext_slice_hash(MyDatabaseId, type, id, name);
}

/*
 * A slice of this database.  A part that the type has no use for is
 * CEXT_NULL_STRING.
 */
CextSlice
cext_config_slice(CextConfigSlice type, CextString id, CextString name)
{
	CextSlice	slice = {.type = type, .hash = cext_config_hash(type, id, name)};

	slice.parts[CEXT_ID] = id;
	slice.parts[CEXT_NAME] = name;
	return slice;
}

static bool
contains(const CextSlice *a, const CextSlice *b)
{
	switch (a->type)
	{
		case CEXT_SLICE_NAME:
			return b->type != CEXT_SLICE_NAME &&
				cext_string_same(a->parts[CEXT_NAME], b->parts[CEXT_NAME]);
		case CEXT_SLICE_USER:
			return b->type == CEXT_SLICE_USER_NAME &&
				cext_string_same(a->parts[CEXT_ID], b->parts[CEXT_ID]);
		case CEXT_SLICE_DOMAIN:
			return b->type == CEXT_SLICE_DOMAIN_NAME &&
				cext_string_same(a->parts[CEXT_ID], b->parts[CEXT_ID]);
		default:
			return false;
	}
}

static void
tell_string(StringInfo payload, const char *member, CextString value)
{
	if (value.data == NULL)
		return;
	appendStringInfo(payload, ",\"%s\":", member);
	escape_json(payload, value.data);
}

/*
 * Whose results may differ, of which name, and because of fragments of which scope
 * type: {"kind":"user","id":"alice","name":"theme","scope_type":"user"}
 */
static void
tell(StringInfo payload, const CextSlice *slice)
{
	const char *kind = "name";

	if (slice->type == CEXT_SLICE_USER || slice->type == CEXT_SLICE_USER_NAME)
		kind = "user";
	else if (slice->type == CEXT_SLICE_DOMAIN || slice->type == CEXT_SLICE_DOMAIN_NAME)
		kind = "domain";
	appendStringInfo(payload, "\"kind\":\"%s\"", kind);
	tell_string(payload, "id", slice->parts[CEXT_ID]);
	tell_string(payload, "name", slice->parts[CEXT_NAME]);
	tell_string(payload, "scope_type", slice->detail);
}

const CextKindInfo cext_config_kind = {
	.name = "configurations",
	.number = CEXT_KIND_CONFIG,
	.spaces = {"jsonb", "json", "public", "public_json", "base", "common"},
	.slices = {
		{"name", "a config name"},
		{"domain", "a domain"},
		{"domain_name", "a domain's config name"},
		{"user", "a user"},
		{"user_name", "a user's config name"}
	},
	.compute = cext_config_fill,
	.row_changed = cext_row_changed,
	.is_remembered = cext_row_is_remembered,
	.relations = "attached",
	.own_relations = cext_row_own_relations,
	.contains = contains,
	.tell = tell
};
