/* SPDX-License-Identifier: MIT */
/*
 * Three connections from one line, none of them finished: what tells them
 * apart is how they were used.  Each argument is one step:
 *
 *	connect		acquire the next
 *	WAY		use all that are there: see ways[] below
 *	first		the same, but only the oldest
 *	threads		a thread for each waits in a query; the next step is
 *			taken when they do
 *	jump		the oldest is used, and the call left by longjmp
 *	design		the program says that it means to keep the oldest
 *	finish		give all back
 *	kill		itself, without a word
 *	fork		the next steps are a child's, for which this one waits
 *
 * With -DBY_NAME="libpq.so.5" the functions are those that dlsym finds there.
 */
#include <dlfcn.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/connleak.h"

#ifdef BY_NAME
static void *found(const char *name)
{
	static void *library;

	if (!library)
		library = dlopen(BY_NAME, RTLD_NOW | RTLD_LOCAL);
	return dlsym(library, name);
}
#define PQ(name) ((__typeof__(&name))found(#name))
#else
#define PQ(name) name
#endif

static PGconn *connections[16];
static int count;

static void need(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "uses: %s\n", what);
	exit(2);
}

static void take_result(PGresult *result)
{
	need(result != NULL, "no result");
	PQ(PQclear)(result);
}

static void take_results(PGconn *conn)
{
	PGresult *result;

	while ((result = PQ(PQgetResult)(conn)))
		PQ(PQclear)(result);
}

static void use_exec(PGconn *conn)
{
	take_result(PQ(PQexec)(conn, "select 1"));
}

static void use_params(PGconn *conn)
{
	const char *const values[] = { "1" };

	take_result(PQ(PQexecParams)(conn, "select $1::int", 1, NULL, values,
				     NULL, NULL, 0));
}

static void use_prepared(PGconn *conn)
{
	take_result(PQ(PQprepare)(conn, "", "select 1", 0, NULL));
	take_result(PQ(PQdescribePrepared)(conn, ""));
	take_result(PQ(PQexecPrepared)(conn, "", 0, NULL, NULL, NULL, 0));
}

static void use_sent(PGconn *conn)
{
	need(PQ(PQsendQuery)(conn, "select 1"), "not sent");
	take_results(conn);
	need(PQ(PQsendQueryParams)(conn, "select 1", 0, NULL, NULL, NULL, NULL,
				   0),
	     "not sent");
	take_results(conn);
}

static void use_copy(PGconn *conn)
{
	char *line;

	take_result(PQ(PQexec)(conn, "copy (select 1) to stdout"));
	while (PQ(PQgetCopyData)(conn, &line, 0) > 0)
		PQ(PQfreemem)(line);
	take_results(conn);
}

static void use_fn(PGconn *conn)
{
	int result, length;

	/* The server refuses it, which is an answer too. */
	take_result(PQ(PQfn)(conn, 1, &result, &length, 1, NULL, 0));
}

static void use_listen(PGconn *conn)
{
	need(PQ(PQconsumeInput)(conn), "no input");
	PQ(PQnotifies)(conn);
}

/* What is no use. */
static void ask(PGconn *conn)
{
	need(PQ(PQstatus)(conn) == CONNECTION_OK, "not connected");
	PQ(PQtransactionStatus)(conn);
	PQ(PQerrorMessage)(conn);
}

static const struct way {
	const char *name;
	void (*use)(PGconn *conn);
} ways[] = {
	{ "exec", use_exec },	      { "params", use_params },
	{ "prepared", use_prepared }, { "sent", use_sent },
	{ "copy", use_copy },	      { "fn", use_fn },
	{ "listen", use_listen },     { "ask", ask },
};

static jmp_buf outside;

static void jump(void *unused, const char *message)
{
	(void)unused;
	(void)message;
	longjmp(outside, 1);
}

static void say_nothing(void *unused, const char *message)
{
	(void)unused;
	(void)message;
}

/* libpq has not done with the notice, and tells it once more. */
static void jump_out(void)
{
	static const char query[] = "do $$ begin raise notice 'x'; end $$";

	PQ(PQsetNoticeProcessor)(connections[0], jump, NULL);
	if (!setjmp(outside))
		PQ(PQexec)(connections[0], query);
	PQ(PQsetNoticeProcessor)(connections[0], say_nothing, NULL);
}

static void *wait_in_query(void *conn)
{
	take_result(PQ(PQexec)(conn, "select pg_sleep(60)"));
	return NULL;
}

/* The server sees when they all do. */
static void start_threads(void)
{
	PGconn *other = PQ(PQconnectdb)("");
	pthread_t thread;
	int waiting = 0;

	for (int i = 0; i < count; i++)
		pthread_create(&thread, NULL, wait_in_query, connections[i]);
	while (waiting < count) {
		PGresult *result = PQ(PQexec)(
			other, "select count(*) from pg_stat_activity where "
			       "wait_event = 'PgSleep' and application_name = "
			       "current_setting('application_name')");

		waiting = atoi(PQ(PQgetvalue)(result, 0, 0));
		PQ(PQclear)(result);
	}
	PQ(PQfinish)(other);
}

static void connect_one(void)
{
	connections[count] = PQ(PQconnectdb)("");
	ask(connections[count++]);
}

static void fork_one(void)
{
	const pid_t child = fork();
	int status;

	if (!child)
		return;
	need(waitpid(child, &status, 0) == child && !status, "bad child");
	exit(0);
}

static void finish_all(void)
{
	while (count)
		PQ(PQfinish)(connections[--count]);
}

static int other_step(const char *step)
{
	if (!strcmp(step, "connect"))
		connect_one();
	else if (!strcmp(step, "first"))
		use_exec(connections[0]);
	else if (!strcmp(step, "threads"))
		start_threads();
	else if (!strcmp(step, "jump"))
		jump_out();
	else if (!strcmp(step, "design"))
		connleak_by_design(connections[0]);
	else if (!strcmp(step, "finish"))
		finish_all();
	else if (!strcmp(step, "kill"))
		kill(getpid(), SIGKILL);
	else if (!strcmp(step, "fork"))
		fork_one();
	else
		return 0;
	return 1;
}

static void take_step(const char *step)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(step, ways[i].name)) {
			for (int n = 0; n < count; n++)
				ways[i].use(connections[n]);
			return;
		}
	need(other_step(step), step);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		take_step(argv[i]);
	return 0;
}
