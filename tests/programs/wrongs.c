/* SPDX-License-Identifier: MIT */
/*
 * Does something wrong with connections, or what only looks like it: the
 * argument says which; see ways[] below.  It tells of its pool itself, unless a
 * second argument says that rules do.
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/connleak.h"

#define APART __attribute__((noinline))

static void need(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "wrongs: %s\n", what);
	exit(2);
}

static APART PGconn *acquire_one(void)
{
	PGconn *conn = PQconnectdb("");

	need(PQstatus(conn) == CONNECTION_OK, "not connected");
	return conn;
}

static void use(PGconn *conn)
{
	PQclear(PQexec(conn, "select 1"));
}

static APART void finish_first(PGconn *conn)
{
	PQfinish(conn);
}

static APART void finish_again(PGconn *conn)
{
	PQfinish(conn);
}

static void twice(void)
{
	PGconn *conn = acquire_one();

	finish_first(conn);
	finish_again(conn);
}

/* libpq gives the next one the same address, mostly at once. */
static void reused(void)
{
	PGconn *conn = acquire_one(), *next = NULL;

	for (int i = 0; i < 100 && next != conn; i++) {
		finish_first(next ? next : conn);
		next = acquire_one();
	}
	need(next == conn, "another address");
	finish_again(next);
}

/* Begun without waiting, reset, failed: a handle is a handle. */
static void async_twice(void)
{
	PGconn *conn = PQconnectStart("port=abc");

	finish_first(conn);
	finish_again(conn);
}

static void reset_once(void)
{
	PGconn *conn = acquire_one();

	PQreset(conn);
	use(conn);
	finish_first(conn);
	PQfinish(NULL);
	PQfinish(NULL);
}

static void in_child(void (*act)(PGconn *), PGconn *conn)
{
	const pid_t child = fork();
	int status;

	if (!child) {
		act(conn);
		_exit(0);
	}
	need(waitpid(child, &status, 0) == child, "no child");
}

/* It has inherited what its parent had finished, and finishes its own. */
static void finish_own(PGconn *conn)
{
	(void)conn;
	finish_first(acquire_one());
}

static void child_reuses(void)
{
	PGconn *conn = acquire_one();

	finish_first(conn);
	in_child(finish_own, conn);
}

static int tells = 1;
static PGconn *pooled;

static APART PGconn *pool_take(void)
{
	if (tells)
		connleak_waiting(&pooled);
	if (!pooled)
		pooled = PQconnectdb("");
	if (tells)
		connleak_acquired(&pooled, pooled);
	return pooled;
}

/* As pools do, it resets what it gets back; what is broken is replaced. */
static APART void pool_drop(PGconn *conn)
{
	if (tells)
		connleak_releasing(&pooled, conn);
	use(conn);
	if (PQstatus(conn) == CONNECTION_OK)
		return;
	finish_first(conn);
	pooled = NULL;
}

static APART PGconn *take_one(void)
{
	return pool_take();
}

static void finish_leased(void)
{
	PGconn *conn = take_one();

	use(conn);
	finish_again(conn);
	pooled = NULL;
}

static void finish_returned(void)
{
	PGconn *conn = take_one();

	use(conn);
	pool_drop(conn);
	use(take_one());
	pool_drop(conn);
	finish_first(pooled);
}

static void finish_broken(void)
{
	PGconn *conn = take_one();

	use(conn);
	shutdown(PQsocket(conn), SHUT_RDWR);
	pool_drop(conn);
}

static APART void use_again(PGconn *conn)
{
	PQclear(PQexec(conn, "select 2"));
	use(conn); /* told already */
}

static void use_returned(void)
{
	for (int i = 0; i < 3; i++) {
		PGconn *conn = take_one();

		use(conn);
		pool_drop(conn);
		use_again(conn);
	}
	finish_first(pooled);
}

static void use_retaken(void)
{
	for (int i = 0; i < 3; i++) {
		PGconn *conn = take_one();

		use_again(conn);
		pool_drop(conn);
	}
	finish_first(pooled);
}

static void *keep_alive(void *conn)
{
	use(conn);
	return NULL;
}

/* A pool's own thread looks after what is not lent. */
static void use_by_keeper(void)
{
	PGconn *conn = take_one();
	pthread_t thread;

	use(conn);
	pool_drop(conn);
	pthread_create(&thread, NULL, keep_alive, conn);
	pthread_join(thread, NULL);
	finish_first(pooled);
}

static void *lend(void *unused)
{
	(void)unused;
	return take_one();
}

/* Another thread acquires for this one. */
static void use_lent(void)
{
	pthread_t thread;
	void *conn;

	for (int i = 0; i < 2; i++) {
		pthread_create(&thread, NULL, lend, NULL);
		pthread_join(thread, &conn);
		use_again(conn);
		pool_drop(conn);
	}
	finish_first(pooled);
}

static const struct way {
	const char *name;
	void (*act)(void);
} ways[] = {
	{ "twice", twice },
	{ "reused", reused },
	{ "async_twice", async_twice },
	{ "reset_once", reset_once },
	{ "child_reuses", child_reuses },
	{ "finish_leased", finish_leased },
	{ "finish_returned", finish_returned },
	{ "finish_broken", finish_broken },
	{ "use_returned", use_returned },
	{ "use_retaken", use_retaken },
	{ "use_by_keeper", use_by_keeper },
	{ "use_lent", use_lent },
};

int main(int argc, char **argv)
{
	tells = argc < 3;
	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(argv[1], ways[i].name)) {
			ways[i].act();
			return 0;
		}
	return 2;
}
