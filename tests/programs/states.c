/* SPDX-License-Identifier: MIT */
/*
 * Each argument is a way to leave a connection: it acquires one, brings it
 * there, and keeps it until the end.  The ways are in the table below, which
 * runs queries and more; what they come to is in tests/e2e/uses.sh.
 */
#include <libpq-fe.h>
#include <libpq/libpq-fs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void need(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "states: %s\n", what);
	exit(2);
}

static void run(PGconn *conn, const char *query)
{
	PGresult *result = PQexec(conn, query);

	need(result != NULL, query);
	PQclear(result);
}

static void send_query(PGconn *conn, const char *query)
{
	need(PQsendQuery(conn, query), query);
}

static void take_one(PGconn *conn)
{
	PGresult *result = PQgetResult(conn);

	need(result != NULL, "no result");
	PQclear(result);
}

static void take_all(PGconn *conn)
{
	PGresult *result;

	while ((result = PQgetResult(conn)))
		PQclear(result);
}

static void flush_all(PGconn *conn)
{
	need(!PQsetnonblocking(conn, 1), "not non-blocking");
	send_query(conn, "select 1");
	while (PQflush(conn) > 0)
		;
}

static void single_row(PGconn *conn)
{
	send_query(conn, "select generate_series(1, 3)");
	need(PQsetSingleRowMode(conn), "no single rows");
	take_one(conn);
}

static void copy_in(PGconn *conn)
{
	run(conn, "create temp table t (n int)");
	run(conn, "copy t from stdin");
}

static void put_data(PGconn *conn)
{
	copy_in(conn);
	need(PQputCopyData(conn, "1\n", 2) == 1, "no data");
}

static void put_end(PGconn *conn)
{
	put_data(conn);
	need(PQputCopyEnd(conn, NULL) == 1, "no end");
}

static void put_all(PGconn *conn)
{
	put_end(conn);
	take_all(conn);
}

static void put_lines(PGconn *conn)
{
	copy_in(conn);
	need(!PQputline(conn, "1\n") && !PQputline(conn, "\\.\n"), "no line");
	need(!PQendcopy(conn), "no end");
}

static void get_one(PGconn *conn)
{
	char *line;

	run(conn, "copy (select 1) to stdout");
	need(PQgetCopyData(conn, &line, 0) > 0, "no line");
	PQfreemem(line);
}

static void get_end(PGconn *conn)
{
	char *line;

	get_one(conn);
	need(PQgetCopyData(conn, &line, 0) == -1, "no end");
}

static void get_all(PGconn *conn)
{
	get_end(conn);
	take_all(conn);
}

static void pipeline(PGconn *conn)
{
	need(PQenterPipelineMode(conn), "no pipeline");
	for (int i = 0; i < 2; i++)
		need(PQsendQueryParams(conn, "select 1/0", 0, NULL, NULL, NULL,
				       NULL, 0),
		     "not sent");
	need(PQpipelineSync(conn), "no sync");
}

/* For each query a result and a NULL, and the sync. */
static void pipeline_read(PGconn *conn)
{
	pipeline(conn);
	for (int i = 0; i < 5; i++)
		PQclear(PQgetResult(conn));
	need(PQexitPipelineMode(conn), "still in a pipeline");
}

/* Nothing that is used but this. */
static void large_object(PGconn *conn)
{
	need(lo_unlink(conn, 1) == -1, "there is one");
}

static void large_objects(PGconn *conn)
{
	char bytes[4];
	Oid oid;
	int fd;

	run(conn, "begin");
	oid = lo_creat(conn, INV_READ | INV_WRITE);
	fd = lo_open(conn, oid, INV_READ | INV_WRITE);
	need(lo_write(conn, fd, "abcd", 4) == 4, "not written");
	need(!lo_lseek(conn, fd, 0, SEEK_SET), "not rewound");
	need(lo_read(conn, fd, bytes, 4) == 4, "not read");
	need(!lo_close(conn, fd), "not closed");
}

static void encoding(PGconn *conn)
{
	need(!PQsetClientEncoding(conn, "LATIN1"), "no such encoding");
}

static void prepare(PGconn *conn)
{
	PQclear(PQprepare(conn, "", "select 1", 0, NULL));
	PQclear(PQdescribePrepared(conn, ""));
	PQclear(PQexecPrepared(conn, "", 0, NULL, NULL, NULL, 0));
}

static void consume(PGconn *conn)
{
	need(PQconsumeInput(conn), "no input");
	PQfreemem(PQnotifies(conn));
}

/* What is no use. */
static void look(PGconn *conn)
{
	PQisBusy(conn);
	PQtransactionStatus(conn);
	PQsetSingleRowMode(conn);
	PQisnonblocking(conn);
	PQsocket(conn);
	need(PQenterPipelineMode(conn) && PQexitPipelineMode(conn),
	     "no pipeline");
}

static void terminate(PGconn *conn)
{
	PGconn *other = PQconnectdb("");
	char query[64];

	snprintf(query, sizeof(query), "select pg_terminate_backend(%d, 9999)",
		 PQbackendPID(conn));
	run(other, query);
	PQfinish(other);
}

static void terminated(PGconn *conn)
{
	terminate(conn);
	run(conn, "select 1");
}

static void run_in_vain(PGconn *conn)
{
	PQclear(PQexec(conn, "select 1"));
	need(!PQsendQuery(conn, "select 1"), "sent");
}

