/*-------------------------------------------------------------------------
 *
 * sources/spi.c
 *	  Running statements as the extension's owner.
 *
 * Attaching a table takes statements, on cache_ext.attached and for privileges, and
 * makes triggers.  All this runs in a security-restricted context with only
 * pg_catalog, and pg_temp after it, in the search_path.  Whatever setting changes
 * meanwhile is restored, so that no code that runs along can leave anything behind
 * for the caller.  An error undoes all of it with the (sub)transaction.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "sources/spi.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/guc.h"

/*
 * Connect to SPI, and run as the owner from now on.
 */
void
cext_spi_begin(CextCaller *caller, Oid owner)
{
	GetUserIdAndSecContext(&caller->role, &caller->sec_context);
	SetUserIdAndSecContext(owner,
						   caller->sec_context |
						   SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	caller->nestlevel = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
}

/*
 * Run as the caller again.
 */
void
cext_spi_end(CextCaller *caller)
{
	SPI_finish();
	AtEOXact_GUC(false, caller->nestlevel);
	SetUserIdAndSecContext(caller->role, caller->sec_context);
}
