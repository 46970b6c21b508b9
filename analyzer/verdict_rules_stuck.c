/* SPDX-License-Identifier: MIT */
/*
 * The rules for what no size of the pool would mend: nobody gets on, or no
 * connection can be had.  The letters are those of verdict_rules.c.
 */
#include "analyzer/verdict_rules.h"

#include <math.h>
#include "analyzer/portions.h"

/* The middle of the bucket all through which most long holds were out. */
static uint64_t most_held_at(const struct facts *f, uint32_t *ret_most)
{
	const struct trace *t = f->trace;
	struct portions held;
	size_t top = 0;

	portions_init(&held, f->arena, t->bucket_ns, t->bucket_count);
	for (size_t i = 0; i < t->lease_count; i++)
		if (demand_is_long(&f->demand, &t->leases[i]))
			portions_add(&held, t->leases[i].from_ns,
				     t->leases[i].to_ns);
	portions_count(&held);
	for (size_t i = 0; i < t->bucket_count; i++)
		if (held.buckets[i].least > held.buckets[top].least)
			top = i;
	*ret_most = held.buckets[top].least;
	return top * t->bucket_ns + t->bucket_ns / 2;
}

/* Whether every site that acquires much has one of them out at `at_ns`. */
static bool at_all_sites(const struct facts *f, uint64_t at_ns)
{
	const double share = rule_limit(f, THRESHOLD_OTHERS) / 2;
	const double all = (double)f->trace->sums[POOL_ACQUIRES];
	size_t count;
	struct fact_site *sites = facts_sites(f, FACT_HELD, at_ns, &count);

	for (size_t i = 0; i < f->trace->site_count; i++) {
		const struct trace_site *site = &f->trace->sites[i];
		size_t n = 0;

		while (n < count && sites[n].site != site->number)
			n++;
		if (n == count && (double)site->acquired > share * all)
			return false;
	}
	return count > 0;
}

/*
 * Those that were out at `at_ns`: do they end together?  Compared with how long
 * they were out; some that never ended say nothing.
 */
static bool end_together(const struct facts *f, uint64_t at_ns)
{
	uint64_t first = UINT64_MAX, last = 0, longest = 0;

	for (size_t i = 0; i < f->trace->lease_count; i++) {
		const struct trace_lease *lease = &f->trace->leases[i];

		if (!demand_is_long(&f->demand, lease) ||
		    lease->from_ns > at_ns || lease->to_ns <= at_ns)
			continue;
		first = lease->to_ns < first ? lease->to_ns : first;
		last = lease->to_ns > last ? lease->to_ns : last;
		if (lease->to_ns - lease->from_ns > longest)
			longest = lease->to_ns - lease->from_ns;
	}
	return last && last - first <= longest / 4;
}

/* Not one lease of all that the busy sites acquire is usually that long. */
static bool is_unusual(const struct facts *f)
{
	const struct demand *d = &f->demand;
	double longs = 0;

	for (size_t i = 0; i < f->trace->lease_count; i++)
		longs += demand_is_long(d, &f->trace->leases[i]);
	return longs < rule_limit(f, THRESHOLD_OTHERS) *
			       (double)f->trace->sums[POOL_ACQUIRES] &&
	       (double)d->cap_ns / 1e9 >
		       rule_limit(f, THRESHOLD_BLOCKED_TIMES) * d->short_s;
}

/*
 * database-blocked: for a while nobody got an answer (a lock, a failover, a
 * checkpoint).  At one moment nearly all that was out is held long, at every
 * site that acquires much, although their holds are short otherwise; and they
 * all end together.  Replaces rule_held(): the code that holds is not at fault.
 *
 *	long at one moment >= blocked-share * (M - by design - leaked)
 *						and  >= others * M
 *	the end of the last - of the first <= a quarter of the longest
 *	long in all < others * acquires;  hold-cap > blocked-times * short hold
 *
 * Pitfall: long holds that fill the pool also stop all others; but those never
 * get a lease, so no hold of theirs is long, and reports end one by one.  Where
 * leaks have left three, a machine that stands still for a moment stops all.
 */
bool rule_blocked(const struct facts *f, struct cause *c)
{
	const struct demand *d = &f->demand;
	uint32_t most;
	uint64_t at;

	if (!f->dry || !is_unusual(f))
		return false;
	at = most_held_at(f, &most);
	if (most < 2 || most < rule_difference(f) ||
	    most < rule_limit(f, THRESHOLD_BLOCKED_SHARE) *
			    (d->capacity - (double)f->kept -
			     (double)f->leaked) ||
	    !at_all_sites(f, at) || !end_together(f, at))
		return false;
	cause_begin(f, c, CAUSE_DATABASE_BLOCKED, d->peak[WITHOUT_HOLDS]);
	c->alone = true;
	c->slots = most;
	cause_number(f, c, "slots", most);
	cause_number(f, c, "at_s", (double)at / 1e9);
	c->text = arena_printf(
		f->arena,
		"%s into its life, %u of %u leases were stuck at once, at "
		"every busy place, and came back together; their holds take "
		"%s otherwise%s",
		facts_time(f->arena, (double)at / 1e9), most, d->capacity,
		facts_time(f->arena, d->short_s),
		say_without(f, "without them", c->without));
	c->advice = "look for a lock or a failover in the server's log at that "
		    "time";
	return true;
}

