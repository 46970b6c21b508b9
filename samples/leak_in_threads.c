/* SPDX-License-Identifier: MIT */
/*
 * leak_in_threads - a box office: eight clerks sell in two shifts, two more
 * count in each.
 *
 * Leaks 8 of 20 connections: each clerk reserves a seat and prints a ticket,
 * with a connection for both; even clerks forget the one for the seat, odd
 * clerks the one for the ticket.  Those who count finish theirs.
 * connleak says: leaked-connection, 4, in reserve_seat
 * connleak says: leaked-connection, 4, in print_ticket
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHIFTS = 2, CLERKS = 4, COUNTERS = 2 };

static const char *conninfo;

/* Any error ends the program: only the leaks above may be left. */
static void query(PGconn *conn, const char *sql)
{
	PGresult *result = PQexec(conn, sql);

	if (PQresultStatus(result) != PGRES_TUPLES_OK) {
		fprintf(stderr, "%s", PQerrorMessage(conn));
		exit(EXIT_FAILURE);
	}
	PQclear(result);
}

static void reserve_seat(intptr_t clerk)
{
	PGconn *conn = PQconnectdb(conninfo);

	query(conn, "SELECT 'seat'");
	if (clerk % 2 == 1) /* the leak: even clerks keep it */
		PQfinish(conn);
}

static void print_ticket(intptr_t clerk)
{
	PGconn *conn = PQconnectdb(conninfo);

	query(conn, "SELECT 'ticket'");
	if (clerk % 2 == 0) /* the leak: odd clerks keep it */
		PQfinish(conn);
}

static void *sell(void *clerk)
{
	reserve_seat((intptr_t)clerk);
	print_ticket((intptr_t)clerk);
	return NULL;
}

static void *count(void *unused)
{
	PGconn *conn = PQconnectdb(conninfo);

	(void)unused;
	query(conn, "SELECT 'sold'");
	PQfinish(conn);
	return NULL;
}

/* The next shift begins when the last has gone home. */
static int work(int shift)
{
	pthread_t threads[CLERKS + COUNTERS];

	for (intptr_t i = 0; i < CLERKS + COUNTERS; i++)
		if (pthread_create(&threads[i], NULL, i < CLERKS ? sell : count,
				   (void *)(shift * CLERKS + i)))
			return -1;
	for (int i = 0; i < CLERKS + COUNTERS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

int main(int argc, char **argv)
{
	conninfo = argc > 1 ? argv[1] : ""; /* "": as PGHOST says */
	for (int shift = 0; shift < SHIFTS; shift++)
		if (work(shift))
			return EXIT_FAILURE;
	printf("%d tickets sold\n", SHIFTS * CLERKS);
	return EXIT_SUCCESS;
}
