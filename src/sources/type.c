/*-------------------------------------------------------------------------
 *
 * sources/type.c
 *	  The types of key columns, and the canonical text of their values.
 *
 * Keys and slices are made of text, whatever types an application's columns
 * have.  A value's canonical text is what the type's output function gives,
 * except for bpchar, whose trailing blanks mean nothing and are left out.  Only
 * types are supported for which two values are equal exactly if their canonical
 * texts are the same bytes: then readers, which come with text, and triggers, which
 * come with values, agree on what is the same key.
 *
 * Between columns of different types (a uuid that is looked for in a
 * varchar column) values are equal if their canonical texts are.
 *
 * Labels of an enum can be renamed, also during a transaction whose trigger has
 * made a key of the old one.  cext_type_pin keeps that from happening.
 *
 * Locks: cext_type_pin's, held to the end of the transaction.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "sources/type.h"

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#define UUID_TEXT_LEN		36

/*
 * The type that a domain is over in the end, or the type itself.  One that is
 * missing is no error.
 */
static Oid
base_type(Oid type)
{
	for (;;)
	{
		HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
		Form_pg_type form;
		Oid			below = InvalidOid;

		if (!HeapTupleIsValid(tuple))
			return type;
		form = (Form_pg_type) GETSTRUCT(tuple);
		if (form->typtype == TYPTYPE_DOMAIN)
			below = form->typbasetype;
		ReleaseSysCache(tuple);
		if (!OidIsValid(below))
			return type;
		type = below;
	}
}

static bool
is_deterministic(Oid collation)
{
	HeapTuple	tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_collation) GETSTRUCT(tuple))->collisdeterministic;
	ReleaseSysCache(tuple);
	return result;
}

/*
 * What a column's type and collation mean for keys.  Domains count as their
 * base types.
 */
CextType
cext_type_of(Oid type, Oid collation)
{
	CextType	result = {CEXT_TYPE_OTHER, base_type(type)};

	switch (result.oid)
	{
		case TEXTOID:
		case VARCHAROID:
			result.kind = CEXT_TYPE_TEXT;
			break;
		case BPCHAROID:
			result.kind = CEXT_TYPE_BPCHAR;
			break;
		case NAMEOID:
			result.kind = CEXT_TYPE_NAME;
			break;
		case UUIDOID:
			result.kind = CEXT_TYPE_UUID;
			break;
		case INT2OID:
			result.kind = CEXT_TYPE_INT2;
			break;
		case INT4OID:
			result.kind = CEXT_TYPE_INT4;
			break;
		case INT8OID:
			result.kind = CEXT_TYPE_INT8;
			break;
		default:
			if (type_is_enum(result.oid))
				result.kind = CEXT_TYPE_ENUM;
			break;
	}
	if (CEXT_TYPE_IS_STRING(result.kind) &&
		!is_deterministic(collation))
		result.kind = CEXT_TYPE_OTHER;
	return result;
}

/* Without the blanks at the end. */
static CextString
trim(CextString s)
{
	while (s.len > 0 && s.data[s.len - 1] == ' ')
		s.len--;
	return s;
}

/*
 * The canonical text of a value, which is not null.  It may point into the
 * value, or is allocated in the current context.
 */
CextString
cext_type_text(CextType type, Datum value)
{
	text	   *t;
	CextString	s;
	Oid			output;
	bool		is_varlena;

	switch (type.kind)
	{
		case CEXT_TYPE_TEXT:
		case CEXT_TYPE_BPCHAR:
			t = DatumGetTextPP(value);
			s = (CextString) {VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t)};
			return type.kind == CEXT_TYPE_BPCHAR ? trim(s) : s;
		case CEXT_TYPE_NAME:
			return cext_string(NameStr(*DatumGetName(value)));
		default:
			getTypeOutputInfo(type.oid, &output, &is_varlena);
			return cext_string(OidOutputFunctionCall(output, value));
	}
}

/*
 * The same, terminated and allocated in the current context.
 */
char *
cext_type_cstring(CextType type, Datum value)
{
	CextString	s = cext_type_text(type, value);

	return pnstrdup(s.data, s.len);
}

