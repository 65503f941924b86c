/*-------------------------------------------------------------------------
 *
 * sources/type.h
 *	  The types of key columns, and the canonical text of their values.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_TYPE_H
#define CEXT_TYPE_H

#include "core/cext.h"

typedef enum CextTypeKind
{
	CEXT_TYPE_OTHER,			/* not one that a key may have */
	CEXT_TYPE_TEXT,
	CEXT_TYPE_BPCHAR,
	CEXT_TYPE_NAME,
	CEXT_TYPE_UUID,
	CEXT_TYPE_INT2,
	CEXT_TYPE_INT4,
	CEXT_TYPE_INT8,
	CEXT_TYPE_ENUM
} CextTypeKind;

typedef struct CextType
{
	CextTypeKind kind;
	Oid			oid;			/* as declared, or of the domain's base type */
} CextType;

#define CEXT_TYPE_IS_INTEGER(kind)	((kind) >= CEXT_TYPE_INT2 && (kind) <= CEXT_TYPE_INT8)
#define CEXT_TYPE_IS_STRING(kind)	((kind) >= CEXT_TYPE_TEXT && (kind) <= CEXT_TYPE_NAME)

extern CextType cext_type_of(Oid type, Oid collation);
extern CextString cext_type_text(CextType type, Datum value);
extern CextString cext_type_canonicalize(CextType type, CextString input);
extern char *cext_type_cstring(CextType type, Datum value);
extern int	cext_type_elements(Datum array, Datum **elements, bool **nulls);
extern int64 cext_type_integer(CextType type, Datum value);
extern bool cext_type_datum(CextType type, CextString text, Datum *value);
extern void cext_type_pin(CextType type);

#endif							/* CEXT_TYPE_H */
