/* SPDX-License-Identifier: MIT */
/*
 * A service that releases what it takes, but for the requests that are wrong;
 * and that keeps some connections because it means to.
 *
 *	planted [kill]
 *
 * Each job below is done by the main thread, by workers that live to the end,
 * and by a thread for each request.  At the end it says what has leaked, a line
 * for each job: KIND FUNCTION COUNT, and what it keeps: kept FUNCTION.  It ends
 * by itself, or by a SIGKILL.
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "preload/connleak.h"

/* Of each job and way; every fourth request is wrong, and not the last. */
enum { REQUESTS = 12, WORKERS = 4, SIZE = 112, HOSTS = 8 };

static struct {
	pthread_mutex_t lock;
	PGconn *idle[SIZE], *all[SIZE];
	int count;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER };

void pool_open(int size);
PGconn *pool_take(void);
void pool_give(PGconn *conn);

__attribute__((noinline)) void pool_open(int size)
{
	for (; pool.count < size; pool.count++)
		pool.all[pool.count] = pool.idle[pool.count] = PQconnectdb("");
}

__attribute__((noinline)) PGconn *pool_take(void)
{
	PGconn *conn = NULL;

	pthread_mutex_lock(&pool.lock);
	if (pool.count)
		conn = pool.idle[--pool.count];
	pthread_mutex_unlock(&pool.lock);
	if (!conn)
		abort();
	return conn;
}

__attribute__((noinline)) void pool_give(PGconn *conn)
{
	pthread_mutex_lock(&pool.lock);
	pool.idle[pool.count++] = conn;
	pthread_mutex_unlock(&pool.lock);
}

/* Nobody reads these, and no compiler knows. */
PGconn *queue[SIZE], *collection[SIZE];
PGconn *listener, *settings, *loader, *subscriber, *auditor;

