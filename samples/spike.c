/* SPDX-License-Identifier: MIT */
/*
 * spike - the box office of a theatre, a thread for each customer, on the
 * morning when the tickets for the new season are sold.
 *
 * On call: at ten o'clock every second customer was shown "try again later",
 * for a minute.  Then all was well, and nobody had done anything.  The log said
 * "no connection within 100 ms"; somebody suspected a leak and read through the
 * changes of the week, somebody else restarted the database.  20 minutes.
 *
 * What it was: for a moment twenty times as many customers as always.  The pool
 * of 20, of which 4 are in use on other mornings, is sound and recovers; each
 * purchase takes as long as ever.
 *
 * connleak says: status, 0
 * connleak says: spike, alone
 * connleak says: spike.times, 7 to 20
 * connleak says: spike.peak_demand_without, 2 to 12
 * connleak says: spike.demand, 30 to 100
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A morning in 8 s: every 10 ms customers come, one or many. */
enum { TICKS = 800, CROWD_FROM = 500, CROWD_TO = 512, CROWD = 20 };
enum { CUSTOMERS = TICKS + (CROWD_TO - CROWD_FROM) * (CROWD - 1) };
enum { CONNECTIONS = 20, PATIENCE_MS = 100 };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t given;
	PGconn *idle[CONNECTIONS];
	int idle_count, size;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER,
	   .given = PTHREAD_COND_INITIALIZER };

static struct {
	pthread_mutex_t lock;
	int sold, sent_away;
} today = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct timespec after_ms(long ms)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	time.tv_nsec += ms * 1000000;
	time.tv_sec += time.tv_nsec / 1000000000;
	time.tv_nsec %= 1000000000;
	return time;
}

static void pool_open(const char *conninfo, int size)
{
	for (pool.size = 0; pool.size < size; pool.size++) {
		PGconn *conn = PQconnectdb(conninfo);

		if (PQstatus(conn) != CONNECTION_OK) {
			fprintf(stderr, "%s", PQerrorMessage(conn));
			exit(EXIT_FAILURE);
		}
		pool.idle[pool.idle_count++] = conn;
	}
}

static void pool_close(void)
{
	while (pool.idle_count)
		PQfinish(pool.idle[--pool.idle_count]);
}

/* NULL: there was none for PATIENCE_MS. */
static PGconn *pool_take(void)
{
	const struct timespec until = after_ms(PATIENCE_MS);
	PGconn *conn = NULL;
	int err = 0;

	pthread_mutex_lock(&pool.lock);
	while (!pool.idle_count && !err)
		err = pthread_cond_timedwait(&pool.given, &pool.lock, &until);
	if (pool.idle_count)
		conn = pool.idle[--pool.idle_count];
	pthread_mutex_unlock(&pool.lock);
	return conn;
}

static void pool_give(PGconn *conn)
{
	pthread_mutex_lock(&pool.lock);
	pool.idle[pool.idle_count++] = conn;
	pthread_cond_signal(&pool.given);
	pthread_mutex_unlock(&pool.lock);
}

static void count(int *what)
{
	pthread_mutex_lock(&today.lock);
	++*what;
	pthread_mutex_unlock(&today.lock);
}

/* A purchase takes the database 40 ms. */
static void *sell_ticket(void *unused)
{
	PGconn *conn = pool_take();
	PGresult *result;

	if (!conn) {
		count(&today.sent_away); /* "try again later" */
		return unused;
	}
	result = PQexec(conn, "SELECT 'row 7, seat 12', pg_sleep(0.04)");
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		count(&today.sold);
	PQclear(result);
	pool_give(conn);
	return unused;
}

static int customers_at(int tick)
{
	return tick >= CROWD_FROM && tick < CROWD_TO ? CROWD : 1;
}

int main(int argc, char **argv)
{
	static pthread_t customers[CUSTOMERS];
	const struct timespec moment = { .tv_nsec = 10000000 };
	int come = 0;

	pool_open(argc > 1 ? argv[1] : "",
		  CONNECTIONS); /* "": as PGHOST says */
	for (int tick = 0; tick < TICKS; tick++) {
		for (int i = 0; i < customers_at(tick); i++)
			if (pthread_create(&customers[come++], NULL,
					   sell_ticket, NULL))
				return EXIT_FAILURE;
		nanosleep(&moment, NULL);
	}
	while (come)
		pthread_join(customers[--come], NULL);
	pool_close();
	printf("%d tickets sold, %d customers sent away\n", today.sold,
	       today.sent_away);
	return EXIT_SUCCESS;
}
