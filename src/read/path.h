/*-------------------------------------------------------------------------
 *
 * read/path.h
 *	  Finding a path in a JSONB image that may change meanwhile.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_PATH_H
#define CEXT_PATH_H

#include "core/cext.h"

#include "utils/jsonb.h"

/* A piece of an image: its type and where its bytes are. */
typedef struct CextPiece
{
	JEntry		type;			/* JENTRY_IS... */
	const char *data;
	uint32		len;
} CextPiece;

extern bool cext_path_find(const char *image, uint32 len,
						   const CextString *path, int npath,
						   CextPiece *piece);
extern Jsonb *cext_path_build(struct varlena *copy, JEntry type);

#endif							/* CEXT_PATH_H */
