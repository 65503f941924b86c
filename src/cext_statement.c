/*-------------------------------------------------------------------------
 *
 * cext_statement.c
 *	  The statements that read the sources.
 *
 * Each reads one table, as its owner, by equality with parameters of the
 * columns' own types.  They are prepared once, and anew when the sources changed.
 * Their plans are generic and kept from sequential scans: they outlive a table's
 * being small.
 *
 * Copyright (c) 2026, the cache_ext authors
 *
 *-------------------------------------------------------------------------
 */
#include "cext_statement.h"

#include "cext_source.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#define NUM_STATEMENTS	(CEXT_FETCH_PUBLIC + 1)

typedef struct Statement
{
	char	   *sql;			/* in statements_context */
	int			nargs;
	Oid			argtypes[CEXT_FETCH_PARAMETERS];
	SPIPlanPtr	plan;
	bool		planned;
} Statement;

static Statement statements[NUM_STATEMENTS];
static MemoryContext statements_context = NULL;
static uint64 statements_load = 0;	/* of cext_sources that they are made from */
static uint64 statements_change = 0;

/*
 * A key column as an expression; one of another type is compared by its text.
 */
static const char *
key_sql(const CextSource *source, int column)
{
	const char *name = quote_identifier(source->columns[column].name);

	if (source->columns[column].type.kind == CEXT_TYPE_OTHER)
		return psprintf("x.%s::text COLLATE \"C\"", name);
	return psprintf("x.%s", name);
}

/*
 * Add "column = $n", with a parameter of the column's type.
 */
static void
add_condition(StringInfo sql, Statement *statement, const CextSource *source, int column)
{
	statement->argtypes[statement->nargs++] =
		cext_type_parameter(source->columns[column].type);
	appendStringInfo(sql, " %s %s = $%d", statement->nargs == 1 ? "WHERE" : "AND",
					 key_sql(source, column), statement->nargs);
}

/*
 * SELECT value FROM table WHERE key = $1
 */
static void
make_lookup(StringInfo sql, Statement *statement, const CextSource *source)
{
	appendStringInfo(sql, "SELECT %s FROM %s%s x", key_sql(source, CEXT_COL_VALUE),
					 CEXT_FROM(source));
	add_condition(sql, statement, source, CEXT_COL_KEY);
}

static void
make_definition(StringInfo sql, Statement *statement, const CextSource *source)
{
	appendStringInfo(sql, "SELECT x.merge_strategy, (extract(epoch FROM x.ttl) * 1000)::bigint FROM %s%s x",
					 CEXT_FROM(source));
	add_condition(sql, statement, source, CEXT_COL_KEY);
}

static void
make_policy(StringInfo sql, Statement *statement, const CextSource *source)
{
	const CextColumn *rank = &source->columns[CEXT_COL_POLICY_RANK];
	const CextColumn *chain = &source->columns[CEXT_COL_POLICY_CHAIN];

	if (chain->attnum != InvalidAttrNumber)
		appendStringInfo(sql, "SELECT e.value%s, e.rank FROM %s%s x, unnest(x.%s) WITH ORDINALITY e(value, rank)",
						 chain->type.kind == CEXT_TYPE_OTHER ? "::text" : "",
						 CEXT_FROM(source), quote_identifier(chain->name));
	else
		appendStringInfo(sql, "SELECT %s, %s::bigint FROM %s%s x",
						 key_sql(source, CEXT_COL_POLICY_SCOPE),
						 rank->attnum == InvalidAttrNumber ? "NULL" :
						 psprintf("x.%s", quote_identifier(rank->name)),
						 CEXT_FROM(source));
	add_condition(sql, statement, source, CEXT_COL_KEY);
}

static void
make_fragment(StringInfo sql, Statement *statement, const CextSource *source, bool with_id)
{
	appendStringInfo(sql, "SELECT x.%s::jsonb FROM %s%s x",
					 quote_identifier(source->columns[CEXT_COL_FRAGMENT_CONFIG].name),
					 CEXT_FROM(source));
	add_condition(sql, statement, source, CEXT_COL_FRAGMENT_NAME);
	add_condition(sql, statement, source, CEXT_COL_FRAGMENT_SCOPE);
	if (with_id)
		add_condition(sql, statement, source, CEXT_COL_FRAGMENT_ID);
	else
		appendStringInfo(sql, " AND x.%s IS NULL",
						 quote_identifier(source->columns[CEXT_COL_FRAGMENT_ID].name));
}

