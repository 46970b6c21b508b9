/* SPDX-License-Identifier: MIT */
/*
 * The rules.  In their formulas
 *
 *	M	the capacity of the pool
 *	D	the peak of the demand, leases out and threads that ask
 *	D(-x)	the same in a world without x (demand.h)
 *	calm	the share of M up to which a peak is no shortage
 *	others	the share of M that makes a difference
 *
 * To remove x alone is enough where D(-x) <= calm * M, or where what is left
 * is short holds, for which M would do (rule_size_wanted()).
 *
 * Each says its pitfall: what would give a wrong answer, and why it does not.
 */
#include "analyzer/verdict_rules.h"

#include <math.h>

/*
 * How long until leaks have all: (M - D(-leaks) - leaked) / (leaked per
 * second), from the first leak to the end.
 *
 * Pitfall: after the pool has run dry nothing can leak any more, and the rate
 * falls to nothing.  So it is only asked while it has not.
 */
static double seconds_left(const struct facts *f)
{
	const struct trace *t = f->trace;
	const double room = f->demand.capacity - f->demand.peak[WITHOUT_LEAKS] -
			    (double)f->leaks;
	uint64_t first = t->end_ns;

	for (size_t i = t->lease_count; i-- > 0;)
		if (t->leases[i].fate == TRACE_LEAKED)
			first = t->leases[i].from_ns;
	if (!f->demand.capacity || f->dry || f->leaks < 2 || first >= t->end_ns)
		return NAN;
	return room > 0 ? room * (double)(t->end_ns - first) / 1e9 /
				  (double)(f->leaks - 1)
			: 0;
}

static const char *say_left(const struct facts *f, double seconds)
{
	if (!isfinite(seconds))
		return "";
	if (seconds <= 0)
		return "; the next peak will find the pool empty";
	return arena_printf(f->arena,
			    "; at this rate the pool runs dry in about %s",
			    facts_time(f->arena, seconds));
}

/*
 * leak: leases that will never come back, by their class lost or growing.
 * Fires for one alone, before the pool runs dry too:
 *
 *	leaked >= 1
 *
 * Pitfall: neither age nor Little's law shows a leak.  A report that runs for
 * 5 minutes is older than most leaks, and a LISTEN connection that is meant to
 * stay makes the same gap between what came in and what went out.  So the
 * classes decide, and what is kept by design is none.
 */
bool rule_leak(const struct facts *f, struct cause *c)
{
	const double left = seconds_left(f);
	const uint64_t at = f->dry && f->leaked ? f->at_ns : f->trace->end_ns;
	struct fact_site *sites;
	const char *errors;
	size_t count;

	if (!f->leaks)
		return false;
	cause_begin(f, c, CAUSE_LEAK, f->demand.peak[WITHOUT_LEAKS]);
	c->slots = f->dry && f->leaked ? f->leaked : (double)f->leaks;
	cause_number(f, c, "slots", c->slots);
	cause_number(f, c, "leaked", (double)f->leaks);
	cause_number(f, c, "sites", 0);
	cause_number(f, c, "seconds_left", left);
	sites = facts_sites(f, FACT_LEAKED, at, &count);
	c->numbers[c->number_count - 2].value = (double)count;
	errors = count ? say_errors(f, sites[0].site) : "";
	c->text = arena_printf(
		f->arena, "%s never released: %s%s%s%s",
		say_slots(f, (uint32_t)c->slots, f->dry && f->leaked),
		say_sites(f, FACT_LEAKED, at), errors,
		f->dry ? say_without(f, "without the leak", c->without) : "",
		say_left(f, left));
	c->advice = arena_printf(f->arena,
				 "%s it on every way out of that function%s",
				 f->trace->connections ? "finish" : "release",
				 *errors ? ", those after errors too" : "");
	return true;
}

/* What the long holds were spent on; shares of all their time. */
struct spent {
	double total_s, query_s, transaction_s;
	bool known;
};

static struct spent spent_on(const struct facts *f)
{
	struct spent spent = { 0 };
	double known_s = 0;

	for (size_t i = 0; i < f->trace->lease_count; i++) {
		const struct trace_lease *lease = &f->trace->leases[i];
		const double held = (double)(lease->to_ns - lease->from_ns);

		if (!demand_is_long(&f->demand, lease))
			continue;
		spent.total_s += held / 1e9;
		if (!lease->split)
			continue;
		known_s += held / 1e9;
		spent.query_s += (double)lease->query_ns / 1e9;
		spent.transaction_s += (double)lease->transaction_ns / 1e9;
	}
	spent.known = known_s > 0;
	if (spent.known) { /* the others as these */
		spent.query_s *= spent.total_s / known_s;
		spent.transaction_s *= spent.total_s / known_s;
	}
	return spent;
}

static enum cause_id held_by_what(const struct spent *spent)
{
	const double idle_s =
		spent->total_s - spent->query_s - spent->transaction_s;

	if (!spent->known)
		return CAUSE_APPLICATION_HOLDS;
	if (spent->query_s >= idle_s && spent->query_s >= spent->transaction_s)
		return CAUSE_SLOW_QUERY;
	return spent->transaction_s >= idle_s ? CAUSE_IDLE_IN_TRANSACTION
					      : CAUSE_APPLICATION_HOLDS;
}

