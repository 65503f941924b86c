/*-------------------------------------------------------------------------
 *
 * sources/frame.c
 *	  Queries under way that write a source.
 *
 * What a query's rows are part of is collected by triggers that run when all
 * rows are written.  In between, code that the query calls can see rows of which
 * nothing is collected yet; so while such a query is under way all reads of the
 * transaction read through.  Afterwards the set in write/xact.c is complete, and
 * tells which entries the transaction's own changes concern.
 *
 * A frame is a query that fires its own AFTER triggers, or COPY FROM: what opens
 * a level of PostgreSQL's queue of triggers.  Its rows' triggers have all run when
 * the standard ExecutorFinish returns, or COPY.  Those of the rows that foreign
 * keys' actions write are queued at the level of the query that set them off, and
 * the queries that write them have EXEC_FLAG_SKIP_TRIGGERS and are no frames.
 * Nor is a SELECT without modifying CTEs, to which PostgreSQL gives that flag: it
 * has no rows of its own, and what it calls that writes is a frame for itself.
 * PostgreSQL sees to it that no query returns to its caller while its level is on
 * the queue: a portal that writes runs to its end at its first fetch.  So frames
 * are a stack, as the levels are.
 *
 * Statement triggers would not do in their place.  Those BEFORE and AFTER are not
 * paired: for some of the actions of foreign keys PostgreSQL fires one of each for
 * several of them, and for others it fires them again.
 *
 * An error that is caught rolls a subtransaction back, and ends the frames that
 * were opened in it, as it ends the levels.  A frame that its query does not end,
 * because something else goes wrong, lasts until the transaction ends.  After a
 * write outside of any frame, too, reads go through until the transaction ends.
 *
 * What backends remember of the sources is a case of its own: a read can load it
 * in the middle of a query that writes it.  From the first such query until the
 * transaction ends each read loads it anew, and it is loaded anew after that, and
 * after a subtransaction that was rolled back.
 *
 * Every query that writes anything opens a frame, in databases without the extension
 * too: that it writes a source is known only when it does.  So a frame is a few bytes
 * of an array that outlives transactions and only grows, with the depth of nesting.
 *
 * All state here is the backend's own.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "sources/frame.h"

#include "protocol/start.h"
#include "sources/source.h"
#include "write/xact.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/memutils.h"

typedef struct Frame
{
	QueryDesc  *query;			/* NULL: COPY */
	int			level;			/* of subtransactions, when it was opened */
	bool		writes;			/* a source */
} Frame;

#define INITIAL_FRAMES	16

/* Has this transaction written what backends remember of the sources? */
bool		cext_frame_wrote_sources = false;

static Frame *frames = NULL;	/* in TopMemoryContext, the outermost first */
static int	max_frames = 0;
static int	depth = 0;			/* frames that are open */
static int	writing = 0;		/* frames that write a source */
static bool wrote_outside = false;

static ExecutorStart_hook_type prev_executor_start_hook = NULL;
static ExecutorFinish_hook_type prev_executor_finish_hook = NULL;
static ProcessUtility_hook_type prev_process_utility_hook = NULL;

static void
make_room(void)
{
	if (frames == NULL)
		frames = MemoryContextAlloc(TopMemoryContext, INITIAL_FRAMES * sizeof(Frame));
	else
		frames = repalloc(frames, 2 * max_frames * sizeof(Frame));
	max_frames = Max(INITIAL_FRAMES, 2 * max_frames);
}

static void
begin_frame(QueryDesc *query)
{
	if (unlikely(depth == max_frames))
		make_room();
	frames[depth].query = query;
	frames[depth].level = GetCurrentTransactionNestLevel();
	frames[depth].writes = false;
	depth++;
}

static void
end_frame(void)
{
	if (frames[--depth].writes && --writing == 0 && !wrote_outside)
		cext_xact_own &= ~CEXT_OWN_QUERY;
}

/*
 * End the innermost frame if it is that of a query, or of COPY.
 */
static void
end_frame_of(const QueryDesc *query)
{
	if (depth > 0 && frames[depth - 1].query == query)
		end_frame();
}

/*
 * The query under way writes to a source: said by each trigger of ours, of which
 * one runs before the first row is written.
 */
void
cext_frame_writes(void)
{
	cext_xact_own |= CEXT_OWN_QUERY;
	if (depth == 0)
		wrote_outside = true;
	else if (!frames[depth - 1].writes)
	{
		frames[depth - 1].writes = true;
		writing++;
	}
}

/*
 * And to one that backends remember.
 */
void
cext_frame_writes_sources(void)
{
	cext_frame_wrote_sources = true;
}

/*
 * Has the query a level of its own on the queue of triggers?
 */
static bool
is_frame(const QueryDesc *query)
{
	return (query->estate->es_top_eflags &
			(EXEC_FLAG_SKIP_TRIGGERS | EXEC_FLAG_EXPLAIN_ONLY)) == 0;
}

static void
executor_start(QueryDesc *query, int eflags)
{
	cext_start_note();
	if (prev_executor_start_hook)
		prev_executor_start_hook(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
	if (is_frame(query))
		begin_frame(query);
}

static void
executor_finish(QueryDesc *query)
{
	if (prev_executor_finish_hook)
		prev_executor_finish_hook(query);
	else
		standard_ExecutorFinish(query);
	if (is_frame(query))
		end_frame_of(query);
}

static void
process_utility(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc)
{
	bool		is_copy = IsA(pstmt->utilityStmt, CopyStmt) &&
		castNode(CopyStmt, pstmt->utilityStmt)->is_from;

	cext_start_note();
	if (is_copy)
		begin_frame(NULL);
	if (prev_process_utility_hook)
		prev_process_utility_hook(pstmt, queryString, readOnlyTree, context,
								  params, queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context,
								params, queryEnv, dest, qc);
	if (is_copy)
		end_frame_of(NULL);
}

static void
subxact_callback(SubXactEvent event, SubTransactionId my, SubTransactionId parent,
				 void *arg)
{
	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	while (depth > 0 && frames[depth - 1].level >= GetCurrentTransactionNestLevel())
		end_frame();
	if (cext_frame_wrote_sources)
		cext_source_forget();
}

static void
xact_callback(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE ||
		event == XACT_EVENT_PARALLEL_PRE_COMMIT)
		return;
	if (cext_frame_wrote_sources)
		cext_source_forget();

	depth = 0;
	writing = 0;
	wrote_outside = false;
	cext_frame_wrote_sources = false;
	cext_xact_own &= ~CEXT_OWN_QUERY;
}

/*
 * Install hooks and callbacks; called once, from _PG_init.
 */
void
cext_frame_init(void)
{
	prev_executor_start_hook = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
	prev_executor_finish_hook = ExecutorFinish_hook;
	ExecutorFinish_hook = executor_finish;
	prev_process_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	RegisterXactCallback(xact_callback, NULL);
	RegisterSubXactCallback(subxact_callback, NULL);
}
