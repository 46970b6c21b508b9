/* SPDX-License-Identifier: MIT */
/* What bounds the run in time, for programs: of a time, 0 is none. */
#include "analyzer/members.h"

static json_t *server(struct json_writer *w, const struct report_server *s)
{
	json_t *object = json_object();

	member_server(w, object, s->host, s->port, s->dbname, s->user);
	member_text(w, object, "transport", s->transport);
	member_count(w, object, "connections", s->connections);
	member_put(w, object, "begun_by_program", json_boolean(s->begun));
	member_seconds(w, object, "connect_timeout_s", s->connect_timeout_s);
	member_seconds(w, object, "keepalives_idle_s", s->keepalive_s);
	member_seconds(w, object, "tcp_user_timeout_s", s->user_timeout_s);
	return object;
}

static json_t *endless(struct json_writer *w, const struct report_endless *e)
{
	json_t *object = json_object();

	member_text(w, object, "pool", e->pool);
	member_known(w, object, "pid", e->pid);
	member_count(w, object, "waits", e->waits);
	member_seconds(w, object, "longest_wait_s", e->longest_wait_s);
	member_seconds(w, object, "hold_p50_s", e->hold_s);
	member_count(w, object, "waiting", e->waiting);
	member_seconds(w, object, "waiting_since_s", e->still_s);
	return object;
}

static json_t *missing(struct json_writer *w, const struct report_timeouts *t)
{
	json_t *object = json_object();

	member_count(w, object, "connect_timeout", t->no_connect_timeout);
	member_count(w, object, "keepalives", t->no_keepalive);
	member_count(w, object, "tcp_user_timeout", t->no_user_timeout);
	return object;
}

static json_t *limits(struct json_writer *w,
		      const struct report_server_limits *l)
{
	json_t *object = json_object();

	member_text(w, object, "user", l->user);
	member_text(w, object, "dbname", l->dbname);
	for (int i = 0; i < SERVER_LIMITS; i++)
		member_seconds(w, object,
			       arena_printf(&w->arena, "%s_s",
					    report_server_limit_name(i)),
			       l->seconds[i]);
	return object;
}

static json_t *asked(struct json_writer *w, const struct report_asked *a)
{
	json_t *object, *all;

	if (!a->wanted)
		return json_null();
	object = json_object();
	all = json_array();
	for (size_t i = 0; !a->why_not && i < a->limit_count; i++)
		member_append(w, all, limits(w, &a->limits[i]));
	member_text(w, object, "why_not", a->why_not);
	member_server(w, object, a->host, a->port, a->dbname, a->user);
	member_known(w, object, "server_version", a->version);
	member_known(w, object, "max_connections", (int)a->max_connections);
	member_put(w, object, "reserved_connections",
		   a->max_connections ? json_integer((json_int_t)a->reserved)
				      : json_null());
	member_put(w, object, "connections",
		   a->max_connections ? json_integer((json_int_t)a->connections)
				      : json_null());
	member_put(w, object, "limits", all);
	return object;
}

json_t *member_timeouts(struct json_writer *w, const struct report *report)
{
	const struct report_timeouts *t = &report->timeouts;
	json_t *object = json_object(), *servers = json_array();
	json_t *pools = json_array();

	for (size_t i = 0; i < t->server_count; i++)
		member_append(w, servers, server(w, &t->servers[i]));
	for (size_t i = 0; i < t->endless_count; i++)
		member_append(w, pools, endless(w, &t->endless[i]));
	member_count(w, object, "tcp_connections", t->connections);
	member_put(w, object, "missing", missing(w, t));
	member_text(w, object, "advice", t->advice);
	member_put(w, object, "servers", servers);
	member_put(w, object, "endless_pools", pools);
	member_put(w, object, "asked", asked(w, &t->asked));
	return object;
}
