/* SPDX-License-Identifier: MIT */
/*
 * leak_in_pool - a ticket server: four workers share a pool of eight
 * connections.
 *
 * Leaks 4 leases of the pool: who asks for a seat that does not exist gets the
 * error, and the early return for this forgets pool_give.  Half of the pool can
 * never be used again.
 * `connleak scan` writes the rules: pool_take, pool_give, pool_open.
 * connleak says: leaked-lease, 4, in sell_seat
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { CONNECTIONS = 8, WORKERS = 4, SEATS = 5 };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t given;
	PGconn *idle[CONNECTIONS];
	PGconn *all[CONNECTIONS];
	int idle_count, size;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER,
	   .given = PTHREAD_COND_INITIALIZER };

static void pool_open(const char *conninfo, int size)
{
	for (pool.size = 0; pool.size < size; pool.size++) {
		PGconn *conn = PQconnectdb(conninfo);

		if (PQstatus(conn) != CONNECTION_OK) {
			fprintf(stderr, "%s", PQerrorMessage(conn));
			exit(EXIT_FAILURE);
		}
		pool.all[pool.size] = pool.idle[pool.idle_count++] = conn;
	}
}

static void pool_close(void)
{
	for (int i = 0; i < pool.size; i++)
		PQfinish(pool.all[i]);
}

/* Waits until there is one. */
static PGconn *pool_take(void)
{
	PGconn *conn;

	pthread_mutex_lock(&pool.lock);
	while (!pool.idle_count)
		pthread_cond_wait(&pool.given, &pool.lock);
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

static bool sell_seat(const char *seat)
{
	PGconn *conn = pool_take();
	PGresult *result = PQexecParams(conn, "SELECT 'seat ' || $1::int", 1,
					NULL, &seat, NULL, NULL, 0);

	if (PQresultStatus(result) != PGRES_TUPLES_OK) {
		PQclear(result);
		return false; /* the leak: conn never goes back */
	}
	PQclear(result);
	pool_give(conn);
	return true;
}

static void *work(void *sold)
{
	static const char *const seats[SEATS] = { "1", "2", "3", "none", "5" };

	for (int i = 0; i < SEATS; i++)
		*(int *)sold += sell_seat(seats[i]);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t workers[WORKERS];
	int sold[WORKERS] = { 0 }, all = 0;

	pool_open(argc > 1 ? argv[1] : "",
		  CONNECTIONS); /* "": as PGHOST says */
	for (int i = 0; i < WORKERS; i++)
		if (pthread_create(&workers[i], NULL, work, &sold[i]))
			return EXIT_FAILURE;
	for (int i = 0; i < WORKERS; i++) {
		pthread_join(workers[i], NULL);
		all += sold[i];
	}
	pool_close();
	printf("%d tickets sold\n", all);
	return EXIT_SUCCESS;
}
