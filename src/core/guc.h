/*-------------------------------------------------------------------------
 *
 * core/guc.h
 *	  The settings.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_GUC_H
#define CEXT_GUC_H

#include "core/cext.h"

extern bool cext_enabled;
extern int	cext_memory_kb;
extern int	cext_slots;
extern int	cext_max_entry_kb;
extern int	cext_default_ttl_s;
extern bool cext_cache_absent;
extern int	cext_fill_wait_ms;
extern bool cext_notify;
extern int	cext_clock_offset_s;

extern void cext_guc_define(void);

#endif							/* CEXT_GUC_H */
