/*-------------------------------------------------------------------------
 *
 * write/notify.h
 *	  Telling listeners what a transaction changed.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_NOTIFY_H
#define CEXT_NOTIFY_H

#include "core/cext.h"

extern void cext_notify_send(void);

#endif							/* CEXT_NOTIFY_H */
