/* SPDX-License-Identifier: MIT */
/*
 * When a pool ran dry, and who had it all, by where they acquired:
 *
 *	pool db_take ran dry at 2025-11-21 12:00:00 UTC, in process 4242:
 *	    db_take returned nothing, with 20 of 20 in use and 3 waiting
 *	    in handle_request src/web.c:88
 *	    who had them, those who kept them longest first:
 *	    17  report_all src/report.c:42
 *	        out for 2.1 s to 35 min 2 s
 *	        5 in a query for up to 2.0 s, 12 idle; no query for up to
 *	        30 min 0 s
 *	        5 of 17 came back, after up to 40.2 s
 *	        backends 700, 701, 702, 703, 704, 705, 706, 707 and 9 more
 */
#include "analyzer/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analyzer/columns.h"

#define EXHAUSTIONS_MAX 3
#define INDENT		4
#define BACKENDS_MAX	8
#define GROUPS_MAX	64 /* told apart */

/* Keepers of one stack. */
struct group {
	const struct report_keeper *first; /* the oldest */
	size_t count;
	double youngest_s, all_s; /* all: the sum */
	double idle_s, query_s;	  /* the longest; NAN if none */
	size_t out, returned;
	double held_s; /* the longest of those; NAN if none */
	size_t queries, transactions, idle, listening;
	const char *backends;
	size_t backend_count;
};

static bool is_same(const struct report_stack *a, const struct report_stack *b)
{
	return a->frames == b->frames && a->count == b->count;
}

static void count_state(struct group *g, const struct report_use *use)
{
	const char *transaction = use->transaction ? use->transaction : "";

	if (use->in_query || !strcmp(transaction, "active"))
		g->queries++;
	else if (!strcmp(transaction, "open") || !strcmp(transaction, "failed"))
		g->transactions++;
	else if (use->listens || use->copies)
		g->listening++;
	else
		g->idle++;
	if (!use->in_query)
		g->idle_s = fmax(g->idle_s, use->idle_s);
	g->query_s = fmax(g->query_s, use->query_s);
}

static void add_keeper(const struct text *t, struct group *g,
		       const struct report_keeper *keeper)
{
	if (!g->count++)
		g->first = keeper;
	g->youngest_s = keeper->age_s;
	g->all_s += keeper->age_s;
	count_state(g, &keeper->use);
	g->out += keeper->out;
	g->returned += keeper->returned;
	g->held_s = fmax(g->held_s, keeper->held_s);
	if (!keeper->backend_pid || ++g->backend_count > BACKENDS_MAX)
		return;
	g->backends =
		arena_printf(t->arena, "%s%s%d", g->backends ? g->backends : "",
			     g->backends ? ", " : "", keeper->backend_pid);
}

static int kept_longer(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return (x->all_s < y->all_s) - (x->all_s > y->all_s);
}

/* So one that has many is not behind five that have one each. */
static size_t group_all(const struct text *t, const struct report_exhaustion *e,
			struct group groups[GROUPS_MAX])
{
	size_t count = 0, n;

	for (size_t i = 0; i < e->keeper_count; i++) {
		for (n = 0; n < count; n++)
			if (is_same(&groups[n].first->stack,
				    &e->keepers[i].stack))
				break;
		if (n == GROUPS_MAX)
			continue;
		if (n == count)
			groups[count++] = (struct group){ .idle_s = NAN,
							  .query_s = NAN,
							  .held_s = NAN };
		add_keeper(t, &groups[n], &e->keepers[i]);
	}
	if (count)
		qsort(groups, count, sizeof(*groups), kept_longer);
	return count;
}

static void write_line(const struct text *t, size_t indent, const char *line)
{
	if (!line)
		return;
	columns_pad(t->out, 0, indent);
	columns_wrap(t->out, line, indent, indent);
}

static const char *append(const struct text *t, const char *words, size_t count,
			  const char *what)
{
	if (!count)
		return words;
	return arena_printf(t->arena, "%s%s%zu %s", words ? words : "",
			    words ? ", " : "", count, what);
}

/* "5 in a query, 12 idle in a transaction; no query for up to 30 min 0 s" */
static const char *states(const struct text *t, const struct group *g)
{
	const char *words = append(t, NULL, g->queries, "in a query");

	if (g->query_s >= 0.001)
		words = arena_printf(t->arena, "%s for %s%s", words,
				     g->queries > 1 ? "up to " : "",
				     text_duration(t, g->query_s));
	words = append(t, words, g->transactions, "idle in a transaction");
	words = append(t, words, g->listening, "listening or copying");
	words = append(t, words, g->idle, "idle");
	if (!(g->idle_s >= 0.001))
		return words;
	return arena_printf(t->arena, "%s; no query for %s%s", words,
			    g->count > 1 ? "up to " : "",
			    text_duration(t, g->idle_s));
}

static const char *ages(const struct text *t, const struct group *g)
{
	const char *oldest = text_duration(t, g->first->age_s);
	const char *youngest = text_duration(t, g->youngest_s);

	if (!strcmp(oldest, youngest))
		return arena_printf(t->arena, "out for %s", oldest);
	return arena_printf(t->arena, "out for %s to %s", youngest, oldest);
}