/* Is it a uuid as uuid_out writes it? */
static bool
is_canonical_uuid(CextString s)
{
	if (s.len != UUID_TEXT_LEN)
		return false;
	for (int i = 0; i < UUID_TEXT_LEN; i++)
	{
		char		c = s.data[i];

		if (i == 8 || i == 13 || i == 18 || i == 23)
		{
			if (c != '-')
				return false;
		}
		else if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return true;
}

/* Is it an integer as its output function writes it, of at most maxdigits? */
static bool
is_canonical_integer(CextString s, int maxdigits)
{
	int			first = s.len > 0 && s.data[0] == '-' ? 1 : 0;
	int			digits = s.len - first;

	if (digits < 1 || digits > maxdigits)
		return false;
	if (s.data[first] == '0' && s.len > 1)
		return false;
	for (int i = first; i < s.len; i++)
	{
		if (s.data[i] < '0' || s.data[i] > '9')
			return false;
	}
	return true;
}

/* Integers of so many digits are all in the type's range. */
static int
safe_digits(CextTypeKind kind)
{
	return kind == CEXT_TYPE_INT2 ? 4 : kind == CEXT_TYPE_INT4 ? 9 : 18;
}

/*
 * Bring what a caller gave to the canonical text of the type, by way of its
 * input function, which throws if it is no value of the type.  What is canonical
 * already is returned as it is.
 */
CextString
cext_type_canonicalize(CextType type, CextString input)
{
	Oid			function;
	Oid			typioparam;

	switch (type.kind)
	{
		case CEXT_TYPE_OTHER:
		case CEXT_TYPE_TEXT:
		case CEXT_TYPE_NAME:
			/* What is too long for a name equals none. */
			return input;
		case CEXT_TYPE_BPCHAR:
			return trim(input);
		case CEXT_TYPE_UUID:
			if (is_canonical_uuid(input))
				return input;
			break;
		case CEXT_TYPE_INT2:
		case CEXT_TYPE_INT4:
		case CEXT_TYPE_INT8:
			if (is_canonical_integer(input, safe_digits(type.kind)))
				return input;
			break;
		case CEXT_TYPE_ENUM:
			break;
	}
	getTypeInputInfo(type.oid, &function, &typioparam);
	return cext_type_text(type,
						  OidInputFunctionCall(function,
											   pnstrdup(input.data, input.len),
											   typioparam, -1));
}

static bool
integer_datum(CextTypeKind kind, CextString text, Datum *value)
{
	char		buffer[MAXINT8LEN + 1];
	int64		i;

	if (!is_canonical_integer(text, MAXINT8LEN - 1))
		return false;
	memcpy(buffer, text.data, text.len);
	buffer[text.len] = '\0';
	errno = 0;
	i = strtoll(buffer, NULL, 10);
	if (errno != 0)
		return false;
	switch (kind)
	{
		case CEXT_TYPE_INT2:
			*value = Int16GetDatum((int16) i);
			return i >= PG_INT16_MIN && i <= PG_INT16_MAX;
		case CEXT_TYPE_INT4:
			*value = Int32GetDatum((int32) i);
			return i >= PG_INT32_MIN && i <= PG_INT32_MAX;
		default:
			*value = Int64GetDatum(i);
			return true;
	}
}

static bool
enum_datum(Oid type, CextString text, Datum *value)
{
	char		label[NAMEDATALEN];
	HeapTuple	tuple;

	if (text.len >= NAMEDATALEN)
		return false;
	memcpy(label, text.data, text.len);
	label[text.len] = '\0';
	tuple = SearchSysCache2(ENUMTYPOIDNAME, ObjectIdGetDatum(type),
							CStringGetDatum(label));
	if (!HeapTupleIsValid(tuple))
		return false;
	*value = ObjectIdGetDatum(((Form_pg_enum) GETSTRUCT(tuple))->oid);
	ReleaseSysCache(tuple);
	return true;
}

static bool
name_datum(CextString text, Datum *value)
{
	Name		name;

	if (text.len >= NAMEDATALEN)
		return false;
	name = palloc0(NAMEDATALEN);
	memcpy(NameStr(*name), text.data, text.len);
	*value = NameGetDatum(name);
	return true;
}

/*
 * The value whose canonical text this is, allocated in the current context; for a
 * type that is none for keys, the text itself.  False if there is no such value.
 * Throws for want of memory only.
 */
bool
cext_type_datum(CextType type, CextString text, Datum *value)
{
	switch (type.kind)
	{
		case CEXT_TYPE_OTHER:
		case CEXT_TYPE_TEXT:
		case CEXT_TYPE_BPCHAR:
			*value = PointerGetDatum(cstring_to_text_with_len(text.data, text.len));
			return type.kind != CEXT_TYPE_BPCHAR || trim(text).len == text.len;

		case CEXT_TYPE_NAME:
			return name_datum(text, value);
		case CEXT_TYPE_UUID:
			if (!is_canonical_uuid(text))
				return false;
			*value = DirectFunctionCall1(uuid_in,
										 CStringGetDatum(pnstrdup(text.data, text.len)));
			return true;
		case CEXT_TYPE_INT2:
		case CEXT_TYPE_INT4:
		case CEXT_TYPE_INT8:
			return integer_datum(type.kind, text, value);
		case CEXT_TYPE_ENUM:
			return enum_datum(type.oid, text, value);
	}
	return false;				/* keep compiler quiet */
}

/*
 * The elements of an array, whatever its dimensions; returns how many.
 */
int
cext_type_elements(Datum array, Datum **elements, bool **nulls)
{
	ArrayType  *a = DatumGetArrayTypeP(array);
	int16		typlen;
	bool		typbyval;
	char		typalign;
	int			n;

	get_typlenbyvalalign(ARR_ELEMTYPE(a), &typlen, &typbyval, &typalign);
	deconstruct_array(a, ARR_ELEMTYPE(a), typlen, typbyval, typalign, elements, nulls, &n);
	return n;
}

/*
 * A value of one of the integer types.
 */
int64
cext_type_integer(CextType type, Datum value)
{
	switch (type.kind)
	{
		case CEXT_TYPE_INT2:
			return DatumGetInt16(value);
		case CEXT_TYPE_INT4:
			return DatumGetInt32(value);
		default:
			Assert(type.kind == CEXT_TYPE_INT8);
			return DatumGetInt64(value);
	}
}

/*
 * Keep the canonical texts of the type's values as they are until this
 * transaction ends: to be called before a trigger takes the text of a value.
 * Renaming a label takes an EXCLUSIVE lock on its enum, as of PostgreSQL 10.
 */
void
cext_type_pin(CextType type)
{
	if (type.kind == CEXT_TYPE_ENUM)
		LockDatabaseObject(TypeRelationId, type.oid, 0, RowShareLock);
}
