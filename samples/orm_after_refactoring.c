/* SPDX-License-Identifier: MIT */
/*
 * orm_after_refactoring - the appointment book of a clinic: 20 workers, and
 * under their handlers a small ORM.  A day in 6 seconds.
 *
 * On call: two days after a release nobody could book any more, all requests
 * ended with "no connection within 250 ms".  With 20 workers and a pool of 30
 * that cannot be, so the pool was made 60, and it took two days more.  The
 * database had nothing to do.  All tests were green: none of them books twice.
 * 40 minutes, and again every second day.
 *
 * What it was: the handlers used to clean up each for itself; now in_session()
 * does it for all, but a violated constraint is for the handler to explain, so
 * it returns at once, and the connection stays with nobody.  Other errors are
 * cleaned up after.  A family that chooses the same hour twice costs one slot
 * for good.  No size of the pool is enough.
 *
 * connleak says: status, 23
 * connleak says: leak, alone, in in_session
 * connleak says: leak.leaked, 28 to 30
 * connleak says: leak: ([0-9]+) of \1 times after SQLSTATE 23505, 0 of
 * connleak says: leak.peak_demand_without, 5 to 20
 * connleak says: leaked-lease:lost, 28 to 30, in in_session
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CONNECTIONS = 30, PATIENCE_MS = 250, ROUND_MS = 5 };
enum { WORKERS = 20, REQUESTS = 1700, THINK_MS = 40 };
enum { TWICE = 50, NO_DATE = 30 /* one request in so many */ };

static void pause_ms(long ms)
{
	const struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* --- the ORM: connections --- */

struct connection {
	PGconn *pg;
	atomic_flag busy;
};

static struct connection pool[CONNECTIONS];

static void conn_pool_open(const char *conninfo, int size)
{
	for (int i = 0; i < size; i++) {
		PGconn *pg = PQconnectdb(conninfo);

		/* Of its own, so that nothing is left behind. */
		PQclear(PQexec(pg, "CREATE TEMP TABLE appointments"
				   " (hour int PRIMARY KEY)"));
		if (PQstatus(pg) != CONNECTION_OK) {
			fprintf(stderr, "%s", PQerrorMessage(pg));
			exit(EXIT_FAILURE);
		}
		pool[i].pg = pg;
	}
}

static void conn_pool_close(int size)
{
	while (size--)
		PQfinish(pool[size].pg);
}

/* Looks for a free one now and then; NULL: for too long. */
static struct connection *conn_pool_acquire(void)
{
	for (int waited = 0; waited < PATIENCE_MS; waited += ROUND_MS) {
		for (int i = 0; i < CONNECTIONS; i++)
			if (!atomic_flag_test_and_set(&pool[i].busy))
				return &pool[i];
		pause_ms(ROUND_MS);
	}
	return NULL;
}

static void conn_pool_release(struct connection *conn)
{
	atomic_flag_clear(&conn->busy);
}

/* --- the ORM: sessions --- */

enum outcome { DONE, INVALID, CONFLICT, UNAVAILABLE, OUTCOMES };

struct session {
	struct connection *conn;
};

typedef enum outcome unit_of_work(struct session *session, int request);

static enum outcome execute(struct session *session, const char *sql)
{
	PGresult *result = PQexec(session->conn->pg, sql);
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	enum outcome outcome = DONE;

	if (state)
		outcome = strncmp(state, "23", 2) ? INVALID : CONFLICT;
	PQclear(result);
	return outcome;
}

/* Does the work in a transaction, all of it or nothing. */
static enum outcome in_session(unit_of_work *work, int request)
{
	struct session session;
	enum outcome outcome;

	session.conn = conn_pool_acquire(); /* connleak names this line */
	if (!session.conn)
		return UNAVAILABLE;
	execute(&session, "BEGIN");
	outcome = work(&session, request);
	if (outcome == CONFLICT)
		return outcome; /* the leak: the handler explains it */
	execute(&session, outcome == DONE ? "COMMIT" : "ROLLBACK");
	conn_pool_release(session.conn);
	return outcome;
}

/* --- the clinic --- */

static atomic_int requests, ended[OUTCOMES];

static enum outcome look_up(struct session *session, int request)
{
	return execute(session, request % NO_DATE ? "SELECT '2026-03-02'::date"
						    ", pg_sleep(0.01)"
						  : "SELECT 'tomorrow?'::date");
}

/* Two hours, for two of a family. */
static enum outcome book(struct session *session, int request)
{
	const int hour = 2 * request;
	const int other = request % TWICE ? hour + 1 : hour;
	char sql[128];

	snprintf(sql, sizeof(sql), "INSERT INTO appointments VALUES (%d), (%d)",
		 hour, other);
	if (look_up(session, request) == INVALID)
		return INVALID;
	return execute(session, sql);
}

static void *serve(void *unused)
{
	for (int request = ++requests; request <= REQUESTS;
	     request = ++requests) {
		pause_ms(THINK_MS / 2 + request * 7 % THINK_MS);
		ended[in_session(request % 2 ? look_up : book, request)]++;
	}
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t workers[WORKERS];

	conn_pool_open(argc > 1 ? argv[1] : "",
		       CONNECTIONS); /* "": as PGHOST says */
	for (int i = 0; i < WORKERS; i++)
		if (pthread_create(&workers[i], NULL, serve, NULL))
			return EXIT_FAILURE;
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	conn_pool_close(CONNECTIONS);
	printf("%d requests done, %d without a connection\n", ended[DONE],
	       ended[UNAVAILABLE]);
	return EXIT_SUCCESS;
}
