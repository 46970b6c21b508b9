/* SPDX-License-Identifier: MIT */
/*
 * failed_connect - ask the replica for the stock, or else the primary.
 *
 * Leaks one handle: the replica is down (nobody listens on port 1), and a
 * failed connect is a handle too, with a socket perhaps, that wants PQfinish.
 * connleak says: unfinished-failed-connect, 1, in connect_to_any
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

static PGconn *connect_to_any(const char *primary)
{
	PGconn *conn = PQconnectdb("host=127.0.0.1 port=1 connect_timeout=2");

	if (PQstatus(conn) == CONNECTION_OK)
		return conn;
	puts("replica is down, asking the primary");
	conn = PQconnectdb(primary); /* the leak: the failed one is forgotten */
	if (PQstatus(conn) == CONNECTION_OK)
		return conn;
	fprintf(stderr, "%s", PQerrorMessage(conn));
	PQfinish(conn);
	return NULL;
}

int main(int argc, char **argv)
{
	const char *conninfo = argc > 1 ? argv[1] : ""; /* "": as PGHOST says */
	int status = EXIT_FAILURE;
	PGconn *conn = connect_to_any(conninfo);
	PGresult *result;

	if (!conn)
		return EXIT_FAILURE;
	result = PQexec(conn, "SELECT 17 * 6");
	if (PQresultStatus(result) == PGRES_TUPLES_OK) {
		printf("%s in stock\n", PQgetvalue(result, 0, 0));
		status = EXIT_SUCCESS;
	}
	PQclear(result);
	PQfinish(conn);
	return status;
}
