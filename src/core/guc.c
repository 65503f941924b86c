/*-------------------------------------------------------------------------
 *
 * core/guc.c
 *	  The settings.
 *
 * cache_ext.memory and cache_ext.slots size the shared memory and so are fixed
 * at server start; the others take effect at the next read or commit.  None of
 * them can weaken exactness: a writer marks its slots whatever they say.
 * cache_ext.user_id is defined in functions/get.c.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "core/guc.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/guc.h"

bool		cext_enabled = true;
int			cext_memory_kb = 64 * 1024;
int			cext_slots = 65536;
int			cext_max_entry_kb = 64;
int			cext_default_ttl_s = 0;
bool		cext_cache_absent = true;
int			cext_fill_wait_ms = 100;
bool		cext_notify = true;
int			cext_clock_offset_s = 0;

/*
 * The settings that count at server start only.  A library that is loaded later
 * may not define PGC_POSTMASTER variables.  But a configuration file that names
 * them must not draw a warning in each session, so there they are shown, and have
 * no effect.
 */
static void
define_start_settings(void)
{
	GucContext	context = process_shared_preload_libraries_in_progress ?
		PGC_POSTMASTER : PGC_SIGHUP;

	DefineCustomIntVariable("cache_ext.memory",
							"Shared memory that the cache uses, all in all.",
							NULL,
							&cext_memory_kb,
							64 * 1024, 8 * 1024, 64 * 1024 * 1024 - 1,
							context, GUC_UNIT_KB,
							NULL, NULL, NULL);

	DefineCustomIntVariable("cache_ext.slots",
							"Number of slots that slices hash to.",
							"Rounded up to a power of two. Two slices that share a slot are invalidated together.",
							&cext_slots,
							65536, 1024, 1024 * 1024,
							context, 0,
							NULL, NULL, NULL);
}

/*
 * Define the settings; called once, from _PG_init.
 */
void
cext_guc_define(void)
{
	define_start_settings();

	DefineCustomBoolVariable("cache_ext.enabled",
							 "Lets reads use the cache.",
							 "Where it is off, reads compute their result from the tables.",
							 &cext_enabled, true,
							 PGC_USERSET, 0, NULL, NULL, NULL);

	DefineCustomIntVariable("cache_ext.max_entry_size",
							"Largest result that is stored.",
							"A larger one is computed at each read. A segment of the store bounds it too.",
							&cext_max_entry_kb, 64, 1, 4 * 1024,
							PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);

	DefineCustomIntVariable("cache_ext.default_ttl",
							"Time after which an entry is computed anew, for definitions without a ttl.",
							"Zero means never. Exactness does not depend on it.",
							&cext_default_ttl_s, 0, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);

	DefineCustomBoolVariable("cache_ext.cache_absent",
							 "Stores that nothing contributes to a configuration.",
							 NULL,
							 &cext_cache_absent, true,
							 PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomIntVariable("cache_ext.fill_wait",
							"Longest wait for another session that computes the same entry.",
							"Zero means not to wait.",
							&cext_fill_wait_ms, 100, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);

	DefineCustomBoolVariable("cache_ext.notify",
							 "Notifies channel cache_ext of what a transaction changed.",
							 "Each such transaction takes a lock of the whole cluster until it has committed.",
							 &cext_notify, true,
							 PGC_USERSET, 0, NULL, NULL, NULL);

	DefineCustomIntVariable("cache_ext.clock_offset",
							"Moves the clock that expiry looks at, for tests.",
							NULL,
							&cext_clock_offset_s, 0, INT_MIN, INT_MAX,
							PGC_SUSET, GUC_UNIT_S | GUC_NOT_IN_SAMPLE,
							NULL, NULL, NULL);
}
