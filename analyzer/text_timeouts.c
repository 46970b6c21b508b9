/* SPDX-License-Identifier: MIT */
/*
 * What has no bound in time: one block for the run, not a line per handle:
 *
 *	timeouts:
 *	    without connect_timeout: 12 of 14 connections over TCP, acquired by
 *	        load_orders src/db.c:42
 *	    without tcp_user_timeout: 14 of 14 connections over TCP; a silent
 *	      peer is looked after when 2 h 0 min have passed
 *	    to set in the connection string:
 *	        connect_timeout=10 keepalives_idle=60 tcp_user_timeout=30000
 *	    pool db_take: 31 waits, of up to 4.2 s where half of the leases are
 *	      back after 20 ms, and nobody gave up: its acquire needs a deadline
 *	    server db1:5432: 100 connections, 3 of them reserved, 12 open now
 *	    role app in database orders: statement_timeout none, ...
 */
#include "analyzer/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "analyzer/columns.h"
#include "analyzer/kinds.h"

#define INDENT	    4
#define LIST_INDENT 8

static void write_line(const struct text *t, size_t indent, const char *line)
{
	columns_pad(t->out, 0, indent);
	columns_wrap(t->out, line, indent, indent + 2);
}

/* "without keepalives: 3 of 14 connections over TCP" */
static const char *lacking(const struct text *t, const char *what,
			   uint64_t count)
{
	const uint64_t all = t->report->timeouts.connections;

	return arena_printf(t->arena,
			    "without %s: %" PRIu64 " of %" PRIu64
			    " connection%s over TCP",
			    what, count, all, all == 1 ? "" : "s");
}

static bool is_no_timeout(const struct report_finding *f)
{
	return f->kind && !strcmp(f->kind, kind_row(KIND_NO_TIMEOUT)->name);
}

static void write_places(const struct text *t)
{
	const struct report *report = t->report;
	size_t count = 0;

	for (size_t i = 0; i < report->finding_count; i++) {
		const struct report_finding *f = &report->findings[i];
		const char *where;

		if (!is_no_timeout(f) || ++count > TEXT_LIST_MAX)
			continue;
		where = text_where(t, &f->stack, COLUMNS - LIST_INDENT);
		write_line(t, LIST_INDENT, where ? where : "an unknown place");
	}
	if (count > TEXT_LIST_MAX)
		write_line(t, LIST_INDENT,
			   arena_printf(t->arena, "and %zu more places",
					count - TEXT_LIST_MAX));
}

static void write_peers(const struct text *t)
{
	const struct report_timeouts *to = &t->report->timeouts;
	const char *line;

	if (to->no_keepalive)
		write_line(t, INDENT,
			   lacking(t, "keepalives", to->no_keepalive));
	if (!to->no_user_timeout)
		return;
	line = lacking(t, "tcp_user_timeout", to->no_user_timeout);
	if (to->late_s > 0)
		line = arena_printf(t->arena,
				    "%s; a silent peer is looked after when "
				    "%s have passed",
				    line, text_duration(t, to->late_s));
	write_line(t, INDENT, line);
}

static void write_connections(const struct text *t)
{
	const struct report_timeouts *to = &t->report->timeouts;

	if (to->no_connect_timeout) {
		write_line(t, INDENT,
			   arena_printf(t->arena, "%s, acquired by",
					lacking(t, "connect_timeout",
						to->no_connect_timeout)));
		write_places(t);
	}
	write_peers(t);
	if (!to->advice)
		return;
	write_line(t, INDENT, "to set in the connection string:");
	write_line(t, LIST_INDENT, to->advice);
}

/* "2 threads still waited at the end, for 12.0 s" */
static const char *waits(const struct text *t, const struct report_endless *e)
{
	if (e->waiting && e->still_s > e->longest_wait_s)
		return arena_printf(t->arena,
				    "%" PRIu64 " thread%s still waited at the "
				    "end, for %s",
				    e->waiting, e->waiting == 1 ? "" : "s",
				    text_duration(t, e->still_s));
	return arena_printf(t->arena, "%" PRIu64 " wait%s, of up to %s",
			    e->waits, e->waits == 1 ? "" : "s",
			    text_duration(t, e->longest_wait_s));
}

