/*-------------------------------------------------------------------------
 *
 * cext_config.h
 *	  The read path: look up, fill, read through.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_CONFIG_H
#define CEXT_CONFIG_H

#include "cext.h"
#include "cext_key.h"

/*
 * What to read: a key, which cext_config_read makes canonical and completes,
 * and a path.
 */
typedef struct CextRequest
{
	CextKey		key;
	const CextString *path;		/* of the piece wanted, or NULL */
	int			npath;
	uint64		generation;		/* of EVERYTHING, at which the key was made */
} CextRequest;

extern struct varlena *cext_config_read(CextRequest *request);

#endif							/* CEXT_CONFIG_H */
