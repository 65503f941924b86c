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

/* What to read.  user is null for CEXT_KIND_PUBLIC. */
typedef struct CextRequest
{
	CextKind	kind;
	CextString	user;
	CextString	name;
	const CextString *path;		/* of the piece wanted, or NULL */
	int			npath;
} CextRequest;

extern struct varlena *cext_config_read(const CextRequest *request);

#endif							/* CEXT_CONFIG_H */
