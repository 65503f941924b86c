/*-------------------------------------------------------------------------
 *
 * sources/spi.c
 *	  Running statements as the extension's owner.
 *
 * What attaches tables makes triggers, and rows of cache_ext.attached, by statements.
 * They run in a security-restricted context with pg_catalog alone in the
 * search_path, and whatever setting changes meanwhile is restored, so that nothing
 * that runs along can leave anything behind for the caller.  An error undoes all
 * of it with the (sub)transaction.
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
	GetUserIdAndSecContext(&caller->user, &caller->sec_context);
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
	SetUserIdAndSecContext(caller->user, caller->sec_context);
}
