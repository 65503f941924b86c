/*-------------------------------------------------------------------------
 *
 * cext_spi.c
 *	  Running statements as the owner of what they read.
 *
 * Statements of ours run in a security-restricted context with pg_catalog alone
 * in the search_path, each as the owner of its table: a reader needs no
 * privilege on the tables, and nobody's table gets more than its owner has.
 * An error undoes all of it with the (sub)transaction.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "cext_spi.h"

#include "executor/spi.h"
#include "miscadmin.h"

/*
 * Connect to SPI, with a pinned search_path.
 */
void
cext_spi_begin(CextCaller *caller)
{
	GetUserIdAndSecContext(&caller->user, &caller->sec_context);
	CextPinSearchPath(&caller->path);
	SPI_connect();
}

/*
 * Run as an owner of tables from now on.
 */
void
cext_spi_become(const CextCaller *caller, Oid owner)
{
	SetUserIdAndSecContext(owner,
						   caller->sec_context |
						   SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
}

/*
 * Run as the caller again.
 */
void
cext_spi_end(CextCaller *caller)
{
	SPI_finish();
	CextUnpinSearchPath(&caller->path);
	SetUserIdAndSecContext(caller->user, caller->sec_context);
}
