/* SPDX-License-Identifier: MIT */
/*
 * leak_in_error_path - the nightly report: three sections, a connection each.
 *
 * Leaks one connection: the table of the last section does not exist, and
 * the early return for this forgets PQfinish.
 * connleak says: leaked-connection, 1, in write_section
 */
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool write_section(const char *conninfo, const char *table)
{
	char query[100];
	PGconn *conn = PQconnectdb(conninfo);
	PGresult *result;

	if (PQstatus(conn) != CONNECTION_OK) {
		fprintf(stderr, "%s", PQerrorMessage(conn));
		PQfinish(conn);
		exit(EXIT_FAILURE);
	}

	snprintf(query, sizeof(query), "SELECT count(*) FROM %s", table);
	result = PQexec(conn, query);
	if (PQresultStatus(result) != PGRES_TUPLES_OK) {
		printf("%-22s (left out)\n", table);
		PQclear(result);
		return false; /* the leak: conn is still open */
	}

	printf("%-22s %s rows\n", table, PQgetvalue(result, 0, 0));
	PQclear(result);
	PQfinish(conn);
	return true;
}

int main(int argc, char **argv)
{
	static const char *const tables[] = { "pg_catalog.pg_class",
					      "pg_catalog.pg_type",
					      "refunds_of_yesterday" };
	const char *conninfo = argc > 1 ? argv[1] : ""; /* "": as PGHOST says */
	int written = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		written += write_section(conninfo, tables[i]);
	printf("nightly report: %d of 3 sections\n", written);
	return written ? EXIT_SUCCESS : EXIT_FAILURE;
}
