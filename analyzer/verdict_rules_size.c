/* SPDX-License-Identifier: MIT */
/*
 * The rules for a pool that is right but for its size, and for one that is
 * right.  The letters are those of verdict_rules.c.
 */
#include "analyzer/verdict_rules.h"

#include <math.h>
#include "analyzer/queueing.h"

/*
 * The size that would do:
 *
 *	the least for which at most 5 % wait, at the load of the busiest time:
 *	by Erlang's C, or, of threads that take turns, by the same formula for
 *	so many; and what is kept by design on top
 *	no less than rule_nesting(), where a thread needs several at once
 */
double rule_size_wanted(const struct facts *f)
{
	const double waits = rule_limit(f, THRESHOLD_ERLANG_WAITS);
	const double least = rule_nesting(f);
	const struct demand *d = &f->demand;
	double size = queueing_size(d->load, waits);

	if (d->threads > 0 && d->each <= 1)
		size = queueing_size_closed(d->threads, d->load, waits);
	size += f->kept;
	return size > least ? size : least;
}

/*
 * Erlang assumes that leases are asked for at random.  Where the peak was
 * higher than the size for that, both are told, and when each of them holds.
 */
static const char *say_size(const struct facts *f, double size, double peak)
{
	const double one_in = 1 / rule_limit(f, THRESHOLD_ERLANG_WAITS);

	if (size <= rule_nesting(f))
		return arena_printf(f->arena,
				    "give it %.0f slots: in a smaller one "
				    "threads that need several at once can "
				    "block each other",
				    size);
	if (rule_size_wanted(f) <= f->demand.capacity)
		return arena_printf(f->arena,
				    "give it %.0f slots: so many were wanted "
				    "at once",
				    size);
	if (size >= peak)
		return arena_printf(f->arena,
				    "give it %.0f slots: then at most one "
				    "acquire in %.0f waits at the busiest time",
				    size, one_in);
	return arena_printf(f->arena,
			    "give it %.0f slots: then at most one acquire in "
			    "%.0f waits if they come at random; %.0f, if they "
			    "come in bursts and none shall wait",
			    size, one_in, peak);
}

static void advise(const struct facts *f, struct cause *c, double size)
{
	const double allowed = rule_allowed(f);

	if (c->id == CAUSE_OVERLOAD)
		c->advice = arena_printf(
			f->arena,
			"do not enlarge it: it takes %.0f slots%s.  Shed load, "
			"or shorten the holds",
			size, say_allowed(f, size));
	else
		c->advice = arena_printf(f->arena, "%s%s",
					 say_size(f, size, c->without),
					 say_allowed(f, size));
	cause_number(f, c, "advised", size);
	cause_number(f, c, "allowed", allowed);
}

/*
 * Whether it is for want of slots alone.  In a run of moments the demand is a
 * few leases either way: then what was leaked when it ran dry decides.
 */
static bool is_size_alone(const struct facts *f, double rest)
{
	const double few = rule_limit(f, THRESHOLD_OTHERS) * f->demand.capacity;

	if (rule_had_all(f))
		return false;
	return !f->leaks || (f->demand.peak[0] - rest < rule_difference(f) &&
			     f->leaked < few);
}

/*
 * pool-too-small, and overload if the size that is needed is more than the
 * server has: the demand of the short holds alone, without any spike, is more
 * than there is.
 *
 *	D(-leaks, -holds, -spike) - M >= others * M
 *	size > M, see rule_size_wanted()
 *
 * Pitfalls: what was *granted* never needs more than M; attempts do.  And in a
 * closed loop the attempts are slowed down by the pool itself (demand.c).
 */
bool rule_size(const struct facts *f, struct cause *c)
{
	const double lacking =
		f->demand.peak[DEMAND_WORLDS - 1] - (double)f->demand.capacity;

	if (!f->dry || lacking < rule_difference(f) ||
	    rule_size_wanted(f) <= f->demand.capacity)
		return false;
	return rule_size_anyway(f, c);
}

/* A moment at which somebody got nothing may be too short to be made out. */
static double wanted(const struct facts *f)
{
	const double *peak = f->demand.peak;

	return peak[DEMAND_WORLDS - 1] > f->demand.capacity
		       ? peak[DEMAND_WORLDS - 1]
		       : peak[0];
}

/* The same, where it is known to be so because nothing else is. */
bool rule_size_anyway(const struct facts *f, struct cause *c)
{
	const struct demand *d = &f->demand;
	const double rest = wanted(f);
	const double size = rule_size_wanted(f) > d->capacity
				    ? rule_size_wanted(f)
				    : ceil(rest);

	cause_begin(f, c,
		    size > rule_allowed(f) ? CAUSE_OVERLOAD
					   : CAUSE_POOL_TOO_SMALL,
		    rest);
	c->alone = is_size_alone(f, rest);
	c->slots = rest - d->capacity;
	cause_number(f, c, "slots", c->slots);
	cause_number(f, c, "load", d->load);
	cause_number(f, c, "hold_s", d->short_s);
	c->text = arena_printf(
		f->arena,
		"%s%s %s, up to %.0f leases are wanted at once, and the pool "
		"has %u",
		f->leaks ? "leaks apart, " : "not a leak: ",
		d->longs ? "even with no hold longer than" : "with holds of",
		facts_time(f->arena,
			   d->longs ? (double)d->cap_ns / 1e9 : d->short_s),
		rest, d->capacity);
	advise(f, c, size);
	return true;
}

/*
 * nothing: no other rule has fired.  With the numbers that show it:
 *
 *	peak of the leases out, of M;  acquires that waited, the longest
 *
 * Pitfall: a peak at M is no shortage, healthy pools touch it.  And an acquire
 * that fails while slots are free has met another error than ours: it is told,
 * but no cause is made of it.
 */
void rule_nothing(const struct facts *f, struct cause *c)
{
	const struct trace *t = f->trace;
	const uint64_t failures = trace_failures(t);
	const char *of = f->demand.told ? arena_printf(f->arena, " of %u",
						       f->demand.capacity)
					: "";
	const char *waits = "no wait";

	cause_begin(f, c, CAUSE_NOTHING, NAN);
	cause_number(f, c, "waits", (double)t->sums[POOL_WAITS]);
	cause_number(f, c, "failures", (double)failures);
	if (t->sums[POOL_WAITS])
		waits = arena_printf(
			f->arena, "%llu of %llu acquires waited, %s at most",
			(unsigned long long)t->sums[POOL_WAITS],
			(unsigned long long)t->sums[POOL_ATTEMPTS],
			facts_time(f->arena, (double)t->longest_wait_ns / 1e9));
	c->text = arena_printf(f->arena, "peak %u%s, %s", t->peak_used, of,
			       waits);
	if (failures)
		c->text = arena_printf(
			f->arena,
			"%s; %llu acquires failed, though not for want of a "
			"slot",
			c->text, (unsigned long long)failures);
}