/*
 * hold-and-wait: threads that have a lease wait for another one, which only
 * others who wait could give.  Seen when the first gave up, or at the moment
 * when most were so:
 *
 *	asking	leases whose thread asks for one more
 *	asking >= blocked-share * (M - by design) at the first failure, or
 *	asking >= M - by design at any moment
 *
 * A pool of threads * (leases of each - 1) + 1 cannot get stuck so.
 *
 * Pitfalls: such a lease looks like a leak, or like an idle one, and the crowd
 * behind it like a pool that is too small; so this is asked before the others.
 * That a thread has one and asks for one more is no proof: the others may be
 * busy and come back.  And a thread that leaks has one whenever it asks, so
 * behind a leak nothing is said.  Whoever opens several connections waits for
 * none of them: that is the server's to give.
 */
bool rule_hold_and_wait(const struct facts *f, struct cause *c)
{
	const struct trace *t = f->trace;
	const double least = rule_nesting(f);
	const double all = f->demand.capacity - (double)f->kept;
	const uint32_t asking = f->stuck ? t->most_asking : t->dry.asking;

	if (!f->dry || f->leaks || t->connections || !asking ||
	    asking < rule_limit(f, THRESHOLD_BLOCKED_SHARE) * all)
		return false;
	cause_begin(f, c, CAUSE_HOLD_AND_WAIT, NAN);
	c->alone = true;
	c->slots = asking;
	cause_number(f, c, "slots", c->slots);
	cause_number(f, c, "most_by_thread", t->most_by_thread);
	cause_number(f, c, "threads", t->threads ? t->threads : NAN);
	cause_number(f, c, "advised", least);
	cause_number(f, c, "allowed", rule_allowed(f));
	c->text = arena_printf(
		f->arena,
		"not a leak: threads that have a lease ask for another one; "
		"%u of %u slots were held at once by threads that waited for "
		"the next, which only they could have given",
		asking, f->demand.capacity);
	c->advice = arena_printf(
		f->arena,
		"let a thread take one lease, or all at once; a pool of %.0f "
		"could not get stuck%s",
		least, say_allowed(f, least));
	return true;
}

/*
 * slow-connect: acquires take long because a connection has to be opened.
 *
 *	connect time > `connecting` of all that acquires took
 *	and more than `slow-connect` seconds for each of them
 *
 * Pitfall: every pool opens its connections once.  So it is compared with the
 * number of acquires, not of connects.
 */
bool rule_slow_connect(const struct facts *f, struct cause *c)
{
	const uint64_t *sums = f->trace->sums;
	const double connect_s = (double)sums[POOL_CONNECT_NS] / 1e9;
	const double all_s = connect_s + (double)sums[POOL_WAIT_NS] / 1e9;
	const double each_s = sums[POOL_ATTEMPTS]
				      ? connect_s / (double)sums[POOL_ATTEMPTS]
				      : 0;

	if (f->trace->connections ||
	    connect_s <= rule_limit(f, THRESHOLD_CONNECTING) * all_s ||
	    each_s < rule_limit(f, THRESHOLD_SLOW_CONNECT))
		return false;
	cause_begin(f, c, CAUSE_SLOW_CONNECT, NAN);
	c->alone = true;
	cause_number(f, c, "connect_s", connect_s);
	cause_number(f, c, "share", connect_s / all_s);
	cause_number(f, c, "each_s", each_s);
	c->text = arena_printf(
		f->arena,
		"%.0f %% of the time that acquires took went into connecting, "
		"%s for each: no slot was missing",
		100 * connect_s / all_s, facts_time(f->arena, each_s));
	c->advice = "keep connections open, and look at DNS, TLS and the way "
		    "to the server";
	return true;
}

/* Whose they were is not known here. */
static const char *say_rest(const struct facts *f)
{
	const uint32_t all = f->trace->server_max;

	return arena_printf(f->arena,
			    ": the rest of its max_connections%s was taken, by "
			    "others or by connects under way",
			    all ? arena_printf(f->arena, " of %u", all) : "");
}

/*
 * server-full: the server (or the limit of open files) refused a connection
 * while this process had not used up its pool.
 *
 *	the first connect refused so;  open then < M, where M is known
 *
 * Pitfall: the text of the refusal is translated, so the shim knows it by a
 * list, and what is not on it is a failed connect like others.
 */
bool rule_server_full(const struct facts *f, struct cause *c)
{
	const struct trace *t = f->trace;
	const bool files = t->dry.kind == EXHAUSTION_FILES;

	if (t->dry.kind != EXHAUSTION_SERVER && !files)
		return false;
	if (!t->connections && t->capacity && t->dry.used >= t->capacity)
		return false;
	cause_begin(f, c, CAUSE_SERVER_FULL, NAN);
	c->alone = !f->leaks;
	c->slots = t->dry.used;
	cause_number(f, c, "used", t->dry.used);
	cause_number(f, c, "at_s", (double)t->dry.when_ns / 1e9);
	c->text = arena_printf(
		f->arena,
		"%s refused a connection after %s, when this process had %u "
		"open%s",
		files ? "the limit of open files" : "the server",
		facts_time(f->arena, (double)t->dry.when_ns / 1e9), t->dry.used,
		files ? "" : say_rest(f));
	c->advice = files ? "raise ulimit -n, or see what else is open"
			  : "count processes times pool size";
	return true;
}
