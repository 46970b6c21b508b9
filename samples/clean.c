/* SPDX-License-Identifier: MIT */
/*
 * clean - load a page; every connection is given back, failed ones too.
 *
 * Leaks nothing.
 * connleak says: clean
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

static int load_page(const char *conninfo, const char *page)
{
	const char *const values[] = { page };
	int status = EXIT_FAILURE;
	PGconn *conn = PQconnectdb(conninfo);
	PGresult *result = NULL;

	if (PQstatus(conn) != CONNECTION_OK) {
		fprintf(stderr, "%s: %s", page, PQerrorMessage(conn));
		goto finish;
	}
	result = PQexecParams(conn, "SELECT initcap($1)", 1, NULL, values, NULL,
			      NULL, 0);
	if (PQresultStatus(result) != PGRES_TUPLES_OK) {
		fprintf(stderr, "%s: %s", page, PQerrorMessage(conn));
		goto finish;
	}
	printf("%s: <h1>%s</h1>\n", page, PQgetvalue(result, 0, 0));
	status = EXIT_SUCCESS;

finish:
	PQclear(result);
	PQfinish(conn); /* libpq wants it for a failed connect as well */
	return status;
}

/* The search index is optional: nobody listens on port 1. */
static void load_suggestions(void)
{
	PGconn *conn = PQconnectdb("host=127.0.0.1 port=1 connect_timeout=2");

	if (PQstatus(conn) != CONNECTION_OK)
		puts("no suggestions today");
	PQfinish(conn);
}

int main(int argc, char **argv)
{
	const char *conninfo = argc > 1 ? argv[1] : ""; /* "": as PGHOST says */
	int status = EXIT_SUCCESS;

	status |= load_page(conninfo, "welcome");
	status |= load_page(conninfo, "contact");
	load_suggestions();
	return status;
}
