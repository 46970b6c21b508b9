/* SPDX-License-Identifier: MIT */
/*
 * A pool of 4 that short requests share with long ones, which come one by one
 * and keep what they take for a second and a half, in one WAY:
 *
 *	query		while the server works
 *	sent		the same, but the program polls for the answer
 *	transaction	between two queries of a transaction
 *	program		without asking anything
 *
 *	held_by WAY	requests for two seconds
 *	held_by one WAY	one long one alone; `told` ends with the standard input
 */
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SIZE	4
#define SHORT	2   /* threads */
#define TURNS	150 /* of each */
#define HOLD_US 1500000
#define ASLEEP	"select pg_sleep(1.5)"
#define APART	300000 /* longer than what the verdict calls short */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t given;
	PGconn *idle[SIZE];
	int count;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER,
	   .given = PTHREAD_COND_INITIALIZER };

void pool_open(int size);
PGconn *pool_take(void);
void pool_give(PGconn *conn);

__attribute__((noinline)) void pool_open(int size)
{
	while (pool.count < size)
		pool.idle[pool.count++] = PQconnectdb("");
}

/* Waits for 100 ms, and then gives up. */
__attribute__((noinline)) PGconn *pool_take(void)
{
	struct timespec until;
	PGconn *conn = NULL;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 100000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&pool.lock);
	while (!pool.count &&
	       !pthread_cond_timedwait(&pool.given, &pool.lock, &until))
		;
	if (pool.count)
		conn = pool.idle[--pool.count];
	pthread_mutex_unlock(&pool.lock);
	return conn;
}

__attribute__((noinline)) void pool_give(PGconn *conn)
{
	pthread_mutex_lock(&pool.lock);
	pool.idle[pool.count++] = conn;
	pthread_cond_signal(&pool.given);
	pthread_mutex_unlock(&pool.lock);
}

static void ask(PGconn *conn, const char *query)
{
	PQclear(PQexec(conn, query));
}

static void send_and_poll(PGconn *conn)
{
	struct pollfd fd = { .fd = PQsocket(conn), .events = POLLIN };
	PGresult *result;

	PQsendQuery(conn, ASLEEP);
	do {
		while (PQisBusy(conn)) {
			poll(&fd, 1, -1);
			PQconsumeInput(conn);
		}
		result = PQgetResult(conn);
		PQclear(result);
	} while (result);
}

static void keep(PGconn *conn, const char *way)
{
	char line[2];

	if (!strcmp(way, "query")) {
		ask(conn, ASLEEP);
	} else if (!strcmp(way, "sent")) {
		send_and_poll(conn);
	} else if (!strcmp(way, "transaction")) {
		ask(conn, "begin");
		usleep(HOLD_US);
		ask(conn, "commit");
	} else if (!strcmp(way, "told")) {
		ask(conn, "select 1");
		read(0, line, 1);
	} else {
		ask(conn, "select 1");
		usleep(HOLD_US);
	}
}

static __attribute__((noinline)) void *report(void *way)
{
	PGconn *conn = pool_take();

	puts("ready");
	fflush(stdout);
	if (!conn)
		return NULL;
	keep(conn, way);
	pool_give(conn);
	return NULL;
}

static __attribute__((noinline)) void *requests(void *none)
{
	for (int i = 0; i < TURNS; i++) {
		PGconn *conn = pool_take();

		if (conn) {
			ask(conn, "select 1");
			pool_give(conn);
		}
		usleep(10000);
	}
	return none;
}

int main(int argc, char **argv)
{
	pthread_t threads[SHORT + SIZE];
	char *way = argv[argc - 1];

	pool_open(argc > 2 ? 1 : SIZE);
	if (argc > 2) {
		report(way);
		return 0;
	}
	for (int i = 0; i < SHORT; i++)
		pthread_create(&threads[i], NULL, requests, NULL);
	for (int i = 0; i < SIZE; i++) {
		usleep(APART);
		pthread_create(&threads[SHORT + i], NULL, report, way);
	}
	for (int i = 0; i < SHORT + SIZE; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
