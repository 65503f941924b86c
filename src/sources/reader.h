/*-------------------------------------------------------------------------
 *
 * sources/reader.h
 *	  Reading the sources' tables, by number, under one snapshot.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CEXT_READER_H
#define CEXT_READER_H

#include "sources/index.h"

#include "access/genam.h"
#include "executor/tuptable.h"

/* A table that is open, with the scan that was used last. */
typedef struct CextOpen
{
	Relation	rel;
	Relation	index;
	IndexScanDesc scan;
	int			nkeys;
	TupleTableSlot *slot;
} CextOpen;

typedef struct CextReader
{
	Snapshot	snapshot;		/* the active one */
	MemoryContext row;			/* of what it takes to compare one, or NULL */
	CextOpen	open[CEXT_MAX_PARTS];
} CextReader;

/*
 * Called for each row that is found, with the numbers that the source's columns
 * have in it; false: no more.
 */
typedef bool (*CextRowFunction) (void *arg, TupleTableSlot *row,
								 const AttrNumber *attnums);

extern void cext_reader_init(void);
extern void cext_reader_begin(CextReader *reader, Snapshot snapshot);
extern bool cext_reader_open(CextReader *reader, const CextSource *source);
extern void cext_reader_scan(CextReader *reader, const CextSource *source, const CextAsk *ask,
							 const CextString *texts, CextRowFunction function, void *arg);
extern void cext_reader_end(CextReader *reader);

#endif							/* CEXT_READER_H */
