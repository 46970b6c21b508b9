/* SPDX-License-Identifier: MIT */
/*
 * A pool whose every lease comes back, but for one that listens: more than
 * 10,000 of them, out from some microseconds to three seconds, to 32 threads
 * that do what looks like a leak for a while: see ways[] below.  Its
 * connections are not finished.
 *
 * Says how many were acquired and released, and the longest time that one was
 * out, in milliseconds.
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SIZE = 40, THREADS = 32, PAIRS = 10000, BOXES = 3 };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t given;
	PGconn *idle[SIZE], *all[SIZE];
	int count;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER,
	   .given = PTHREAD_COND_INITIALIZER };

static atomic_int next_pair, acquired, released;
static atomic_long longest_ms;

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void rest(long us)
{
	const struct timespec time = { .tv_sec = us / 1000000,
				       .tv_nsec = us % 1000000 * 1000 };

	nanosleep(&time, NULL);
}

void pool_open(int size);
PGconn *pool_take(void);
void pool_give(PGconn *conn);

__attribute__((noinline)) void pool_open(int size)
{
	for (; pool.count < size; pool.count++)
		pool.all[pool.count] = pool.idle[pool.count] = PQconnectdb("");
}

/* Waits half a second for one; then there is none. */
__attribute__((noinline)) PGconn *pool_take(void)
{
	struct timespec until;
	PGconn *conn = NULL;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 500000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&pool.lock);
	while (!pool.count &&
	       !pthread_cond_timedwait(&pool.given, &pool.lock, &until))
		;
	if (pool.count) {
		conn = pool.idle[--pool.count];
		acquired++;
	}
	pthread_mutex_unlock(&pool.lock);
	return conn;
}

/* One that the server has ended begins again. */
__attribute__((noinline)) void pool_give(PGconn *conn)
{
	if (PQstatus(conn) != CONNECTION_OK)
		PQreset(conn);
	pthread_mutex_lock(&pool.lock);
	pool.idle[pool.count++] = conn;
	released++;
	pthread_cond_signal(&pool.given);
	pthread_mutex_unlock(&pool.lock);
}

static void run(PGconn *conn, const char *query)
{
	PQclear(PQexec(conn, query));
}

/* Each takes a lease of its own, and is done with it after so long. */
static void idle(long us)
{
	PGconn *conn = pool_take();

	if (!conn)
		return;
	run(conn, "SELECT 1");
	rest(us);
	pool_give(conn);
}

static void in_query(long us)
{
	char query[64];
	PGconn *conn = pool_take();

	if (!conn)
		return;
	snprintf(query, sizeof(query), "SELECT pg_sleep(%ld * 1e-6)", us);
	run(conn, query);
	pool_give(conn);
}

static void in_transaction(long us)
{
	PGconn *conn = pool_take();

	if (!conn)
		return;
	run(conn, "BEGIN");
	run(conn, "SELECT 1");
	rest(us);
	run(conn, "COMMIT");
	pool_give(conn);
}

static void answered_later(long us)
{
	PGresult *result;
	PGconn *conn = pool_take();

	if (!conn)
		return;
	PQsendQuery(conn, "SELECT 1");
	rest(us);
	while ((result = PQgetResult(conn)))
		PQclear(result);
	pool_give(conn);
}

static void after_error(long us)
{
	PGconn *conn = pool_take();

	if (!conn)
		return;
	run(conn, "SELECT 1/0");
	rest(us);
	pool_give(conn);
}

/* There need not be a second one. */
static void two(long us)
{
	PGconn *first = pool_take(), *second;

	if (!first)
		return;
	run(first, "SELECT 1");
	second = pool_take();
	rest(us);
	if (second)
		pool_give(second);
	pool_give(first);
}

/* The next thread that comes by releases it. */
static void handed_over(long us)
{
	static _Atomic(PGconn *) boxes[BOXES];
	static atomic_uint turn;
	PGconn *conn = us < 0 ? NULL : pool_take();

	if (conn)
		run(conn, "SELECT 1");
	for (int i = 0; i < (us < 0 ? BOXES : 1); i++) {
		conn = atomic_exchange(&boxes[turn++ % BOXES], conn);
		if (conn)
			pool_give(conn);
		conn = NULL;
	}
}

static void *take_and_end(void *unused)
{
	PGconn *conn = pool_take();

	(void)unused;
	if (conn)
		run(conn, "SELECT 1");
	return conn;
}

/* What its thread has left behind is used, and released, by another. */
static void taken_over(long us)
{
	pthread_t thread;
	void *conn;

	if (us > 100 && !pthread_create(&thread, NULL, take_and_end, NULL)) {
		pthread_join(thread, &conn);
		rest(us);
		if (conn)
			pool_give(conn);
	}
}

static void cut_off(long us)
{
	PGconn *conn = us > 1000 ? pool_take() : NULL;

	if (!conn)
		return;
	run(conn, "SELECT pg_terminate_backend(pg_backend_pid())");
	rest(us);
	pool_give(conn);
}

static void (*const ways[])(long us) = {
	idle, in_query,	   in_transaction, answered_later, after_error,
	two,  handed_over, taken_over,	   cut_off
};

/* The longer, the fewer; all lengths in all ways. */
static long hold_us(int n)
{
	const int part = n / (int)(sizeof(ways) / sizeof(ways[0]));

	if (part % 300 == 40)
		return 1000000 + n % 2001 * 1000;
	if (part % 50 == 1)
		return 100000 + n % 200 * 1000;
	if (part % 5 == 2)
		return 2000 + n % 10000;
	return n % 1000;
}

static void *work(void *unused)
{
	int n;

	while ((n = next_pair++) < PAIRS || acquired < PAIRS) {
		const long since = now_ms();

		ways[n % (int)(sizeof(ways) / sizeof(ways[0]))](hold_us(n));
		if (now_ms() - since > longest_ms)
			longest_ms = now_ms() - since;
	}
	return unused;
}

static void work_all(void)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	handed_over(-1);
}

int main(void)
{
	pool_open(SIZE);
	run(pool_take(), "LISTEN news");
	work_all();
	printf("%d acquired, %d released, at most %ld ms\n", acquired, released,
	       longest_ms);
	return 0;
}
