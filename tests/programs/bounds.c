/* SPDX-License-Identifier: MIT */
/*
 * bounds STRING|ARRAYS|LOGIN|START CONNINFO - connects so, and finishes.
 *
 * The word says by which function; CONNINFO is the name of a database where a
 * function takes none, which libpq expands.
 */
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static PGconn *begin(const char *info)
{
	PGconn *conn = PQconnectStart(info);
	PostgresPollingStatusType next = PGRES_POLLING_WRITING;

	while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
		struct pollfd wait = { .fd = PQsocket(conn),
				       .events = next == PGRES_POLLING_READING
							 ? POLLIN
							 : POLLOUT };

		poll(&wait, 1, 5000);
		next = PQconnectPoll(conn);
	}
	return conn;
}

static PGconn *connect_by(const char *way, const char *info)
{
	if (!strcmp(way, "STRING"))
		return PQconnectdb(info);
	if (!strcmp(way, "START"))
		return begin(info);
	if (!strcmp(way, "LOGIN"))
		return PQsetdbLogin(NULL, NULL, NULL, NULL, info, NULL, NULL);
	return PQconnectdbParams((const char *[]){ "dbname", NULL },
				 (const char *[]){ info, NULL }, 1);
}

int main(int argc, char **argv)
{
	PGconn *conn;
	int status;

	if (argc < 3)
		return 2;
	conn = connect_by(argv[1], argv[2]);
	status = PQstatus(conn) == CONNECTION_OK ? 0 : 3;
	if (status)
		fprintf(stderr, "%s", PQerrorMessage(conn));
	PQfinish(conn);
	return status;
}
