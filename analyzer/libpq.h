/* SPDX-License-Identifier: MIT */
/*
 * libpq - connleak's own connection to a server, with a deadline for all of it
 *
 * libpq is opened when it is asked for, and never linked: records can be judged
 * on a machine that has none, and nobody waits for it to be loaded in vain.
 *
 * What libpq says of an error may quote the connection string, and in one that
 * was mistyped the password stands where a host should.  So its words are never
 * repeated; they are looked for in a list, which has words of ours for them.
 */
#ifndef ANALYZER_LIBPQ_H
#define ANALYZER_LIBPQ_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#define LIBPQ_CALLS(CALL)          \
	CALL(PQconninfoParse)      \
	CALL(PQconninfoFree)       \
	CALL(PQfreemem)            \
	CALL(PQconnectStartParams) \
	CALL(PQconnectPoll)        \
	CALL(PQsetErrorVerbosity)  \
	CALL(PQsetNoticeProcessor) \
	CALL(PQerrorMessage)       \
	CALL(PQstatus)             \
	CALL(PQsocket)             \
	CALL(PQhost)               \
	CALL(PQport)               \
	CALL(PQdb)                 \
	CALL(PQuser)               \
	CALL(PQserverVersion)      \
	CALL(PQsendQueryParams)    \
	CALL(PQconsumeInput)       \
	CALL(PQisBusy)             \
	CALL(PQgetResult)          \
	CALL(PQresultStatus)       \
	CALL(PQntuples)            \
	CALL(PQgetvalue)           \
	CALL(PQgetisnull)          \
	CALL(PQclear)              \
	CALL(PQfinish)

/* Its functions, by their own names. */
struct libpq_calls {
#define CALL(name) __typeof__(&name) name;
	LIBPQ_CALLS(CALL)
#undef CALL
};

/* NULL if this machine has no libpq. */
const struct libpq_calls *libpq_open(void);

/* False if libpq would not take it; true also where there is no libpq. */
bool libpq_takes(const char *conninfo);

/*
 * A connection, or NULL and a clause that says why not.  Both are over after
 * `seconds` together.
 */
PGconn *libpq_connect(const struct libpq_calls *pq, const char *conninfo,
		      unsigned seconds, uint64_t *ret_deadline_ns,
		      const char **ret_why);
/* The one result of a query; or NULL, and why. */
PGresult *libpq_query(const struct libpq_calls *pq, PGconn *conn,
		      const char *query, int count, const char *const *values,
		      uint64_t deadline_ns, const char **ret_why);

#endif
