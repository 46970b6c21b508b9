/* SPDX-License-Identifier: MIT */
/*
 * pool_too_small - the web shop of a mill that sells flour: 24 workers serve
 * customers one after the other, with three connections to the database.
 *
 * On call: since the shop has been on the new machine, each page takes a long
 * time, and at noon some say "the shop is busy".  The machine is idle, and so
 * is the database, which has nothing slower than 20 ms.  "There must be a leak:
 * the connections never come back."  Workers were doubled, which made it worse,
 * and the program restarted every hour.  150 minutes.
 *
 * What it was: `max_connections = 3` in the settings, from the laptop on which
 * the shop was written.  Each comes back at once, and is taken at once.  With
 * as many as connleak advises (`pool_too_small '' 20`) nobody waits.
 *
 * connleak says: status, 0
 * connleak says: pool-too-small, alone
 * connleak says: pool-too-small.capacity, 3
 * connleak says: pool-too-small.peak_demand, 20 to 24
 * connleak says: pool-too-small.advised, 10 to 24
 * connleak says: pool-too-small.allowed, 197
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_CONNECTIONS = 3, MOST_CONNECTIONS = 100 };
enum { WORKERS = 24, CUSTOMERS = 30 };
enum { QUERY_MS = 20, PAGE_MS = 20, PATIENCE_MS = 200 };

static struct {
	sem_t free;
	pthread_mutex_t lock;
	PGconn *idle[MOST_CONNECTIONS];
	int idle_count;
} conns = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* What came of one worker's customers. */
struct day {
	unsigned seed;
	int served, busy;
};

static void conn_init(const char *conninfo, int max)
{
	if (max < 1 || max > MOST_CONNECTIONS)
		exit(EXIT_FAILURE);
	sem_init(&conns.free, 0, (unsigned)max);
	while (conns.idle_count < max) {
		PGconn *conn = PQconnectdb(conninfo);

		if (PQstatus(conn) != CONNECTION_OK) {
			fprintf(stderr, "%s", PQerrorMessage(conn));
			exit(EXIT_FAILURE);
		}
		conns.idle[conns.idle_count++] = conn;
	}
}

static void conn_exit(void)
{
	while (conns.idle_count)
		PQfinish(conns.idle[--conns.idle_count]);
	sem_destroy(&conns.free);
}

/* NULL: the customer has waited long enough. */
static PGconn *conn_get(void)
{
	struct timespec until;
	PGconn *conn;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += PATIENCE_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	if (sem_timedwait(&conns.free, &until))
		return NULL;
	pthread_mutex_lock(&conns.lock);
	conn = conns.idle[--conns.idle_count];
	pthread_mutex_unlock(&conns.lock);
	return conn;
}

static void conn_put(PGconn *conn)
{
	pthread_mutex_lock(&conns.lock);
	conns.idle[conns.idle_count++] = conn;
	pthread_mutex_unlock(&conns.lock);
	sem_post(&conns.free);
}

static void rest_ms(long ms)
{
	const struct timespec time = { .tv_nsec = ms * 1000000 };

	nanosleep(&time, NULL);
}

/* What takes the database 20 ms. */
static void show_shelf(struct day *day, const char *shelf)
{
	PGconn *conn = conn_get();
	PGresult *result;

	if (!conn) {
		day->busy++; /* "the shop is busy" */
		return;
	}
	result = PQexecParams(conn,
			      "SELECT 'flour of shelf ' || $1, "
			      "pg_sleep(0.02)",
			      1, NULL, &shelf, NULL, NULL, 0);
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		day->served++;
	PQclear(result);
	conn_put(conn);
}

/* A customer looks at the page for a while before the next request. */
static void *work(void *argument)
{
	struct day *day = argument;

	for (int i = 0; i < CUSTOMERS; i++) {
		rest_ms(PAGE_MS / 2 + rand_r(&day->seed) % PAGE_MS);
		show_shelf(day, i % 2 ? "rye" : "wheat");
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t workers[WORKERS];
	struct day days[WORKERS] = { 0 }, all = { 0 };
	const int max = argc > 2 ? atoi(argv[2]) : MAX_CONNECTIONS;

	conn_init(argc > 1 ? argv[1] : "", max);
	for (int i = 0; i < WORKERS; i++) {
		days[i].seed = (unsigned)i;
		if (pthread_create(&workers[i], NULL, work, &days[i]))
			return EXIT_FAILURE;
	}
	for (int i = 0; i < WORKERS; i++) {
		pthread_join(workers[i], NULL);
		all.served += days[i].served;
		all.busy += days[i].busy;
	}
	conn_exit();
	printf("%d customers served, %d told that the shop is busy\n",
	       all.served, all.busy);
	return EXIT_SUCCESS;
}
