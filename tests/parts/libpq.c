/* SPDX-License-Identifier: MIT */
/*
 * A libpq that connects to nothing, made by tests/parts.sh as often as a test
 * needs one: it says which copy (-DCOPY="one") of which function runs, and
 * ends the program when it is given a handle of another copy.
 *
 * It calls itself as libpq 17 does, through its own jump table where that one
 * does, and with a jump instead of a call at the end of PQcancelPoll and
 * PQcancelFinish (so it is compiled with -O2).
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct pg_cancel_conn PGcancelConn;
PGcancelConn *PQcancelCreate(PGconn *conn);
PostgresPollingStatusType PQcancelPoll(PGcancelConn *conn);
void PQcancelFinish(PGcancelConn *conn);

struct pg_conn {
	const char *copy;
	ConnStatusType status;
};

static const char me[] = COPY;

#define SAY() printf("%s: %s\n", me, __func__)

static PGconn *mine(PGconn *conn, const char *function)
{
	if (conn->copy != me) {
		printf("%s: %s of a handle of %s\n", me, function, conn->copy);
		abort();
	}
	return conn;
}

#define MINE(conn) mine((PGconn *)(conn), __func__)

static PGconn *make(ConnStatusType status)
{
	PGconn *conn = calloc(1, sizeof(*conn));

	conn->copy = me;
	conn->status = status;
	return conn;
}

PGconn *PQconnectStart(const char *info)
{
	(void)info;
	SAY();
	return make(CONNECTION_STARTED);
}

PGconn *PQconnectdb(const char *info)
{
	PGconn *conn = PQconnectStart(info);

	SAY();
	conn->status = CONNECTION_OK;
	return conn;
}

PGconn *PQconnectStartParams(const char *const *keys, const char *const *values,
			     int expand)
{
	(void)keys;
	(void)values;
	(void)expand;
	SAY();
	return make(CONNECTION_STARTED);
}

PGconn *PQconnectdbParams(const char *const *keys, const char *const *values,
			  int expand)
{
	PGconn *conn = PQconnectStartParams(keys, values, expand);

	SAY();
	conn->status = CONNECTION_OK;
	return conn;
}

PGconn *PQsetdbLogin(const char *host, const char *port, const char *options,
		     const char *tty, const char *dbname, const char *user,
		     const char *password)
{
	(void)host;
	(void)port;
	(void)options;
	(void)tty;
	(void)dbname;
	(void)user;
	(void)password;
	SAY();
	return make(CONNECTION_OK);
}

PostgresPollingStatusType PQconnectPoll(PGconn *conn)
{
	SAY();
	MINE(conn)->status = CONNECTION_OK;
	return PGRES_POLLING_OK;
}

int PQresetStart(PGconn *conn)
{
	SAY();
	MINE(conn)->status = CONNECTION_STARTED;
	return 1;
}

PostgresPollingStatusType PQresetPoll(PGconn *conn)
{
	SAY();
	return PQconnectPoll(MINE(conn));
}

void PQreset(PGconn *conn)
{
	SAY();
	MINE(conn)->status = CONNECTION_OK;
}

void PQfinish(PGconn *conn)
{
	SAY();
	if (conn)
		free(MINE(conn));
}

PGPing PQping(const char *info)
{
	SAY();
	PQfinish(PQconnectStart(info));
	return PQPING_OK;
}

PGcancel *PQgetCancel(PGconn *conn)
{
	SAY();
	MINE(conn);
	return (PGcancel *)make(CONNECTION_OK);
}

void PQfreeCancel(PGcancel *cancel)
{
	SAY();
	free(MINE(cancel));
}

PGcancelConn *PQcancelCreate(PGconn *conn)
{
	SAY();
	MINE(conn);
	return (PGcancelConn *)make(CONNECTION_STARTED);
}

PostgresPollingStatusType PQcancelPoll(PGcancelConn *conn)
{
	SAY();
	return PQconnectPoll((PGconn *)conn);
}

void PQcancelFinish(PGcancelConn *conn)
{
	SAY();
	PQfinish((PGconn *)conn);
}

/* Questions are asked by connleak too, so they say nothing. */

ConnStatusType PQstatus(const PGconn *conn)
{
	return MINE(conn)->status;
}

int PQlibVersion(void)
{
	return 170000;
}

#define ANSWER(type, name, value)     \
	type name(const PGconn *conn) \
	{                             \
		MINE(conn);           \
		return (type)(value); \
	}

/* clang-format off */
ANSWER(int,    PQbackendPID,     0)
ANSWER(int,    PQserverVersion,  0)
ANSWER(int,    PQsocket,         -1)
ANSWER(char *, PQhost,           "")
ANSWER(char *, PQhostaddr,       "")
ANSWER(char *, PQport,           "")
ANSWER(char *, PQdb,             "")
ANSWER(char *, PQuser,           "")
ANSWER(char *, PQerrorMessage,   "")
/* clang-format on */

PGTransactionStatusType PQtransactionStatus(const PGconn *conn)
{
	MINE(conn);
	return PQTRANS_IDLE;
}

const char *PQparameterStatus(const PGconn *conn, const char *name)
{
	(void)name;
	return MINE(conn)->copy;
}
