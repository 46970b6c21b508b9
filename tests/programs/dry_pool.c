/* SPDX-License-Identifier: MIT */
/*
 * A pool of its own that waits 200 ms for a connection, and threads that think,
 * take one, ask the server, and give it back.
 *
 *	dry_pool SIZE THREADS THINK_MS HOLD_MS [leak | two | two-for-ever]
 *
 * With `leak` one request in 20 meets an error, and forgets to give it back.
 * With `two` each request takes a second one, and has the first meanwhile;
 * `for-ever` is how long that waits, until the alarm ends it all.
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 1

static struct {
	pthread_mutex_t lock;
	pthread_cond_t given;
	PGconn *idle[64];
	int count;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER,
	   .given = PTHREAD_COND_INITIALIZER };

static long think_ms, hold_ms;
static int leaks, nests, patient;
static time_t end;

static struct timespec after_ms(long ms)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_nsec += ms * 1000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	return at;
}

static void rest(long ms)
{
	const struct timespec time = { .tv_nsec = ms * 1000000 };

	nanosleep(&time, NULL);
}

void pool_open(int size);
PGconn *pool_take(void);
void pool_give(PGconn *conn);

__attribute__((noinline)) void pool_open(int size)
{
	while (pool.count < size)
		pool.idle[pool.count++] = PQconnectdb("");
}

__attribute__((noinline)) PGconn *pool_take(void)
{
	const struct timespec until = after_ms(200);
	PGconn *conn = NULL;

	pthread_mutex_lock(&pool.lock);
	while (!pool.count && patient)
		pthread_cond_wait(&pool.given, &pool.lock);
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

static void serve_in_it(void)
{
	PGconn *conn = pool_take();

	if (!conn)
		return;
	PQclear(PQexec(conn, "SELECT 2"));
	pool_give(conn);
}

static void serve(unsigned *seed)
{
	PGconn *conn = pool_take();
	const int errs = leaks && rand_r(seed) % 20 == 0;

	if (!conn)
		return;
	PQclear(PQexec(conn, errs ? "SELECT 1/0" : "SELECT 1"));
	if (errs)
		return;
	rest(hold_ms);
	if (nests)
		serve_in_it();
	pool_give(conn);
}

static void *work(void *number)
{
	unsigned seed = *(unsigned *)number;

	while (time(NULL) < end) {
		rest(think_ms + rand_r(&seed) % (think_ms + 1));
		serve(&seed);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned numbers[64];
	pthread_t threads[64];
	int count;

	if (argc < 5)
		return 2;
	count = atoi(argv[2]);
	think_ms = atol(argv[3]);
	hold_ms = atol(argv[4]);
	leaks = argc > 5 && !strcmp(argv[5], "leak");
	nests = argc > 5 && !strncmp(argv[5], "two", 3);
	patient = argc > 5 && !strcmp(argv[5], "two-for-ever");
	alarm(patient ? SECONDS + 1 : 0);
	pool_open(atoi(argv[1]));
	end = time(NULL) + SECONDS + 1;
	for (int i = 0; i < count; i++) {
		numbers[i] = (unsigned)i + 1;
		pthread_create(&threads[i], NULL, work, &numbers[i]);
	}
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
