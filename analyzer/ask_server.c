/* SPDX-License-Identifier: MIT */
#include "analyzer/ask_server.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/libpq.h"
#include "record/reader.h"

#define SECONDS	 5u /* for all of it */
#define WHO_MOST 8u /* users and databases; few programs have two */

/*
 * What a role or a database has been given comes before what all have.  Of our
 * own session the rest counts only where it came from no such place.
 */
static const char query_begin[] = "WITH who (role, db) AS (VALUES ";
static const char query_rest[] =
	"), wanted (name) AS (VALUES ('statement_timeout'), ('lock_timeout'), "
	"('idle_in_transaction_session_timeout'), ('idle_session_timeout')) "
	"SELECT w.role, w.db, n.name, coalesce("
	"(SELECT pg_catalog.substr(c, pg_catalog.length(n.name) + 2) "
	"FROM pg_catalog.pg_db_role_setting s "
	"LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole "
	"LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase, "
	"pg_catalog.unnest(s.setconfig) c "
	"WHERE (s.setrole = 0 OR r.rolname = w.role) "
	"AND (s.setdatabase = 0 OR d.datname = w.db) "
	"AND pg_catalog.left(c, pg_catalog.length(n.name) + 1) = n.name || '=' "
	"ORDER BY s.setrole <> 0 AND s.setdatabase <> 0 DESC, "
	"s.setrole <> 0 DESC, s.setdatabase <> 0 DESC LIMIT 1), "
	"(SELECT setting FROM pg_catalog.pg_settings g WHERE g.name = n.name "
	"AND source NOT IN ('global', 'database', 'user', 'database user', "
	"'client', 'override', 'interactive', 'session'))) "
	"FROM who w CROSS JOIN wanted n "
	"UNION ALL SELECT NULL, NULL, name, setting "
	"FROM pg_catalog.pg_settings WHERE name IN ('max_connections', "
	"'superuser_reserved_connections', 'reserved_connections') "
	"UNION ALL SELECT NULL, NULL, 'connections', "
	"(pg_catalog.sum(numbackends) - 1)::text "
	"FROM pg_catalog.pg_stat_database";

struct asking {
	struct report_asked *ret;
	struct arena *arena;
	const struct libpq_calls *pq;
};

double ask_server_seconds(const char *setting)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = { { "", 1e-3 },  { "us", 1e-6 }, { "ms", 1e-3 }, { "s", 1 },
		      { "min", 60 }, { "h", 3600 },  { "d", 86400 } };
	char *end;
	double value;

	if (!setting)
		return NAN;
	value = strtod(setting, &end);
	end += strspn(end, " ");
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (end != setting && !strcmp(end, units[i].name) &&
		    isfinite(value * units[i].seconds))
			return value * units[i].seconds;
	return NAN;
}

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static struct report_server_limits *
limits_of(const struct asking *a, const char *user, const char *dbname)
{
	for (size_t i = 0; i < a->ret->limit_count; i++)
		if (is_same(a->ret->limits[i].user, user) &&
		    is_same(a->ret->limits[i].dbname, dbname))
			return &a->ret->limits[i];
	return NULL;
}

static void add_who(const struct asking *a, const char *user,
		    const char *dbname)
{
	struct report_asked *ret = a->ret;
	struct report_server_limits *limits;

	if (ret->limit_count == WHO_MOST || limits_of(a, user, dbname))
		return;
	ret->limits = arena_grow(a->arena, ret->limits, ret->limit_count,
				 sizeof(*limits));
	limits = &ret->limits[ret->limit_count++];
	limits->user = arena_strdup(a->arena, user);
	limits->dbname = arena_strdup(a->arena, dbname);
	for (int i = 0; i < SERVER_LIMITS; i++)
		limits->seconds[i] = NAN;
}

/* Whoever the program came as; if nobody knows, what holds for all. */
static void find_who(const struct asking *a, const struct evidence *e)
{
	struct record_server server;

	for (size_t i = 0; i < e->record_count; i++) {
		const struct reader *reader = e->records[i].reader;
		const uint32_t count = reader_count(reader, RECORD_SERVERS);

		for (uint32_t n = 0; n < count; n++)
			if (reader_server(reader, n, &server) && server.opened)
				add_who(a, reader_string(reader, server.user),
					reader_string(reader, server.dbname));
	}
	if (!a->ret->limit_count)
		add_who(a, NULL, NULL);
}

