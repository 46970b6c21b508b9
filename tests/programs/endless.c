/* SPDX-License-Identifier: MIT */
/*
 * endless DEADLINE_MS [stuck] - a pool of one, of which a second thread wants
 * one while the first keeps it for 1.5 s; 0: it would wait for ever.  With
 * `stuck` it never gets it.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

static struct {
	pthread_mutex_t lock;
	pthread_cond_t given;
	PGconn *idle;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER,
	   .given = PTHREAD_COND_INITIALIZER };

static long deadline_ms;

PGconn *pool_take(void);
void pool_give(PGconn *conn);

static int wait_once(const struct timespec *until)
{
	return deadline_ms
		       ? pthread_cond_timedwait(&pool.given, &pool.lock, until)
		       : pthread_cond_wait(&pool.given, &pool.lock);
}

__attribute__((noinline)) PGconn *pool_take(void)
{
	struct timespec until;
	PGconn *conn;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += deadline_ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&pool.lock);
	while (!pool.idle && wait_once(&until) != ETIMEDOUT)
		;
	conn = pool.idle;
	pool.idle = NULL;
	pthread_mutex_unlock(&pool.lock);
	return conn;
}

__attribute__((noinline)) void pool_give(PGconn *conn)
{
	pthread_mutex_lock(&pool.lock);
	pool.idle = conn;
	pthread_cond_signal(&pool.given);
	pthread_mutex_unlock(&pool.lock);
}

static void rest(long ms)
{
	const struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

static void *want_one(void *unused)
{
	PGconn *conn = pool_take();

	if (conn)
		pool_give(conn);
	return unused;
}

/* Most are short: 99 of 100. */
static void use_often(void)
{
	for (int i = 0; i < 400; i++)
		pool_give(pool_take());
}

int main(int argc, char **argv)
{
	pthread_t other;
	PGconn *conn;

	deadline_ms = argc > 1 ? atol(argv[1]) : 0;
	pool.idle = PQconnectdb("");
	use_often();
	conn = pool_take();
	pthread_create(&other, NULL, want_one, NULL);
	rest(1500);
	if (argc > 2)
		return 0;
	if (conn)
		pool_give(conn);
	pthread_join(other, NULL);
	PQfinish(pool.idle);
	return 0;
}
