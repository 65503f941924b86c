/*-------------------------------------------------------------------------
 *
 * functions/argument.h
 *	  Arguments and results of SQL functions: ids and names.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_ARGUMENT_H
#define CEXT_ARGUMENT_H

#include "core/cext.h"

#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

/* Room for the text of a uuid or a bigint. */
#define CEXT_ID_TEXT_LEN	40

extern void cext_argument_report(int len, const char *what);
extern CextString *cext_argument_strings(ArrayType *array, const char *what, int *n);

/*
 * Check an id that a caller gave.
 */
static inline void
cext_argument_check(CextString id, const char *what)
{
	if (unlikely((uint32) id.len - 1 >= CEXT_MAX_ID))
		cext_argument_report(id.len, what);
}

/*
 * A text as a string, without a call for the usual kinds.
 */
static inline CextString
cext_text_to_string(text *t)
{
	if (likely(VARATT_IS_4B_U(t)))
		return (CextString) {VARDATA_4B(t), VARSIZE_4B(t) - VARHDRSZ};
	if (unlikely(!VARATT_IS_1B(t) || VARATT_IS_1B_E(t)))
	{
		t = (text *) pg_detoast_datum((struct varlena *) t);
		return (CextString) {VARDATA_4B(t), VARSIZE_4B(t) - VARHDRSZ};
	}
	return (CextString) {VARDATA_1B(t), VARSIZE_1B(t) - VARHDRSZ_SHORT};
}

/*
 * A string as a text, which is null where the string is.
 */
static inline Datum
cext_string_datum(CextString s, bool *isnull)
{
	*isnull = s.data == NULL;
	return *isnull ? (Datum) 0 :
		PointerGetDatum(cstring_to_text_with_len(s.data, s.len));
}

/*
 * An argument as a string, which is null where the argument is.
 */
static inline CextString
cext_argument_id(FunctionCallInfo fcinfo, int n, const char *what)
{
	CextString	id;

	if (PG_ARGISNULL(n))
		return CEXT_NULL_STRING;
	id = cext_text_to_string((text *) PG_GETARG_POINTER(n));
	cext_argument_check(id, what);
	return id;
}

/*
 * A uuid as a string, as uuid_out writes it, in a buffer; null where the argument is.
 */
static inline CextString
cext_argument_uuid(FunctionCallInfo fcinfo, int n, char *buffer)
{
	static const char digits[] = "0123456789abcdef";
	const pg_uuid_t *uuid;
	char	   *p = buffer;

	if (PG_ARGISNULL(n))
		return CEXT_NULL_STRING;
	uuid = PG_GETARG_UUID_P(n);
	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digits[uuid->data[i] >> 4];
		*p++ = digits[uuid->data[i] & 0xf];
	}
	return (CextString) {buffer, p - buffer};
}

/*
 * A bigint as a string, likewise.
 */
static inline CextString
cext_argument_bigint(FunctionCallInfo fcinfo, int n, char *buffer)
{
	if (PG_ARGISNULL(n))
		return CEXT_NULL_STRING;
	return (CextString) {buffer, pg_lltoa(PG_GETARG_INT64(n), buffer)};
}

/*
 * A text for what the views show, which is canonical: blanks in a bpchar column
 * are the empty string.
 */
static inline CextString
cext_argument_shown(FunctionCallInfo fcinfo, int n, const char *what)
{
	if (!PG_ARGISNULL(n) && VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(n)) == 0)
		return cext_string("");
	return cext_argument_id(fcinfo, n, what);
}

#endif							/* CEXT_ARGUMENT_H */
