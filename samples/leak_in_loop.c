/* SPDX-License-Identifier: MIT */
/*
 * leak_in_loop - settle twenty invoices, one connection each.
 *
 * Leaks 5 of 20 connections: every fourth invoice is paid already, and the
 * `continue` for it jumps over PQfinish.
 * connleak says: leaked-connection, 5, in settle_invoices
 */
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { INVOICES = 20 };

static bool is_paid(PGconn *conn, int invoice)
{
	char query[50];
	PGresult *result;
	bool paid;

	snprintf(query, sizeof(query), "SELECT %d %% 4 = 0", invoice);
	result = PQexec(conn, query);
	paid = PQresultStatus(result) == PGRES_TUPLES_OK &&
	       PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	return paid;
}

static int settle_invoices(const char *conninfo)
{
	int settled = 0;

	for (int invoice = 1; invoice <= INVOICES; invoice++) {
		PGconn *conn = PQconnectdb(conninfo);

		if (PQstatus(conn) != CONNECTION_OK) {
			fprintf(stderr, "%s", PQerrorMessage(conn));
			PQfinish(conn);
			break;
		}
		if (is_paid(conn, invoice))
			continue; /* the leak: conn is still open */
		settled++;
		PQfinish(conn);
	}
	return settled;
}

int main(int argc, char **argv)
{
	const char *conninfo = argc > 1 ? argv[1] : ""; /* "": as PGHOST says */
	int settled = settle_invoices(conninfo);

	printf("settled %d of %d invoices\n", settled, INVOICES);
	return settled ? EXIT_SUCCESS : EXIT_FAILURE;
}
