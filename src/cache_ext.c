/*-------------------------------------------------------------------------
 *
 * cache_ext.c
 *	  Entry point: settings, shared memory, callbacks, hooks.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "core/guc.h"
#include "core/shmem.h"
#include "sources/ddl.h"
#include "sources/extension.h"
#include "sources/frame.h"
#include "sources/reader.h"
#include "sources/source.h"
#include "write/xact.h"

#include "fmgr.h"
#include "miscadmin.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	cext_guc_define();
	if (process_shared_preload_libraries_in_progress)
		cext_shmem_install_hooks();
	cext_extension_init();
	cext_source_init();
	cext_reader_init();
	cext_xact_init();
	cext_frame_init();
	cext_ddl_init();
}