static const char *cure_of(enum cause_id id)
{
	if (id == CAUSE_SLOW_QUERY)
		return "make these queries faster, or give them a pool of "
		       "their own";
	if (id == CAUSE_IDLE_IN_TRANSACTION)
		return "do the other work before the transaction or after it";
	return "acquire later and release earlier: around the queries, not "
	       "around the other work";
}

static const char *say_spent(const struct facts *f, const struct spent *spent)
{
	if (!spent->known)
		return "; what for is not known";
	return arena_printf(f->arena,
			    "; %.0f %% of that in queries, %.0f %% idle in a "
			    "transaction",
			    100 * spent->query_s / spent->total_s,
			    100 * spent->transaction_s / spent->total_s);
}

/*
 * What was out for long had nearly all that leaks had left, and not only where
 * that was next to nothing.
 */
bool rule_had_all(const struct facts *f)
{
	const double rest =
		f->demand.capacity - (double)f->kept - (double)f->leaked;

	return f->held > 1 && f->held >= rule_difference(f) &&
	       f->held >= rule_limit(f, THRESHOLD_BLOCKED_SHARE) * rest;
}

/*
 * slow-query, idle-in-transaction, application-holds: leases that come back,
 * but late.  Fires if, leaks apart, demand was no longer calm and cutting the
 * long holds short makes a difference:
 *
 *	D(-leaks) > calm * M  and  D(-leaks) - D(-leaks, -holds) >= others * M
 *
 * or if at that moment they had all:
 *
 *	held >= blocked-share * (M - leaked - by design)  and  >= others * M
 *
 * since threads that all begin at once make a peak of D for a moment, whatever
 * the holds are like.
 *
 * The name is what most of their time went into.
 *
 * Pitfall: how long is long?  Not an age for all: a hold of 2 s is nothing in
 * a nightly run and a scandal between holds of 5 ms.  Long is beyond `hold-cap`
 * seconds, or beyond `hold-times` times the median of all holds if that is
 * less; and only what lies beyond is cut.  If all holds are equally long, there
 * is nothing to cut, and the pool is too small for them.
 */
bool rule_held(const struct facts *f, struct cause *c)
{
	const struct demand *d = &f->demand;
	const double leakless = d->peak[WITHOUT_LEAKS];
	const double neither = d->peak[WITHOUT_LEAKS | WITHOUT_HOLDS];
	const struct spent spent = spent_on(f);
	const double cap_s = (double)d->cap_ns / 1e9;

	if (!f->dry ||
	    (!rule_had_all(f) && (leakless <= rule_calm(f) ||
				  leakless - neither < rule_difference(f))))
		return false;
	cause_begin(f, c, held_by_what(&spent), d->peak[WITHOUT_HOLDS]);
	c->slots = f->held;
	cause_number(f, c, "slots", c->slots);
	cause_number(f, c, "hold_cap_s", cap_s);
	cause_number(f, c, "query_share",
		     spent.known ? spent.query_s / spent.total_s : NAN);
	cause_number(f, c, "transaction_share",
		     spent.known ? spent.transaction_s / spent.total_s : NAN);
	c->text = arena_printf(
		f->arena, "%s held for more than %s: %s%s%s",
		say_slots(f, f->held, true), facts_time(f->arena, cap_s),
		say_sites(f, FACT_HELD, f->at_ns), say_spent(f, &spent),
		say_without(f, "with no hold longer than that", c->without));
	c->advice = cure_of(c->id);
	return true;
}

/*
 * spike: demand_spike.c has found one, and without it, leaks and long holds
 * apart, there is a difference:
 *
 *	D(-leaks, -holds) - D(-leaks, -holds, -spike) >= others * M
 *
 * Pitfall: a mean over the run hides it.  2 minutes of 60 at eight times the
 * load move the mean utilisation from 28 % to 35 %.
 */
bool rule_spike(const struct facts *f, struct cause *c)
{
	const struct demand *d = &f->demand;
	const struct demand_spike *spike = &d->spike;
	const double neither = d->peak[WITHOUT_LEAKS | WITHOUT_HOLDS];
	const double from_s = (double)spike->from_ns / 1e9;
	const double lasts_s = (double)(spike->to_ns - spike->from_ns) / 1e9;

	if (!f->dry || !spike->found ||
	    neither - d->peak[DEMAND_WORLDS - 1] < rule_difference(f))
		return false;
	cause_begin(f, c, CAUSE_SPIKE, d->peak[WITHOUT_SPIKE]);
	c->slots = f->others;
	cause_number(f, c, "slots", c->slots);
	cause_number(f, c, "times", spike->times);
	cause_number(f, c, "inflation", spike->inflation);
	cause_number(f, c, "from_s", from_s);
	cause_number(f, c, "seconds", lasts_s);
	cause_number(f, c, "demand", neither);
	cause_number(f, c, "allowed", rule_allowed(f));
	c->text = arena_printf(
		f->arena,
		"not a leak: from %s on, for about %s, %.1f times as many "
		"leases were asked for as before, and each was held as long as "
		"before (%.1f times); %s%s",
		facts_time(f->arena, from_s), facts_time(f->arena, lasts_s),
		spike->times, spike->inflation,
		spike->over ? "then it was over" : "it was not over at the end",
		say_without(f, "without it", c->without));
	c->advice =
		arena_printf(f->arena,
			     "limit what comes in; to carry all of it takes "
			     "%.0f slots%s",
			     neither, say_allowed(f, neither));
	return true;
}
