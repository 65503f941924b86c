/*-------------------------------------------------------------------------
 *
 * config/compute.h
 *	  The read path: look up, fill, read through.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_CONFIG_H
#define CEXT_CONFIG_H

#include "core/cext.h"
#include "read/entry.h"

extern struct varlena *cext_config_read(CextRequest *request);
extern bool cext_config_usable(Snapshot snapshot, uint64 *any, CextCounter *reason);
extern bool cext_config_prepare(CextRequest *request, Snapshot snapshot, uint64 *any,
								CextCounter *reason);
extern struct varlena *cext_config_compute(CextRequest *request);

#endif							/* CEXT_CONFIG_H */
