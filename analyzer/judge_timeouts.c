/* SPDX-License-Identifier: MIT */
/*
 * What bounds the run in time, and what does not: connecting, a peer that falls
 * silent, waiting for a pool.
 *
 * A socket of the machine needs no bounds: whoever is not there refuses at
 * once, and whoever ends closes it.
 */
#include "analyzer/judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/endless.h"
#include "analyzer/verdict.h"

/* Nobody should wait for longer until a silent peer is looked after. */
#define LATE_S 600

static int order_texts(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

/* What is not known comes first. */
static int order_times(double a, double b)
{
	if (isnan(a) || isnan(b))
		return !isnan(a) - !isnan(b);
	return (a > b) - (a < b);
}

/* 0 if both are the same, but for the number of connections. */
static int order(const void *a, const void *b)
{
	const struct report_server *x = a, *y = b;
	int n = order_texts(x->host, y->host);

	n = n ? n : order_texts(x->port, y->port);
	n = n ? n : order_texts(x->dbname, y->dbname);
	n = n ? n : order_texts(x->user, y->user);
	n = n ? n : order_texts(x->transport, y->transport);
	n = n ? n : x->begun - y->begun;
	n = n ? n : order_times(x->connect_timeout_s, y->connect_timeout_s);
	n = n ? n : order_times(x->keepalive_s, y->keepalive_s);
	return n ? n : order_times(x->user_timeout_s, y->user_timeout_s);
}

static void read_server(const struct reader *reader,
			const struct record_server *from,
			struct report_server *out)
{
	const unsigned flags = from->flags;

	*out = (struct report_server){
		.host = reader_string(reader, from->host),
		.port = reader_string(reader, from->port),
		.dbname = reader_string(reader, from->dbname),
		.user = reader_string(reader, from->user),
		.transport = flags & SERVER_TCP	   ? "tcp"
			     : flags & SERVER_UNIX ? "unix"
						   : NULL,
		.connections = from->opened,
		.begun = flags & SERVER_ASYNC,
		.connect_timeout_s = NAN,
		.keepalive_s = NAN,
		.user_timeout_s = NAN,
	};
	if (flags & SERVER_TIMEOUT)
		out->connect_timeout_s = from->connect_timeout_s;
	if (!(flags & SERVER_SOCKET))
		return;
	out->keepalive_s = flags & SERVER_KEEPALIVE ? from->keepalive_s : 0;
	out->user_timeout_s = (double)from->user_timeout_ms / 1e3;
}

/* Of an older version nobody has counted: `opened` is 0. */
static void add_servers(struct report *r, const struct reader *reader)
{
	struct report_timeouts *t = &r->timeouts;
	struct record_server from;

	for (uint32_t i = 0; i < reader_count(reader, RECORD_SERVERS); i++) {
		if (!reader_server(reader, i, &from) || !from.opened)
			continue;
		t->servers = arena_grow(&r->arena, t->servers, t->server_count,
					sizeof(*t->servers));
		read_server(reader, &from, &t->servers[t->server_count++]);
	}
}

/* Processes of one program come to the same server in the same way. */
static void merge_servers(struct report_timeouts *t)
{
	size_t count = 0;

	if (!t->server_count)
		return;
	qsort(t->servers, t->server_count, sizeof(*t->servers), order);
	for (size_t i = 1; i < t->server_count; i++) {
		if (order(&t->servers[count], &t->servers[i]))
			t->servers[++count] = t->servers[i];
		else
			t->servers[count].connections +=
				t->servers[i].connections;
	}
	t->server_count = count + 1;
}

static bool is_none(double seconds)
{
	return seconds <= 0; /* not if it is unknown */
}

static void count_server(struct report_timeouts *t,
			 const struct report_server *s)
{
	if (order_texts(s->transport, "tcp") != 0)
		return;
	t->connections += s->connections;
	if (is_none(s->connect_timeout_s))
		t->no_connect_timeout += s->connections;
	if (is_none(s->keepalive_s))
		t->no_keepalive += s->connections;
	if (!is_none(s->user_timeout_s))
		return;
	t->no_user_timeout += isnan(s->user_timeout_s) ? 0 : s->connections;
	if (s->keepalive_s > t->late_s)
		t->late_s = s->keepalive_s;
}

static const char *append(struct arena *arena, const char *words, bool lacks,
			  const char *word)
{
	if (!lacks)
		return words;
	return words ? arena_printf(arena, "%s %s", words, word) : word;
}

/*
 * As it stands in a connection string.  The kernel looks after a silent peer
 * only when keepalives are due; tcp_user_timeout is for how long it then tries.
 */
static void advise(struct report *r)
{
	struct report_timeouts *t = &r->timeouts;
	const char *words = NULL;

	words = append(&r->arena, words, t->no_connect_timeout,
		       "connect_timeout=10");
	words = append(&r->arena, words, t->no_keepalive, "keepalives=1");
	words = append(&r->arena, words, t->no_keepalive || t->late_s > LATE_S,
		       "keepalives_idle=60");
	t->advice = append(&r->arena, words, t->no_user_timeout,
			   "tcp_user_timeout=30000");
}

static void add_endless(struct report *r, const struct trace *t)
{
	struct report_timeouts *to = &r->timeouts;

	to->endless = arena_grow(&r->arena, to->endless, to->endless_count,
				 sizeof(*to->endless));
	to->endless[to->endless_count++] = (struct report_endless){
		.pool = t->name,
		.pid = t->pid,
		.waits = t->sums[POOL_WAITS],
		.longest_wait_s = (double)t->longest_wait_ns / 1e9,
		.hold_s = (double)trace_median_ns(t) / 1e9,
		.waiting = t->waiting,
		.still_s = (double)t->still_ns / 1e9,
	};
}

static int more(const void *a, const void *b)
{
	const struct report_server *x = a, *y = b;

	if (x->connections != y->connections)
		return x->connections > y->connections ? -1 : 1;
	return order(a, b);
}

/* A look at a program that goes on is about what is out. */
void judge_timeouts(struct report *r, struct places *places,
		    const struct evidence *e, const struct verdicts *verdicts)
{
	struct report_timeouts *t = &r->timeouts;
	struct place **all = places_all(places);

	if (r->viewed_ns)
		return;
	for (size_t i = 0; i < places->count; i++)
		all[i]->groups[KIND_NO_TIMEOUT][CLASSES].count =
			all[i]->unbounded;
	for (size_t i = 0; i < e->record_count; i++)
		add_servers(r, e->records[i].reader);
	merge_servers(t);
	if (t->server_count)
		qsort(t->servers, t->server_count, sizeof(*t->servers), more);
	for (size_t i = 0; i < t->server_count; i++)
		count_server(t, &t->servers[i]);
	advise(r);
	for (size_t i = 0; i < verdicts->count; i++)
		if (endless_is(verdicts->list[i].trace, &verdicts->thresholds))
			add_endless(r, verdicts->list[i].trace);
}