/* What was read before is not known to anybody but PQgetResult. */
static void terminated_sent(PGconn *conn)
{
	terminate(conn);
	send_query(conn, "select 1");
	take_all(conn);
}

static void terminated_twice(PGconn *conn)
{
	terminated(conn);
	run_in_vain(conn);
}

/* As if the network were gone. */
static void cut(PGconn *conn)
{
	run(conn, "begin");
	shutdown(PQsocket(conn), SHUT_RDWR);
	run(conn, "select 1");
}

static void cut_send(PGconn *conn)
{
	cut(conn);
	run_in_vain(conn);
}

static void reset(PGconn *conn)
{
	run(conn, "listen a");
	run(conn, "begin");
	PQreset(conn);
}

static void *run_one(void *conn)
{
	run(conn, "select 1");
	return NULL;
}

static void in_thread(PGconn *conn)
{
	pthread_t thread;

	run(conn, "begin");
	pthread_create(&thread, NULL, run_one, conn);
	pthread_join(thread, NULL);
}

#define FAIL(state) "do $$ begin raise sqlstate '" state "'; end $$"
#define UNIQUE \
	"create temp table u (n int primary key); insert into u values (1)"

/* Queries, one after the other, and what else it does. */
static const struct way {
	const char *name;
	const char *queries[5];
	void (*act)(PGconn *conn);
} ways[] = {
	{ "never", { 0 }, NULL },
	{ "look", { 0 }, look },
	{ "idle", { "select 1" }, NULL },
	{ "begun", { "begin", "select 1" }, NULL },
	{ "failed", { "begin", "select 1/0" }, NULL },
	{ "rolled_back", { "begin", "select 1/0", "rollback" }, NULL },
	{ "serialization", { FAIL("40001") }, NULL },
	{ "timeout", { "set statement_timeout = 1", "select pg_sleep(9)" }, 0 },
	{ "duplicate", { UNIQUE, "insert into u values (1)" }, NULL },
	{ "echo", { "begin", FAIL("40001"), "select 1", "rollback" }, NULL },
	{ "notice", { "do $$ begin raise notice 'x'; end $$" }, NULL },
	{ "flush", { 0 }, flush_all },
	{ "single_row", { 0 }, single_row },
	{ "copy_in", { 0 }, copy_in },
	{ "put_data", { 0 }, put_data },
	{ "put_end", { 0 }, put_end },
	{ "put_all", { 0 }, put_all },
	{ "put_lines", { 0 }, put_lines },
	{ "copy_out", { "copy (select 1) to stdout" }, NULL },
	{ "get_one", { 0 }, get_one },
	{ "get_end", { 0 }, get_end },
	{ "get_all", { 0 }, get_all },
	{ "listen", { "listen a", "select 1" }, NULL },
	{ "listen_open", { "listen a", "begin" }, NULL },
	{ "unlisten", { "listen a", "unlisten *" }, NULL },
	{ "unlisten_one", { "listen a", "listen b", "unlisten a" }, NULL },
	{ "discard", { "listen a", "listen b", "discard all" }, NULL },
	{ "pipeline", { 0 }, pipeline },
	{ "pipeline_read", { 0 }, pipeline_read },
	{ "large_object", { 0 }, large_object },
	{ "large_objects", { 0 }, large_objects },
	{ "encoding", { 0 }, encoding },
	{ "prepare", { 0 }, prepare },
	{ "consume", { 0 }, consume },
	{ "terminated", { 0 }, terminated },
	{ "terminated_sent", { 0 }, terminated_sent },
	{ "terminated_twice", { 0 }, terminated_twice },
	{ "cut", { 0 }, cut },
	{ "cut_send", { FAIL("23505") }, cut_send },
	{ "reset", { 0 }, reset },
	{ "in_thread", { 0 }, in_thread },
};

/* These leave a query under way. */
static const struct sent {
	const char *name, *query;
	void (*take)(PGconn *conn);
} sents[] = {
	{ "sent", "select 1", NULL },
	{ "half", "select 1; select 2", take_one },
	{ "drained", "select 1; select 2", take_all },
	{ "sent_error", "select 1/0", take_all },
	{ "sent_begin", "begin", take_all },
	{ "sent_listen", "listen a", take_all },
};

static void say_nothing(void *unused, const char *message)
{
	(void)unused;
	(void)message;
}

static PGconn *acquire(void)
{
	PGconn *conn = PQconnectdb("");

	need(PQstatus(conn) == CONNECTION_OK, "not connected");
	PQsetNoticeProcessor(conn, say_nothing, NULL);
	return conn;
}

static int send_one(const char *name)
{
	for (size_t i = 0; i < sizeof(sents) / sizeof(sents[0]); i++)
		if (!strcmp(sents[i].name, name)) {
			PGconn *conn = acquire();

			send_query(conn, sents[i].query);
			if (sents[i].take)
				sents[i].take(conn);
			return 1;
		}
	return 0;
}

static int go(const char *name)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].name, name)) {
			PGconn *conn = acquire();

			for (int n = 0; n < 5 && ways[i].queries[n]; n++)
				run(conn, ways[i].queries[n]);
			if (ways[i].act)
				ways[i].act(conn);
			return 1;
		}
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		need(send_one(argv[i]) || go(argv[i]), argv[i]);
	return 0;
}