static void write_endless(const struct text *t, const struct report_endless *e)
{
	const char *where = "", *holds = "";

	if (t->report->process_count > 1)
		where = arena_printf(t->arena, " in process %d", e->pid);
	if (e->hold_s > 0)
		holds = arena_printf(t->arena,
				     " where half of the leases are back "
				     "after %s",
				     text_duration(t, e->hold_s));
	write_line(t, INDENT,
		   arena_printf(t->arena,
				"pool %s%s: %s%s, and nobody gave up: its "
				"acquire needs a deadline",
				text_safe(t, e->pool, "?"), where, waits(t, e),
				holds));
}

static const char *server_of(const struct text *t, const struct report_asked *a)
{
	const char *host = text_safe(t, a->host, "?");

	return a->port ? arena_printf(t->arena, "%s:%s", host,
				      text_safe(t, a->port, "?"))
		       : host;
}

static void write_allowed(const struct text *t, const struct report_asked *a)
{
	write_line(t, INDENT,
		   arena_printf(t->arena,
				"server %s: %" PRIu64 " connections, %" PRIu64
				" of them reserved, %" PRIu64 " open now",
				server_of(t, a), a->max_connections,
				a->reserved, a->connections));
}

static const char *say_limit(const struct text *t, double seconds)
{
	if (isnan(seconds))
		return "not known";
	return seconds > 0 ? text_duration(t, seconds) : "none";
}

/* That sessions may be idle for ever is what pools live on. */
static const char *say_limits(const struct text *t,
			      const struct report_server_limits *limits)
{
	const char *words = NULL;

	for (int i = 0; i < SERVER_LIMITS; i++) {
		if (i == SERVER_LIMIT_IDLE_SESSION && !(limits->seconds[i] > 0))
			continue;
		words = arena_printf(t->arena, "%s%s%s %s", words ? words : "",
				     words ? ", " : "",
				     report_server_limit_name(i),
				     say_limit(t, limits->seconds[i]));
	}
	return words;
}

static void write_limits(const struct text *t,
			 const struct report_server_limits *limits)
{
	const char *who = "all roles";

	if (limits->user)
		who = arena_printf(t->arena, "role %s",
				   text_safe(t, limits->user, "?"));
	if (limits->dbname)
		who = arena_printf(t->arena, "%s in database %s", who,
				   text_safe(t, limits->dbname, "?"));
	write_line(
		t, INDENT,
		arena_printf(t->arena, "%s: %s", who, say_limits(t, limits)));
}

static bool lacks_limit(const struct report_asked *a, int limit)
{
	for (size_t i = 0; i < a->limit_count; i++)
		if (a->limits[i].seconds[limit] <= 0)
			return true;
	return false;
}

static void write_asked(const struct text *t)
{
	const struct report_asked *a = &t->report->timeouts.asked;

	if (!a->wanted)
		return;
	if (a->why_not) {
		write_line(t, INDENT,
			   arena_printf(t->arena,
					"the server was not asked: %s",
					a->why_not));
		return;
	}
	write_allowed(t, a);
	for (size_t i = 0; i < a->limit_count; i++)
		write_limits(t, &a->limits[i]);
	if (lacks_limit(a, SERVER_LIMIT_STATEMENT) ||
	    lacks_limit(a, SERVER_LIMIT_IDLE_IN_TRANSACTION))
		write_line(t, INDENT,
			   "what the program may set for itself is not seen; "
			   "to set one for a role: ALTER ROLE ... SET "
			   "statement_timeout = '30s'");
}

/* Where all is well, most have not asked for advice. */
static bool is_told(const struct report *report)
{
	const struct report_timeouts *to = &report->timeouts;

	if (to->endless_count || to->asked.wanted)
		return true;
	if (!to->advice)
		return false;
	return report->status != REPORT_CLEAN || text_listed(report) ||
	       (report->verdict_count && !report_is_nothing(report->verdict));
}

const char *text_timeouts_beside(const struct text *t)
{
	const uint64_t count = t->report->timeouts.no_connect_timeout;

	if (!count || is_told(t->report))
		return NULL;
	return arena_printf(t->arena,
			    "%" PRIu64 " without connect_timeout (--json says "
			    "where)",
			    count);
}

void text_timeouts(const struct text *t)
{
	const struct report_timeouts *to = &t->report->timeouts;

	if (!is_told(t->report))
		return;
	fputs("timeouts:\n", t->out);
	write_connections(t);
	for (size_t i = 0; i < to->endless_count && i < TEXT_LIST_MAX; i++)
		write_endless(t, &to->endless[i]);
	if (to->endless_count > TEXT_LIST_MAX)
		write_line(t, INDENT, "and more pools (--json has them)");
	write_asked(t);
	fputc('\n', t->out);
}