static const char *make_query(const struct asking *a, const char **values)
{
	const char *query = query_begin;
	int n = 0;

	for (size_t i = 0; i < a->ret->limit_count; i++, n += 2) {
		values[n] = a->ret->limits[i].user;
		values[n + 1] = a->ret->limits[i].dbname;
		query = arena_printf(a->arena, "%s%s($%d::text, $%d::text)",
				     query, i ? ", " : "", n + 1, n + 2);
	}
	return arena_printf(a->arena, "%s%s", query, query_rest);
}

static const char *field(const struct asking *a, const PGresult *result,
			 int row, int column)
{
	return a->pq->PQgetisnull(result, row, column)
		       ? NULL
		       : a->pq->PQgetvalue(result, row, column);
}

/* 0 if it is not known; what only looks like a server may say anything. */
static uint64_t number_of(const char *value)
{
	uint64_t number;
	char *end;

	if (!value || *value < '0' || *value > '9')
		return 0;
	number = strtoull(value, &end, 10);
	return *end || number > UINT32_MAX ? 0 : number;
}

static void take_number(struct report_asked *ret, const char *name,
			const char *value)
{
	const uint64_t number = number_of(value);

	if (!strcmp(name, "max_connections"))
		ret->max_connections = number;
	else if (!strcmp(name, "connections"))
		ret->connections = number;
	else
		ret->reserved += number;
}

static void take_row(const struct asking *a, const PGresult *result, int row)
{
	const char *name = field(a, result, row, 2);
	const char *value = field(a, result, row, 3);
	struct report_server_limits *limits = limits_of(
		a, field(a, result, row, 0), field(a, result, row, 1));

	if (!name)
		return;
	for (int i = 0; i < SERVER_LIMITS; i++)
		if (limits && !strcmp(name, report_server_limit_name(i))) {
			limits->seconds[i] = ask_server_seconds(value);
			return;
		}
	take_number(a->ret, name, value);
}

/* A name that is a whole connection string may have a password in it. */
static const char *without_secrets(const struct asking *a, const char *text)
{
	if (!text || !*text)
		return NULL;
	return strstr(text, "://") || strchr(text, '=')
		       ? "(conninfo)"
		       : arena_strdup(a->arena, text);
}

static void take_name(const struct asking *a, const PGconn *conn)
{
	struct report_asked *ret = a->ret;

	ret->host = without_secrets(a, a->pq->PQhost(conn));
	ret->port = without_secrets(a, a->pq->PQport(conn));
	ret->dbname = without_secrets(a, a->pq->PQdb(conn));
	ret->user = without_secrets(a, a->pq->PQuser(conn));
	ret->version = a->pq->PQserverVersion(conn);
}

static void ask(const struct asking *a, PGconn *conn, uint64_t deadline_ns)
{
	const char *values[2 * WHO_MOST];
	const char *query = make_query(a, values);
	PGresult *result =
		libpq_query(a->pq, conn, query, 2 * (int)a->ret->limit_count,
			    values, deadline_ns, &a->ret->why_not);

	if (!result)
		return;
	a->ret->why_not = NULL;
	take_name(a, conn);
	for (int i = 0; i < a->pq->PQntuples(result); i++)
		take_row(a, result, i);
	a->pq->PQclear(result);
}

void ask_server(struct report_asked *ret, struct arena *arena,
		const char *conninfo, const struct evidence *evidence)
{
	struct asking a = { .ret = ret, .arena = arena, .pq = libpq_open() };
	uint64_t deadline_ns;
	PGconn *conn;

	*ret = (struct report_asked){ .wanted = true };
	if (!a.pq) {
		ret->why_not = "there is no libpq on this machine";
		return;
	}
	find_who(&a, evidence);
	conn = libpq_connect(a.pq, conninfo, SECONDS, &deadline_ns,
			     &ret->why_not);
	if (!conn)
		return;
	ask(&a, conn, deadline_ns);
	a.pq->PQfinish(conn);
}
