/*-------------------------------------------------------------------------
 *
 * functions/argument.c
 *	  Arguments and results of SQL functions: ids and names.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "functions/argument.h"

#include "catalog/pg_type.h"

/*
 * Report an id that is empty or too long.
 */
void
cext_argument_report(int len, const char *what)
{
	if (len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be empty", what)));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is too long", what),
			 errdetail("It has %d bytes; at most %d are possible.",
					   len, CEXT_MAX_ID)));
}

/*
 * An array of text as strings.
 */
CextString *
cext_argument_strings(ArrayType *array, const char *what, int *n)
{
	Datum	   *elements;
	bool	   *nulls;
	CextString *strings;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s must be a one-dimensional array", what)));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, n);
	strings = palloc(*n * sizeof(CextString));
	for (int i = 0; i < *n; i++)
		strings[i] = nulls[i] ? CEXT_NULL_STRING :
			cext_text_to_string((text *) DatumGetPointer(elements[i]));
	return strings;
}
