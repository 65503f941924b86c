/*-------------------------------------------------------------------------
 *
 * config/kind.c
 *	  Configurations, as a kind of what is cached.
 *
 * A configuration depends on slices of its name, of its user's id and of his
 * domain's id, and of these ids and the name together.
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
	return (CextSlice) {
		.type = type,
		.parts = {[CEXT_ID] = id,[CEXT_NAME] = name},
		.hash = cext_config_hash(type, id, name)
	};
}

static bool
same_string(CextString a, CextString b)
{
	return a.data == NULL ? b.data == NULL :
		b.data != NULL && cext_string_equals(a, b);
}

static bool
contains(const CextSlice *a, const CextSlice *b)
{
	switch (a->type)
	{
		case CEXT_SLICE_NAME:
			return b->type != CEXT_SLICE_NAME &&
				same_string(a->parts[CEXT_NAME], b->parts[CEXT_NAME]);
		case CEXT_SLICE_USER:
			return b->type == CEXT_SLICE_USER_NAME &&
				same_string(a->parts[CEXT_ID], b->parts[CEXT_ID]);
		case CEXT_SLICE_DOMAIN:
			return b->type == CEXT_SLICE_DOMAIN_NAME &&
				same_string(a->parts[CEXT_ID], b->parts[CEXT_ID]);
		default:
			return false;
	}
}

/*
 * Whose results may differ, and of which name: {"scope":"user","id":"alice","name":"theme"}
 */
static void
tell(StringInfo payload, const CextSlice *slice)
{
	const char *scope = "name";

	if (slice->type == CEXT_SLICE_USER || slice->type == CEXT_SLICE_USER_NAME)
		scope = "user";
	else if (slice->type == CEXT_SLICE_DOMAIN || slice->type == CEXT_SLICE_DOMAIN_NAME)
		scope = "domain";
	appendStringInfo(payload, "\"scope\":\"%s\"", scope);
	if (slice->parts[CEXT_ID].data != NULL)
	{
		appendStringInfoString(payload, ",\"id\":");
		escape_json(payload, slice->parts[CEXT_ID].data);
	}
	if (slice->parts[CEXT_NAME].data != NULL)
	{
		appendStringInfoString(payload, ",\"name\":");
		escape_json(payload, slice->parts[CEXT_NAME].data);
	}
}

const CextKindInfo cext_config_kind = {
	.name = "configurations",
	.number = CEXT_KIND_CONFIG,
	.spaces = {"jsonb", "json", "public", "base", "common"},
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
