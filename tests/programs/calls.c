/* SPDX-License-Identifier: MIT */
/*
 * calls WAY [leak] - one way of using libpq, and all handles finished; with
 * "leak", the last one is not.  Connects as the environment says.
 */
#include <libpq-fe.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>

static int leak;

static PGconn *check(PGconn *conn)
{
	if (PQstatus(conn) != CONNECTION_OK) {
		fprintf(stderr, "%s", PQerrorMessage(conn));
		exit(1);
	}
	return conn;
}

static void finish(PGconn *conn)
{
	if (!leak)
		PQfinish(conn);
}

static void wait_for(PGconn *conn, PostgresPollingStatusType how)
{
	const int socket = PQsocket(conn);
	fd_set set;

	FD_ZERO(&set);
	FD_SET(socket, &set);
	select(socket + 1, how == PGRES_POLLING_READING ? &set : NULL,
	       how == PGRES_POLLING_WRITING ? &set : NULL, NULL, NULL);
}

static PGconn *poll_until_up(PGconn *conn,
			     PostgresPollingStatusType (*poll)(PGconn *))
{
	PostgresPollingStatusType how = PGRES_POLLING_WRITING;

	while (how != PGRES_POLLING_OK && how != PGRES_POLLING_FAILED) {
		wait_for(conn, how);
		how = poll(conn);
	}
	return check(conn);
}

static const char *const no_names[] = { NULL };

static void connectdb(void)
{
	finish(check(PQconnectdb("")));
}

static void connectdb_params(void)
{
	finish(check(PQconnectdbParams(no_names, no_names, 0)));
}

static void setdb_login(void)
{
	finish(check(PQsetdbLogin(NULL, NULL, NULL, NULL, NULL, NULL, NULL)));
}

static void connect_start(void)
{
	finish(poll_until_up(PQconnectStart(""), PQconnectPoll));
}

static void connect_start_params(void)
{
	finish(poll_until_up(PQconnectStartParams(no_names, no_names, 0),
			     PQconnectPoll));
}

static void reset(void)
{
	PGconn *conn = check(PQconnectdb(""));

	PQreset(conn);
	finish(check(conn));
}

static void reset_start(void)
{
	PGconn *conn = check(PQconnectdb(""));

	if (!PQresetStart(conn))
		exit(1);
	finish(poll_until_up(conn, PQresetPoll));
}

static void ping(void)
{
	if (PQping("") != PQPING_OK ||
	    PQpingParams(no_names, no_names, 0) != PQPING_OK)
		exit(1);
}

static void refused(void)
{
	PGconn *conn = PQconnectdb("host=127.0.0.1 port=1 connect_timeout=5");

	if (PQstatus(conn) != CONNECTION_BAD)
		exit(1);
	finish(conn);
}

static void refused_async(void)
{
	PGconn *conn = PQconnectStart("host=127.0.0.1 port=1");
	PostgresPollingStatusType how = PGRES_POLLING_WRITING;

	while (how != PGRES_POLLING_FAILED) {
		if (how == PGRES_POLLING_OK)
			exit(1);
		if (PQstatus(conn) != CONNECTION_BAD)
			wait_for(conn, how);
		how = PQconnectPoll(conn);
	}
	finish(conn);
}

static void unknown_option(void)
{
	finish(PQconnectdb("nonsense=1"));
}

static void abandoned(void)
{
	finish(PQconnectStart(""));
}

static void cancel(void)
{
	PGconn *conn = check(PQconnectdb(""));
	PGcancel *handle = PQgetCancel(conn);
	char error[256];

	if (!PQcancel(handle, error, sizeof(error)))
		exit(1);
	if (!leak)
		PQfreeCancel(handle);
	/* Makes and frees a cancel handle inside. */
	if (!PQrequestCancel(conn))
		exit(1);
	PQfinish(conn);
}

/* A callback of libpq that connects is the program, not libpq. */
static void connect_inside(void *unused, const char *message)
{
	(void)unused;
	(void)message;
	finish(check(PQconnectdb("")));
}

static void notice(void)
{
	PGconn *conn = check(PQconnectdb(""));

	PQsetNoticeProcessor(conn, connect_inside, NULL);
	PQclear(PQexec(conn, "do $$ begin raise notice 'hello'; end $$"));
	PQfinish(conn);
}

static jmp_buf out;

static void jump(void *unused, const char *message)
{
	(void)unused;
	(void)message;
	longjmp(out, 1);
}

static void jump_out(void)
{
	PGconn *conn = check(PQconnectdb(""));

	PQsetNoticeProcessor(conn, jump, NULL);
	if (!setjmp(out))
		PQexec(conn, "do $$ begin raise notice 'hello'; end $$");
	PQfinish(conn);
	finish(check(PQconnectdb("")));
}

static const struct way {
	const char *name;
	void (*go)(void);
} ways[] = {
	{ "connectdb", connectdb },
	{ "connectdb_params", connectdb_params },
	{ "setdb_login", setdb_login },
	{ "connect_start", connect_start },
	{ "connect_start_params", connect_start_params },
	{ "reset", reset },
	{ "reset_start", reset_start },
	{ "ping", ping },
	{ "refused", refused },
	{ "refused_async", refused_async },
	{ "unknown_option", unknown_option },
	{ "abandoned", abandoned },
	{ "cancel", cancel },
	{ "notice", notice },
	{ "jump_out", jump_out },
};

int main(int argc, char **argv)
{
	leak = argc > 2 && !strcmp(argv[2], "leak");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (argc > 1 && !strcmp(ways[i].name, argv[1])) {
			ways[i].go();
			printf("%s done\n", argv[1]);
			return 0;
		}
	fprintf(stderr, "calls: which way?\n");
	return 2;
}
