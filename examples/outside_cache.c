/*
 * A cache outside the database that listening keeps right: C with libpq.
 *
 *	cc -I$(pg_config --includedir) outside_cache.c -o outside_cache -lpq
 *
 * Connects as libpq's environment variables say.  Reads lines of "user name" and
 * prints "loaded" or "cached" and the configuration; "dropped" and how many entries
 * when a transaction has changed them, "listening" after each connect.
 *
 * What makes it right: loads go over the connection that listens, so that what a
 * load did not see is told after its result; and what was cached before a connect is
 * forgotten, since nobody told us of changes meanwhile.  For the sake of brevity it
 * keeps few entries and forgets all of them on any change, so that it need not look
 * at payloads, which anybody who may connect can send.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#define MAX_ENTRIES 64

typedef struct Entry
{
	char		key[256];
	char	   *config;
} Entry;

static PGconn *conn = NULL;
static Entry entries[MAX_ENTRIES];
static int	nentries = 0;

static int
forget_all(void)
{
	int			n = nentries;

	while (nentries > 0)
		free(entries[--nentries].config);
	return n;
}

static void
say(const char *what, const char *text)
{
	printf("%s %s\n", what, text);
	fflush(stdout);
}

/* Connect, if we are not connected. */
static int
require_connection(void)
{
	if (conn != NULL && PQstatus(conn) == CONNECTION_OK)
		return 1;
	forget_all();
	PQfinish(conn);
	conn = PQconnectdb("");
	if (PQstatus(conn) != CONNECTION_OK)
		return 0;
	PQclear(PQexec(conn, "LISTEN cache_ext"));
	say("listening", "");
	return 1;
}

/* Take what the server has told us. */
static void
hear(void)
{
	PGnotify   *notify;
	char		n[16];

	if (!PQconsumeInput(conn))
	{
		forget_all();
		say("lost", "");
		PQfinish(conn);
		conn = NULL;
		return;
	}
	while ((notify = PQnotifies(conn)) != NULL)
	{
		snprintf(n, sizeof(n), "%d", forget_all());
		say("dropped", n);
		PQfreemem(notify);
	}
}

static void
get(const char *line)
{
	Entry	   *entry = &entries[nentries];
	char		user[256];
	char		name[256];
	const char *values[] = {user, name};
	PGresult   *result;

	if (sscanf(line, "%255s %255s", user, name) != 2)
		return;
	if (!require_connection())
	{
		say("error", PQerrorMessage(conn));
		return;
	}
	for (int i = 0; i < nentries; i++)
	{
		if (strcmp(entries[i].key, line) == 0)
		{
			say("cached", entries[i].config);
			return;
		}
	}
	result = PQexecParams(conn, "SELECT cache_ext.get_merged_config_json($1, $2)::text",
						  2, NULL, values, NULL, NULL, 0);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		say("error", PQresultErrorMessage(result));
	else
	{
		say("loaded", PQgetvalue(result, 0, 0));
		if (nentries < MAX_ENTRIES && strlen(line) < sizeof(entry->key))
		{
			strcpy(entry->key, line);
			entry->config = strdup(PQgetvalue(result, 0, 0));
			nentries++;
		}
	}
	PQclear(result);

	/*
	 * Whatever came with the result is about later transactions, or earlier
	 * ones.
	 */
	hear();
}

int
main(void)
{
	char		line[512];

	require_connection();
	for (;;)
	{
		int			sock = conn == NULL ? -1 : PQsocket(conn);
		fd_set		input;

		FD_ZERO(&input);
		FD_SET(STDIN_FILENO, &input);
		if (sock >= 0)
			FD_SET(sock, &input);
		if (select((sock > STDIN_FILENO ? sock : STDIN_FILENO) + 1, &input, NULL, NULL, NULL) < 0)
			return 1;
		if (sock >= 0 && FD_ISSET(sock, &input))
			hear();
		if (FD_ISSET(STDIN_FILENO, &input))
		{
			/* One read gives one line: whoever asks waits for the answer. */
			ssize_t		n = read(STDIN_FILENO, line, sizeof(line) - 1);

			if (n <= 0)
				break;
			line[n] = '\0';
			get(line);
		}
	}
	PQfinish(conn);
	return 0;
}
