/* SPDX-License-Identifier: MIT */
/* What the rules have in common: numbers, limits, and parts of sentences. */
#include <math.h>

#include "analyzer/verdict_rules.h"

#define SITES_SAID  3
#define ERRORS_SAID 2

double rule_limit(const struct facts *f, enum threshold_id id)
{
	return f->thresholds->of[id];
}

double rule_calm(const struct facts *f)
{
	return rule_limit(f, THRESHOLD_CALM) * f->demand.capacity;
}

double rule_difference(const struct facts *f)
{
	return rule_limit(f, THRESHOLD_OTHERS) * f->demand.capacity;
}

void cause_number(const struct facts *f, struct cause *c, const char *name,
		  double value)
{
	struct report_number *numbers = arena_grow(
		f->arena, c->numbers, c->number_count, sizeof(*c->numbers));

	numbers[c->number_count++] =
		(struct report_number){ .name = name, .value = value };
	c->numbers = numbers;
}

/* Short holds make up the rest, and for these there is room but for moments. */
static bool would_do(const struct facts *f, double peak)
{
	const struct demand *d = &f->demand;

	return peak - d->peak[DEMAND_WORLDS - 1] < rule_difference(f) &&
	       rule_size_wanted(f) <= d->capacity;
}

/* What is left without it is calm, or would do: nothing else need be mended. */
void cause_begin(const struct facts *f, struct cause *c, enum cause_id id,
		 double without)
{
	*c = (struct cause){ .id = id, .without = without };
	c->alone = f->dry && (without <= rule_calm(f) || would_do(f, without));
	cause_number(f, c, "capacity",
		     f->demand.capacity ? f->demand.capacity : NAN);
	cause_number(f, c, "peak_used", f->trace->peak_used);
	cause_number(f, c, "peak_demand", f->demand.peak[0]);
	if (isfinite(without))
		cause_number(f, c, "peak_demand_without", without);
}

/*
 * Where each of Tn threads needs up to Cm at once: with Tn * (Cm - 1) + 1 there
 * is always one that has all it needs.
 *
 * Pitfalls: a thread that leaks has more than it needs (demand.c).  Where each
 * request has a thread of its own, those of all day are not there at once.
 */
double rule_nesting(const struct facts *f)
{
	const struct trace *t = f->trace;
	const bool asked = !f->leaks && (f->stuck || t->dry.asking);
	double most = f->demand.each, threads = t->threads;

	if (asked && most < 2) /* nobody ever got the second */
		most = 2;
	if (!threads || (f->demand.threads <= 0 && threads > t->peak_demand))
		threads = t->peak_demand;
	return most > 1 ? threads * (most - 1) + 1 : 0;
}

double rule_allowed(const struct facts *f)
{
	const struct trace *t = f->trace;
	const double all = t->server_max;
	const double reserved = t->server_reserved;

	if (!t->server_max)
		return NAN;
	return all > reserved ? floor((all - reserved) / t->processes) : 0;
}

const char *say_slots(const struct facts *f, uint32_t count, bool at_moment)
{
	const char *noun = f->trace->connections ? "connection" : "lease";

	if (!at_moment || !f->demand.capacity)
		return arena_printf(f->arena, "%u %s%s %s", count, noun,
				    count == 1 ? "" : "s",
				    count == 1 ? "was" : "were");
	return arena_printf(f->arena, "%s %u of %u %s were",
			    f->trace->dry.kind ? "when it ran dry"
					       : "at its peak",
			    count, f->demand.capacity,
			    f->trace->connections ? "connections" : "slots");
}

const char *say_sites(const struct facts *f, enum fact_kind what,
		      uint64_t at_ns)
{
	size_t count;
	const struct fact_site *sites = facts_sites(f, what, at_ns, &count);
	const char *at_least =
		f->trace->cut && at_ns >= f->trace->end_ns ? "at least " : "";
	const char *text = "";
	uint32_t others = 0;

	for (size_t i = 0; i < count; i++) {
		if (i >= SITES_SAID) {
			others += sites[i].count;
			continue;
		}
		text = arena_printf(
			f->arena, "%s%s%u by %s (the oldest for %s%s)", text,
			i ? ", " : "", sites[i].count,
			facts_where(f, sites[i].site), at_least,
			facts_time(f->arena,
				   (double)(at_ns - sites[i].oldest_ns) / 1e9));
	}
	if (others)
		text = arena_printf(f->arena, "%s, %u by others", text, others);
	return count ? text : "none of them any more";
}

static const char *say_times(const struct facts *f,
			     const struct trace_error *error)
{
	return arena_printf(
		f->arena, "%llu of %llu times",
		(unsigned long long)error->leaked,
		(unsigned long long)(error->leaked + error->released));
}

/*
 * "; leaked 31 of 31 times after SQLSTATE 40001, 0 of 950 times without an
 * error": a way out that only errors take.  Says nothing if no error was met.
 */
const char *say_errors(const struct facts *f, uint32_t site)
{
	const struct trace *t = f->trace;
	const char *text = NULL, *without = "";
	size_t said = 0;

	for (size_t i = 0; i < t->error_count; i++) {
		const struct trace_error *error = &t->errors[i];
		char state[6];

		if (error->site != site)
			continue;
		if (!error->error) {
			without =
				arena_printf(f->arena, ", %s without an error",
					     say_times(f, error));
			continue;
		}
		if (!error->leaked || said++ >= ERRORS_SAID)
			continue;
		record_sqlstate_text(error->error, state);
		text = arena_printf(f->arena, "%s%s%s after SQLSTATE %s",
				    text ? text : "; leaked ", text ? ", " : "",
				    say_times(f, error), state);
	}
	return text ? arena_printf(f->arena, "%s%s", text, without) : "";
}

const char *say_without(const struct facts *f, const char *what, double peak)
{
	const uint32_t capacity = f->demand.capacity;

	if (peak > capacity && would_do(f, peak))
		return arena_printf(f->arena,
				    "; %s up to %.0f would have been wanted at "
				    "once, for moments, and the %u there are "
				    "would do",
				    what, peak, capacity);
	if (peak > capacity)
		return arena_printf(f->arena,
				    "; %s still %.0f would have been wanted at "
				    "once, more than the %u there are",
				    what, peak, capacity);
	return arena_printf(f->arena,
			    "; %s no more than %.0f of %u would have been "
			    "wanted at once",
			    what, peak, capacity);
}

const char *say_allowed(const struct facts *f, double wanted)
{
	const struct trace *t = f->trace;
	const double allowed = rule_allowed(f);

	if (isnan(allowed))
		return "; how many the server allows is not known "
		       "(--ask-server asks it)";
	return arena_printf(
		f->arena,
		"%s the server allows %.0f (max_connections %u, %u process%s)",
		wanted > allowed ? ", but" : ";", allowed, t->server_max,
		t->processes, t->processes == 1 ? "" : "es");
}
