/* SPDX-License-Identifier: MIT */
/*
 * abandoned_async - begin two connects, take the one that answers first.
 *
 * Leaks one handle: the first answers within the deadline, so the second is
 * never polled again; it is neither established nor finished.
 * connleak says: abandoned-async-connect, 1, in first_to_answer
 */
#include <libpq-fe.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEADLINE_MS = 5000 };

/* Whether it is up; drives the connect as libpq's manual says. */
static bool answers(PGconn *conn)
{
	PostgresPollingStatusType next = PGRES_POLLING_WRITING;

	if (PQstatus(conn) == CONNECTION_BAD)
		return false;
	while (next != PGRES_POLLING_OK && next != PGRES_POLLING_FAILED) {
		struct pollfd wait = { .fd = PQsocket(conn) };

		wait.events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
		if (poll(&wait, 1, DEADLINE_MS) != 1)
			return false;
		next = PQconnectPoll(conn);
	}
	return next == PGRES_POLLING_OK;
}

static PGconn *first_to_answer(const char *conninfo)
{
	PGconn *first = PQconnectStart(conninfo);
	PGconn *second = PQconnectStart(conninfo);

	if (answers(first))
		return first; /* the leak: second is still connecting */
	fprintf(stderr, "%s", PQerrorMessage(first));
	PQfinish(first);
	if (answers(second))
		return second;
	PQfinish(second);
	return NULL;
}

int main(int argc, char **argv)
{
	const char *conninfo = argc > 1 ? argv[1] : ""; /* "": as PGHOST says */
	PGconn *conn = first_to_answer(conninfo);

	if (!conn)
		return EXIT_FAILURE;
	printf("healthy, served by %s\n", PQuser(conn));
	PQfinish(conn);
	return EXIT_SUCCESS;
}