static int run(PGconn *conn, const char *query)
{
	PGresult *result = PQexec(conn, query);
	const ExecStatusType status = PQresultStatus(result);

	if (PQstatus(conn) != CONNECTION_OK)
		abort(); /* it would leak what nobody planted */
	PQclear(result);
	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* Leases */

static void divides(int wrong)
{
	PGconn *conn = pool_take();

	if (!run(conn, wrong ? "SELECT 1/0" : "SELECT 1/1"))
		return;
	pool_give(conn);
}

static void inserts(int wrong)
{
	PGconn *conn = pool_take();

	if (!run(conn, "BEGIN") ||
	    !run(conn, wrong ? "DO $$BEGIN RAISE unique_violation; END$$"
			     : "SELECT 1"))
		return;
	run(conn, "COMMIT");
	pool_give(conn);
}

static void serializes(int wrong)
{
	PGconn *conn = pool_take();

	run(conn, "BEGIN ISOLATION LEVEL SERIALIZABLE");
	if (!run(conn, wrong ? "DO $$BEGIN RAISE SQLSTATE '40001'; END$$"
			     : "SELECT 1")) {
		run(conn, "ROLLBACK");
		return;
	}
	run(conn, "COMMIT");
	pool_give(conn);
}

/* No error of the server's. */
static void refuses(int wrong)
{
	PGconn *conn = pool_take();
	PGresult *result = PQexec(conn, wrong ? "SELECT 'no'" : "SELECT 'yes'");
	const int yes = !strcmp(PQgetvalue(result, 0, 0), "yes");

	PQclear(result);
	if (!yes)
		return;
	pool_give(conn);
}

static void never_uses(int wrong)
{
	PGconn *conn = pool_take();

	if (wrong)
		return;
	run(conn, "SELECT 1");
	pool_give(conn);
}

static void overwrites(int wrong)
{
	PGconn *conn = pool_take();

	run(conn, "SELECT 1");
	if (wrong)
		conn = pool_take();
	run(conn, "SELECT 2");
	pool_give(conn);
}

static void forgets_second(int wrong)
{
	PGconn *first = pool_take(), *second = pool_take();

	run(first, "SELECT 1");
	run(second, "SELECT 1");
	pool_give(first);
	if (!wrong)
		pool_give(second);
}

static _Thread_local jmp_buf outside;

static void look_at(PGconn *conn, int wrong)
{
	run(conn, "SELECT 1");
	if (wrong)
		longjmp(outside, 1);
}

static void jumps(int wrong)
{
	PGconn *conn;

	if (setjmp(outside))
		return;
	conn = pool_take();
	look_at(conn, wrong);
	pool_give(conn);
}

/* The rest of the answer is never read. */
static void stops_reading(int wrong)
{
	PGconn *conn = pool_take();
	PGresult *result;

	PQsendQuery(conn, "SELECT 1");
	PQclear(PQgetResult(conn));
	if (wrong)
		return;
	while ((result = PQgetResult(conn)))
		PQclear(result);
	pool_give(conn);
}

/* For somebody who never comes. */
static void queues(int wrong)
{
	static _Atomic(int) length;
	PGconn *conn = pool_take();

	run(conn, "SELECT 1");
	if (wrong)
		queue[length++] = conn;
	else
		pool_give(conn);
}

/* Connections */

static void connects_again(int wrong)
{
	PGconn *conn = PQconnectdb("");

	run(conn, "SELECT 1");
	if (wrong)
		conn = PQconnectdb("");
	PQfinish(conn);
}

static void frees_its_holder(int wrong)
{
	struct holder {
		int number;
		PGconn *conn;
	} *holder = malloc(sizeof(*holder));

	holder->conn = PQconnectdb("");
	if (run(holder->conn, wrong ? "SELECT 1/0" : "SELECT 1"))
		PQfinish(holder->conn);
	free(holder);
}

static void collects(int wrong)
{
	static _Atomic(int) length;
	PGconn *conn = PQconnectdb("");

	run(conn, "SELECT 1");
	if (wrong)
		collection[length++] = conn;
	else
		PQfinish(conn);
}

static void tries_hosts(int wrong)
{
	for (int i = 0; wrong && i < HOSTS; i++)
		if (PQstatus(PQconnectdb("host=127.0.0.1 port=1")) ==
		    CONNECTION_OK)
			abort();
}

static void gives_up(int wrong)
{
	PGconn *conn = PQconnectStart("");

	if (PQconnectPoll(conn) == PGRES_POLLING_FAILED || wrong)
		return;
	PQfinish(conn);
}

static void cancels(int wrong)
{
	PGconn *conn = pool_take();
	PGcancel *cancel = PQgetCancel(conn);
	char error[64];

	PQcancel(cancel, error, sizeof(error));
	if (!wrong)
		PQfreeCancel(cancel);
	pool_give(conn);
}

/* What a wrong request leaves out. */
static const struct job {
	const char *kind, *function;
	void (*run)(int wrong);
	int leaks;
} jobs[] = {
#define JOB(kind, function, leaks)                         \
	{                                                  \
		"leaked-" kind, #function, function, leaks \
	}
	JOB("lease", divides, 1),
	JOB("lease", inserts, 1),
	JOB("lease", serializes, 1),
	JOB("lease", refuses, 1),
	JOB("lease", never_uses, 1),
	JOB("lease", overwrites, 1),
	JOB("lease", forgets_second, 1),
	JOB("lease", jumps, 1),
	JOB("lease", stops_reading, 1),
	JOB("lease", queues, 1),
	JOB("connection", connects_again, 1),
	JOB("connection", frees_its_holder, 1),
	JOB("connection", collects, 1),
	{ "unfinished-failed-connect", "tries_hosts", tries_hosts, HOSTS },
	{ "abandoned-async-connect", "gives_up", gives_up, 1 },
	JOB("cancel", cancels, 1),
};
enum { JOBS = sizeof(jobs) / sizeof(jobs[0]) };

static _Atomic(int) leaked[JOBS];
static _Atomic(long) longest_us;

static long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void serve(int number)
{
	const int job = number / REQUESTS, wrong = number % 4 == 1;
	const long since = now_us();

	jobs[job].run(wrong);
	leaked[job] += wrong * jobs[job].leaks;
	if (now_us() - since > longest_us)
		longest_us = now_us() - since;
}

static void *serve_one(void *number)
{
	serve(*(int *)number);
	return NULL;
}

static _Atomic(int) next_request, workers_wait, others_done, workers_done;

/*
 * What a call has left on the stack looks like a handle that is kept: others
 * write over it in the end, when no more is lost that might get the address.
 */
static int next_number(int *right)
{
	const int number = *right ? REQUESTS * JOBS : next_request++;

	if (number < REQUESTS * JOBS)
		return number;
	workers_wait += !*right;
	while (!others_done)
		usleep(1000);
	return *right < JOBS ? (*right)++ * REQUESTS : -1;
}

static void *serve_many(void *unused)
{
	int number, right = 0;

	while ((number = next_number(&right)) >= 0)
		serve(number);
	workers_done++;
	for (;;)
		pause();
	return unused;
}

static void serve_in_each_way(void)
{
	pthread_t thread;

	for (int i = 0; i < WORKERS; i++)
		pthread_create(&thread, NULL, serve_many, NULL);
	for (int i = 0; i < JOBS * REQUESTS; i++) {
		serve(i);
		pthread_create(&thread, NULL, serve_one, &i);
		pthread_join(thread, NULL);
	}
	while (workers_wait < WORKERS)
		usleep(1000);
	others_done = 1;
	while (workers_done < WORKERS)
		usleep(1000);
}

/* Singletons */

static void listens(void)
{
	listener = PQconnectdb("");
	run(listener, "LISTEN news");
}

static void keeps_settings(void)
{
	settings = PQconnectdb("");
	run(settings, "SET timezone = 'UTC'");
}

static void loads(void)
{
	loader = pool_take();
	PQclear(PQexec(loader, "CREATE TEMP TABLE loaded (n int)"));
	PQclear(PQexec(loader, "COPY loaded FROM STDIN"));
}

static void subscribes(void)
{
	subscriber = pool_take();
	run(subscriber, "LISTEN news");
}

static void audits(void)
{
	auditor = pool_take();
	run(auditor, "SELECT 1");
	connleak_by_design(auditor);
}

static void *works_on(void *done)
{
	PGconn *conn = pool_take();

	run(conn, "BEGIN");
	*(_Atomic(int) *)done = 1;
	for (;;)
		pause();
	return conn;
}

static void keep_what_is_needed(void)
{
	static _Atomic(int) works;
	pthread_t thread;

	listens();
	keeps_settings();
	loads();
	subscribes();
	audits();
	pthread_create(&thread, NULL, works_on, &works);
	while (!works)
		usleep(1000);
	puts("kept listens\nkept keeps_settings\nkept loads\nkept subscribes\n"
	     "kept audits\nkept works_on");
}

/* What was left last is old as well, then. */
static void grow_old(void)
{
	usleep((useconds_t)(longest_us + longest_us / 2));
}

int main(int argc, char **argv)
{
	pool_open(SIZE);
	keep_what_is_needed();
	serve_in_each_way();
	grow_old();
	for (int i = 0; i < JOBS; i++)
		printf("%s %s %d\n", jobs[i].kind, jobs[i].function, leaked[i]);
	fflush(stdout);
	if (argc > 1 && !strcmp(argv[1], "kill"))
		kill(getpid(), SIGKILL);
	return 0;
}
