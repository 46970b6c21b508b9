/* SPDX-License-Identifier: MIT */
#include "analyzer/libpq.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#define LIBRARY "libpq.so.5"

static const char no_answer[] = "it did not answer in time";

/*
 * What a message says, by a part of it that is no one's own: an SQLSTATE of the
 * server's, or words of libpq's.
 */
static const struct {
	const char *part, *words;
} reasons[] = {
	{ "28P01", "it does not take this password" },
	{ "28000", "it does not let this user in" },
	{ "3D000", "it has no such database" },
	{ "53300", "it has too many clients" },
	{ "57P03", "it is starting up, or going down" },
	{ "no password supplied", "it wants a password, and there is none" },
	{ "Connection refused", "nobody listens there" },
	{ "No such file or directory", "there is no such socket" },
	{ "Permission denied", "the socket may not be used" },
	{ "could not translate host name", "the host's name is not known" },
	{ "No route to host", "there is no way to the host" },
	{ "Network is unreachable", "there is no way to the host" },
	{ "timed out", no_answer },
	{ "timeout expired", no_answer },
	{ "definition of service", "there is no such service" },
	{ "SSL", "the two could not agree on TLS" },
};

static const char *reason_of(const char *message)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (message && strstr(message, reasons[i].part))
			return reasons[i].words;
	return "no connection came about; psql, with the same words, says why";
}

const struct libpq_calls *libpq_open(void)
{
	static struct libpq_calls calls;
	static bool whole;
	void *library = whole ? NULL : dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return whole ? &calls : NULL;
#define CALL(name) *(void **)&calls.name = dlsym(library, #name);
	LIBPQ_CALLS(CALL)
#undef CALL
	whole = true;
#define CALL(name) whole = whole && calls.name;
	LIBPQ_CALLS(CALL)
#undef CALL
	return whole ? &calls : NULL;
}

/* What is neither pairs nor a URI is the name of a database. */
bool libpq_takes(const char *conninfo)
{
	const struct libpq_calls *pq = libpq_open();
	PQconninfoOption *options;
	char *error = NULL;

	if (!pq || (!strchr(conninfo, '=') && !strstr(conninfo, "://")))
		return true;
	options = pq->PQconninfoParse(conninfo, &error);
	pq->PQconninfoFree(options);
	pq->PQfreemem(error);
	return options;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* False when it is too late. */
static bool wait_for(int fd, short events, uint64_t deadline_ns)
{
	struct pollfd one = { .fd = fd, .events = events };
	int ready = -1;

	for (uint64_t now = now_ns(); ready < 0 && now < deadline_ns;
	     now = now_ns()) {
		ready = poll(&one, 1, (int)((deadline_ns - now) / 1000000) + 1);
		if (ready < 0 && errno != EINTR)
			return false;
	}
	return ready > 0;
}

/* What a server has to say beside is nothing for standard error. */
static void ignore(void *data, const char *message)
{
	(void)data;
	(void)message;
}

static bool is_waiting(PostgresPollingStatusType how)
{
	return how == PGRES_POLLING_READING || how == PGRES_POLLING_WRITING;
}

/* NULL if it is there. */
static const char *go_on(const struct libpq_calls *pq, PGconn *conn,
			 uint64_t deadline_ns)
{
	PostgresPollingStatusType how = PGRES_POLLING_WRITING;

	if (!conn)
		return "there is no memory";
	pq->PQsetErrorVerbosity(conn, PQERRORS_SQLSTATE);
	pq->PQsetNoticeProcessor(conn, ignore, NULL);
	while (pq->PQstatus(conn) != CONNECTION_BAD && is_waiting(how)) {
		const short events =
			how == PGRES_POLLING_READING ? POLLIN : POLLOUT;

		if (!wait_for(pq->PQsocket(conn), events, deadline_ns))
			return no_answer;
		how = pq->PQconnectPoll(conn);
	}
	return pq->PQstatus(conn) == CONNECTION_OK
		       ? NULL
		       : reason_of(pq->PQerrorMessage(conn));
}

PGconn *libpq_connect(const struct libpq_calls *pq, const char *conninfo,
		      unsigned seconds, uint64_t *ret_deadline_ns,
		      const char **ret_why)
{
	const char *const keys[] = { "dbname", "fallback_application_name",
				     NULL };
	const char *const values[] = { conninfo, "connleak", NULL };
	PGconn *conn;

	*ret_deadline_ns = now_ns() + seconds * UINT64_C(1000000000);
	conn = pq->PQconnectStartParams(keys, values, 1);
	*ret_why = go_on(pq, conn, *ret_deadline_ns);
	if (!*ret_why)
		return conn;
	pq->PQfinish(conn);
	return NULL;
}

PGresult *libpq_query(const struct libpq_calls *pq, PGconn *conn,
		      const char *query, int count, const char *const *values,
		      uint64_t deadline_ns, const char **ret_why)
{
	PGresult *result = NULL;

	*ret_why = "it did not take the question";
	if (!pq->PQsendQueryParams(conn, query, count, NULL, values, NULL, NULL,
				   0))
		return NULL;
	while (pq->PQisBusy(conn)) {
		if (!wait_for(pq->PQsocket(conn), POLLIN, deadline_ns)) {
			*ret_why = no_answer;
			return NULL;
		}
		if (!pq->PQconsumeInput(conn))
			return NULL;
	}
	result = pq->PQgetResult(conn);
	if (pq->PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	pq->PQclear(result);
	return NULL;
}
