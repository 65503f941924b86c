/*-------------------------------------------------------------------------
 *
 * sources/frame.h
 *	  Queries under way that write a source.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_FRAME_H
#define CEXT_FRAME_H

#include "core/cext.h"

extern bool cext_frame_wrote_sources;

extern void cext_frame_init(void);
extern void cext_frame_writes(void);
extern void cext_frame_writes_sources(void);

#endif							/* CEXT_FRAME_H */
