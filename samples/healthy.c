/* SPDX-License-Identifier: MIT */
/*
 * healthy - the stock of a warehouse: eight workers book what comes in and goes
 * out, and one thread listens for what the other warehouses do.
 *
 * On call: nothing.  But whoever looks for leaks by age, or by what went out
 * and did not come back, is told of one each time: the listener takes a
 * connection of the pool when the program starts, and keeps it.  So it should.
 * And each tenth booking prints a list, which takes fifteen times as long.
 *
 * connleak says: status, 0
 * connleak says: nothing
 * connleak says: nothing.capacity, 20
 * connleak says: nothing.peak_used, 5 to 9
 * connleak says: nothing.failures, 0
 * connleak says: leaked-lease:by-design, 1, in listen_to_others
 */
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CONNECTIONS = 20, WORKERS = 8, BOOKINGS = 40 };

static struct {
	pthread_mutex_t lock;
	PGconn *idle[CONNECTIONS];
	int idle_count;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER };

static atomic_int booked, heard;

static PGconn *connect_to(const char *conninfo)
{
	PGconn *conn = PQconnectdb(conninfo);

	if (PQstatus(conn) != CONNECTION_OK) {
		fprintf(stderr, "%s", PQerrorMessage(conn));
		exit(EXIT_FAILURE);
	}
	return conn;
}

static void dbpool_open(const char *conninfo, int size)
{
	while (pool.idle_count < size)
		pool.idle[pool.idle_count++] = connect_to(conninfo);
}

/* Those that are out are none of its business. */
static void dbpool_close(void)
{
	pthread_mutex_lock(&pool.lock);
	while (pool.idle_count)
		PQfinish(pool.idle[--pool.idle_count]);
	pthread_mutex_unlock(&pool.lock);
}

/* NULL: all are out.  Nobody waits here. */
static PGconn *dbpool_acquire(void)
{
	PGconn *conn;

	pthread_mutex_lock(&pool.lock);
	conn = pool.idle_count ? pool.idle[--pool.idle_count] : NULL;
	pthread_mutex_unlock(&pool.lock);
	return conn;
}

static void dbpool_release(PGconn *conn)
{
	pthread_mutex_lock(&pool.lock);
	pool.idle[pool.idle_count++] = conn;
	pthread_mutex_unlock(&pool.lock);
}

/* As the server does it: an entry in 20 ms, a list in 300. */
static bool run(PGconn *conn, const char *query)
{
	PGresult *result = PQexec(conn, query);
	const bool good = PQresultStatus(result) == PGRES_TUPLES_OK ||
			  PQresultStatus(result) == PGRES_COMMAND_OK;

	PQclear(result);
	return good;
}

static bool book(int number)
{
	PGconn *conn = dbpool_acquire();
	bool good;

	if (!conn)
		return false;
	good = number % 10 ? run(conn, "SELECT pg_sleep(0.02)")
			   : run(conn, "SELECT pg_sleep(0.3)");
	good = run(conn, "NOTIFY stock") && good;
	dbpool_release(conn);
	return good;
}

static void *work(void *unused)
{
	const struct timespec pause = { .tv_nsec = 30000000 };

	for (int i = 0; i < BOOKINGS; i++) {
		booked += book(i);
		nanosleep(&pause, NULL);
	}
	return unused;
}

static void hear(PGconn *conn)
{
	PGnotify *notify;

	PQconsumeInput(conn);
	while ((notify = PQnotifies(conn))) {
		heard++;
		PQfreemem(notify);
	}
}

/* Until the program ends: its connection is never released, on purpose. */
static void *listen_to_others(void *unused)
{
	PGconn *conn = dbpool_acquire(); /* connleak names this line */
	struct pollfd socket = { .fd = PQsocket(conn), .events = POLLIN };

	if (!run(conn, "LISTEN stock"))
		exit(EXIT_FAILURE);
	while (poll(&socket, 1, -1) > 0)
		hear(conn);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t listener, workers[WORKERS];

	dbpool_open(argc > 1 ? argv[1] : "", CONNECTIONS);
	if (pthread_create(&listener, NULL, listen_to_others, NULL))
		return EXIT_FAILURE;
	for (int i = 0; i < WORKERS; i++)
		if (pthread_create(&workers[i], NULL, work, NULL))
			return EXIT_FAILURE;
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	dbpool_close();
	printf("%d of %d booked%s\n", booked, WORKERS * BOOKINGS,
	       heard ? ", and the others were heard" : "");
	return EXIT_SUCCESS;
}
