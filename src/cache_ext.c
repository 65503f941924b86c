/*-------------------------------------------------------------------------
 *
 * cache_ext.c
 *	  Entry point: settings, shared memory, callbacks, hooks.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "config/kind.h"
#include "core/guc.h"
#include "core/hash.h"
#include "core/shmem.h"
#include "core/stats.h"
#include "functions/get.h"
#include "protocol/slot.h"
#include "protocol/start.h"
#include "read/fill.h"
#include "read/sample.h"
#include "sources/ddl.h"
#include "sources/extension.h"
#include "sources/frame.h"
#include "sources/reader.h"
#include "sources/source.h"
#include "store/store.h"
#include "write/log.h"
#include "write/xact.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

/*
 * What shared memory is divided into.  The last part has all that the others leave.
 */
static const CextShmemPart *const shmem_parts[] = {
	&cext_hash_shmem,
	&cext_start_shmem,
	&cext_slot_shmem,
	&cext_stats_shmem,
	&cext_fill_shmem,
	&cext_log_shmem,
	&cext_sample_shmem,
	&cext_store_shmem,
	NULL
};

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	cext_guc_define();
	cext_get_define();
	MarkGUCPrefixReserved("cache_ext");
	cext_kind_register(&cext_config_kind);
	if (process_shared_preload_libraries_in_progress)
		cext_shmem_init(shmem_parts);
	cext_extension_init();
	cext_source_init();
	cext_reader_init();
	cext_xact_init();
	cext_frame_init();
	cext_ddl_init();
}