static const char *backends(const struct text *t, const struct group *g)
{
	if (g->backend_count <= BACKENDS_MAX)
		return g->backends
			       ? arena_printf(t->arena, "backend%s %s",
					      g->backend_count == 1 ? "" : "s",
					      g->backends)
			       : NULL;
	return arena_printf(t->arena, "backends %s and %zu more", g->backends,
			    g->backend_count - BACKENDS_MAX);
}

/* "5 of 17 came back, after up to 40.2 s"; NULL if nothing is known of it. */
static const char *fates(const struct text *t, const struct group *g,
			 const char *ended)
{
	const char *words = ended;

	if (g->out + g->returned < g->count)
		return NULL;
	if (!g->returned)
		return t->report->viewed_ns
			       ? "still out"
			       : arena_printf(t->arena, "never %s", ended);
	if (g->out)
		words = arena_printf(t->arena, "%zu of %zu %s", g->returned,
				     g->count, ended);
	if (!(g->held_s >= 0.001))
		return words;
	return arena_printf(t->arena, "%s, after %s%s", words,
			    g->returned > 1 ? "up to " : "",
			    text_duration(t, g->held_s));
}

static void write_group(const struct text *t, const struct group *g,
			bool of_pool)
{
	const char *count = arena_printf(t->arena, "%zu", g->count);
	const size_t indent = INDENT + strlen(count) + 2;
	const char *where = text_where(t, &g->first->stack, COLUMNS - indent);

	fprintf(t->out, "%*s%s  ", INDENT, "", count);
	text_style(t, STYLE_BOLD);
	columns_wrap(t->out, where ? where : "at an unknown place", indent,
		     indent);
	text_style(t, STYLE_OFF);
	write_line(t, indent, ages(t, g));
	write_line(t, indent, states(t, g));
	write_line(t, indent, fates(t, g, of_pool ? "came back" : "finished"));
	write_line(t, indent, backends(t, g));
}

static void write_keepers(const struct text *t,
			  const struct report_exhaustion *e)
{
	struct group groups[GROUPS_MAX];
	const size_t count = group_all(t, e, groups);
	size_t rest = e->keeper_count;

	if (count)
		write_line(t, INDENT,
			   "who had them, those who kept them longest first:");
	for (size_t i = 0; i < count && i < TEXT_LIST_MAX; i++) {
		write_group(t, &groups[i], e->pool);
		rest -= groups[i].count;
	}
	if (rest)
		write_line(t, INDENT,
			   arena_printf(t->arena,
					"and %zu more (--json has them)",
					rest));
}

static const struct {
	const char *reason, *words; /* of the function that was called */
	bool calls;
} reasons[] = {
	{ "nothing", "returned nothing", true },
	{ "error", "failed", true },
	{ "exception", "was left by an exception", true },
	{ "too-many-clients", "the server has too many clients", false },
	{ "too-many-files", "no file descriptor is left", false },
};

static const char *reason_of(const struct text *t,
			     const struct report_exhaustion *e)
{
	const char *function = text_safe(t, e->function, "an acquire");

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (e->reason && !strcmp(e->reason, reasons[i].reason))
			return reasons[i].calls
				       ? arena_printf(t->arena, "%s %s",
						      function,
						      reasons[i].words)
				       : reasons[i].words;
	return arena_printf(t->arena, "%s failed", function);
}

/* "with 20 of 20 in use and 3 waiting" */
static const char *use(const struct text *t, const struct report_exhaustion *e)
{
	const char *words = arena_printf(t->arena, "%" PRIu64, e->used);

	if (e->capacity)
		words = arena_printf(t->arena, "%s of %" PRIu64, words,
				     e->capacity);
	words = arena_printf(t->arena, "with %s %s", words,
			     e->pool ? "in use" : "connections open");
	if (!e->waiting)
		return words;
	return arena_printf(t->arena, "%s and %" PRIu64 " waiting", words,
			    e->waiting);
}

/* A pool of which nothing is out is not dry: something else was wrong. */
static const char *title(const struct text *t,
			 const struct report_exhaustion *e)
{
	const char *time = text_time(t, e->when);
	const char *what = "connections ran out";

	if (e->pool)
		what = arena_printf(t->arena, "pool %s %s",
				    text_safe(t, e->pool, "?"),
				    e->used ? "ran dry" : "gave nothing");
	return arena_printf(t->arena, "%s%s%s, in process %d:", what,
			    time ? " at " : "", time ? time : "", e->pid);
}

static void write_exhaustion(const struct text *t,
			     const struct report_exhaustion *e)
{
	const char *where = text_where(t, &e->stack, COLUMNS - INDENT - 3);

	text_style(t, STYLE_YELLOW);
	columns_wrap(t->out, title(t, e), 0, INDENT);
	text_style(t, STYLE_OFF);
	write_line(
		t, INDENT,
		arena_printf(t->arena, "%s, %s", reason_of(t, e), use(t, e)));
	if (where)
		write_line(t, INDENT, arena_printf(t->arena, "in %s", where));
	write_keepers(t, e);
	fputc('\n', t->out);
}

void text_exhaustions(const struct text *t)
{
	const size_t count = t->report->exhaustion_count;

	for (size_t i = 0; i < count && i < EXHAUSTIONS_MAX; i++)
		write_exhaustion(t, &t->report->exhaustions[i]);
	if (count > EXHAUSTIONS_MAX)
		fprintf(t->out, "and %zu more ran dry (--json has them)\n\n",
			count - EXHAUSTIONS_MAX);
}