/*
 * The source that a statement reads.
 */
const CextSource *
cext_statement_source(CextStatement id)
{
	static const CextRole roles[NUM_STATEMENTS] = {
		[CEXT_FETCH_USER] = CEXT_ROLE_USERS,
		[CEXT_FETCH_DOMAIN] = CEXT_ROLE_DOMAINS,
		[CEXT_FETCH_DEFINITION] = CEXT_ROLE_DEFINITIONS,
		[CEXT_FETCH_POLICY] = CEXT_ROLE_POLICIES,
		[CEXT_FETCH_FRAGMENT] = CEXT_ROLE_FRAGMENTS,
		[CEXT_FETCH_PUBLIC] = CEXT_ROLE_FRAGMENTS
	};

	return &cext_sources.source[roles[id]];
}

/*
 * Make a statement's text for the sources as they are; none if there is nothing
 * to read.
 */
static void
make_statement(CextStatement id, StringInfo sql, Statement *statement)
{
	const CextSource *source = cext_statement_source(id);

	if (!OidIsValid(source->relid))
		return;
	switch (id)
	{
		case CEXT_FETCH_USER:
		case CEXT_FETCH_DOMAIN:
			make_lookup(sql, statement, source);
			break;
		case CEXT_FETCH_DEFINITION:
			make_definition(sql, statement, source);
			break;
		case CEXT_FETCH_POLICY:
			make_policy(sql, statement, source);
			break;
		case CEXT_FETCH_FRAGMENT:
		case CEXT_FETCH_PUBLIC:
			make_fragment(sql, statement, source, id == CEXT_FETCH_FRAGMENT);
			break;
	}
}

/*
 * Give a statement up, or keep it if its text is the same and nothing that it
 * reads was changed.
 */
static void
renew_statement(CextStatement id, bool changed)
{
	Statement  *statement = &statements[id];
	Statement	made = {0};
	StringInfoData sql;

	initStringInfo(&sql);
	make_statement(id, &sql, &made);
	if (!changed && statement->sql != NULL && strcmp(statement->sql, sql.data) == 0 &&
		memcmp(statement->argtypes, made.argtypes, sizeof(made.argtypes)) == 0)
		return;

	if (statement->plan != NULL)
		SPI_freeplan(statement->plan);
	if (statement->sql != NULL)
		pfree(statement->sql);
	*statement = made;
	statement->sql = MemoryContextStrdup(statements_context, sql.data);
}

/*
 * Bring the statements up to date with cext_sources.
 */
void
cext_statement_renew(void)
{
	if (statements_load == cext_sources.loads)
		return;
	if (statements_context == NULL)
		statements_context = AllocSetContextCreate(TopMemoryContext, "cache_ext statements",
												   ALLOCSET_SMALL_SIZES);
	for (int i = 0; i < NUM_STATEMENTS; i++)
		renew_statement(i, statements_change != cext_sources.changes);
	statements_load = cext_sources.loads;
	statements_change = cext_sources.changes;
}

/*
 * Run a statement, which must be up to date, under a snapshot.  Its rows are in
 * SPI_tuptable.  Throws what reading a table can throw.
 */
void
cext_statement_run(CextStatement id, const CextCaller *caller, Snapshot snapshot,
				   Datum *values)
{
	Statement  *statement = &statements[id];
	int			nestlevel = 0;
	int			rc;

	cext_spi_become(caller, cext_statement_source(id)->owner);
	if (statement->plan == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare_cursor(statement->sql, statement->nargs,
											  statement->argtypes,
											  CURSOR_OPT_GENERIC_PLAN);

		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare a fetch: %s",
				 SPI_result_code_string(SPI_result));
		statement->plan = plan;
	}
	if (!statement->planned)
	{
		nestlevel = NewGUCNestLevel();
		(void) set_config_option("enable_seqscan", "off", PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	}
	rc = SPI_execute_snapshot(statement->plan, values, NULL, snapshot,
							  InvalidSnapshot, true, false, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "could not run a fetch: %s", SPI_result_code_string(rc));
	if (!statement->planned)
	{
		AtEOXact_GUC(false, nestlevel);
		statement->planned = true;
	}
}
