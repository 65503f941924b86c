/*-------------------------------------------------------------------------
 *
 * cache_ext.c
 *	  Entry point: settings, shared memory, callbacks, hooks.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "cext_ddl.h"
#include "cext_extension.h"
#include "cext_frame.h"
#include "cext_guc.h"
#include "cext_reader.h"
#include "cext_shmem.h"
#include "cext_source.h"
#include "cext_xact.h"

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
