/* SPDX-License-Identifier: MIT */
#include "analyzer/verdict.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/verdict_rules.h"

static const char *const names[] = {
#define CAUSE(id, name) [CAUSE_##id] = name,
	CAUSES(CAUSE)
#undef CAUSE
};

const char *cause_name(enum cause_id id)
{
	return names[id];
}

/*
 * Some causes look like others, to which the contrary is to be done: where one
 * has fired, those in `instead` are not asked.
 */
#define INSTEAD_OF_HELD	 1u
#define INSTEAD_OF_SIZE	 2u
#define INSTEAD_OF_SPIKE 4u

static const struct rule {
	verdict_rule *fires;
	unsigned is, instead;
} rules[] = {
	{ rule_server_full, 0, INSTEAD_OF_SIZE },
	{ rule_hold_and_wait, 0,
	  INSTEAD_OF_HELD | INSTEAD_OF_SIZE | INSTEAD_OF_SPIKE },
	{ rule_blocked, INSTEAD_OF_HELD,
	  INSTEAD_OF_HELD | INSTEAD_OF_SIZE | INSTEAD_OF_SPIKE },
	{ rule_leak, 0, 0 },
	{ rule_held, INSTEAD_OF_HELD, 0 },
	{ rule_spike, INSTEAD_OF_SPIKE, 0 },
	{ rule_size, INSTEAD_OF_SIZE, 0 },
	{ rule_slow_connect, 0, 0 },
};

#define RULES (sizeof(rules) / sizeof(rules[0]))

static void ask_rules(struct verdict *v, const struct facts *f)
{
	unsigned instead = 0;

	v->causes = arena_array(f->arena, RULES + 1, sizeof(*v->causes));
	for (size_t i = 0; i < RULES; i++) {
		if (rules[i].is & instead ||
		    !rules[i].fires(f, &v->causes[v->count]))
			continue;
		v->count++;
		instead |= rules[i].instead;
	}
	if (!v->count && f->dry)
		v->count += rule_size_anyway(f, &v->causes[0]);
	if (!v->count)
		rule_nothing(f, &v->causes[v->count++]);
}

/* What a larger pool would have to carry is known when the rest is mended. */
static bool is_of_size(const struct cause *c)
{
	return c->id == CAUSE_POOL_TOO_SMALL || c->id == CAUSE_OVERLOAD;
}

static int by_weight(const void *a, const void *b)
{
	const struct cause *x = a, *y = b;

	if (x->alone != y->alone)
		return x->alone ? -1 : 1;
	if (is_of_size(x) != is_of_size(y))
		return is_of_size(x) ? 1 : -1;
	if (x->slots < y->slots || x->slots > y->slots)
		return x->slots > y->slots ? -1 : 1;
	return (int)x->id - (int)y->id;
}

/* "leak", or "leak and slow-query; fix both". */
static const char *main_causes(const struct verdict *v, struct arena *arena)
{
	const char *text = names[v->causes[0].id];

	if (v->causes[0].alone || v->count == 1)
		return text;
	for (size_t i = 1; i < v->count; i++)
		text = arena_printf(arena, "%s%s%s", text,
				    i + 1 == v->count ? " and " : ", ",
				    names[v->causes[i].id]);
	return arena_printf(arena, "%s; fix %s", text,
			    v->count == 2 ? "both" : "all of them");
}

/* It will run dry again, even if the main cause is mended. */
static const char *also_leaks(const struct verdict *v)
{
	for (size_t i = 1; v->causes[0].alone && i < v->count; i++)
		if (v->causes[i].id == CAUSE_LEAK)
			return "; it also leaks";
	return "";
}

static const char *say_high(const struct facts *f)
{
	const struct trace *t = f->trace;
	const double before_s =
		((double)t->dry.when_ns - (double)f->high_from_ns) / 1e9;
	const char *text;

	if (!f->high)
		return "";
	text = arena_printf(f->arena,
			    ".  At least %.0f %% in use from %s on, for %s",
			    100 * f->thresholds->of[THRESHOLD_UTIL],
			    facts_time(f->arena, (double)f->high_from_ns / 1e9),
			    facts_time(f->arena, (double)f->high_ns / 1e9));
	return t->dry.kind && before_s > 0
		       ? arena_printf(f->arena,
				      "%s, beginning %s before the first "
				      "failure",
				      text, facts_time(f->arena, before_s))
		       : text;
}

/* What was seen of it: hardly anybody may have noticed. */
static const char *what_happened(const struct facts *f)
{
	const struct trace *t = f->trace;
	const double few = f->thresholds->of[THRESHOLD_ERLANG_WAITS];

	if (t->dry.kind || f->stuck ||
	    (double)(t->sums[POOL_WAITS] + t->waiting) >
		    few * (double)t->sums[POOL_ATTEMPTS])
		return "ran dry";
	return arena_printf(f->arena, "was full for %.0f %% of the time",
			    100 * f->demand.dry_share);
}

static const char *headline(const struct verdict *v, const struct facts *f)
{
	const char *name = f->trace->connections ? "connections"
			   : f->trace->name	 ? f->trace->name
						 : "a pool";

	if (v->causes[0].id == CAUSE_NOTHING)
		return arena_printf(f->arena, "%s: %s", name,
				    v->causes[0].text);
	if (f->dry)
		return arena_printf(f->arena, "%s %s: %s%s", name,
				    what_happened(f), main_causes(v, f->arena),
				    also_leaks(v));
	if (f->leaks)
		return arena_printf(f->arena,
				    "%s leaks, but has not run dry yet", name);
	return arena_printf(f->arena, "%s was slow to give: %s", name,
			    names[v->causes[0].id]);
}

/* The first cause carries what is known of the pool as a whole. */
static void add_moment(struct verdict *v, const struct facts *f)
{
	struct cause *c = &v->causes[0];

	if (v->dry) {
		cause_number(f, c, "used", f->used);
		cause_number(f, c, "waiting", f->waiting);
		cause_number(f, c, "leaked_then", f->leaked);
		cause_number(f, c, "held_then", f->held);
		cause_number(f, c, "by_design_then", f->kept);
		cause_number(f, c, "others_then", f->others);
	}
	if (f->high) {
		cause_number(f, c, "high_from_s",
			     (double)f->high_from_ns / 1e9);
		cause_number(f, c, "high_s", (double)f->high_ns / 1e9);
	}
	c->text = arena_printf(f->arena, "%s%s", c->text, say_high(f));
}

void verdict_find(struct verdict *v, struct arena *arena, const struct trace *t,
		  const struct thresholds *thresholds)
{
	struct facts f;

	*v = (struct verdict){ .trace = t };
	facts_find(&f, arena, t, thresholds);
	v->dry = f.dry;
	ask_rules(v, &f);
	qsort(v->causes, v->count, sizeof(*v->causes), by_weight);
	v->headline = headline(v, &f);
	add_moment(v, &f);
	if (v->causes[0].id != CAUSE_NOTHING)
		v->badness = (f.dry ? 1e6 : 1) + (double)f.leaks +
			     v->causes[0].slots;
}
