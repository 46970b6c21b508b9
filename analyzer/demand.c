/* SPDX-License-Identifier: MIT */
/*
 * How the trace is played again.
 *
 * In each bucket the peak of the demand is known: used and waiting together,
 * at one moment.  A world takes away *excess*: the time that a leaked lease
 * was out, or the part of a long hold behind `cap_ns`.
 *
 * While the pool was not full nobody waited for a slot, so what is left is the
 * demand itself: the peak less the excess that was out all through the bucket.
 * No model, no guess.
 *
 * While it was full, those who waited did so partly because of the excess, and
 * the peak less the excess is only an upper bound: with more room each of them
 * would have had its lease sooner, and would have been gone again.  How many
 * would have been out at once is then
 *
 *	open	what came by chance: load = attempts per second * the mean of
 *		the short holds, and a peak above it as chance has it (Poisson);
 *		on top of the long holds that are left in this world
 *	closed	what the same threads ask for again and again: each holds one,
 *		thinks, asks.  A full pool slows them down, so that the attempts
 *		are those of the pool and no longer their own: a pool of 3 would
 *		always "need" 3.  But thinking is not slowed down: of N threads
 *		those that are neither out nor waiting think, so one thinks for
 *		(N - out - waiting) / attempts per second; and without waiting
 *		N * hold / (hold + thinking) are out.
 *
 * Pitfalls, each with its answer here:
 * - The mean of the holds that ended is blind to leaks, and to all that is
 *   still out.  No such mean is used: long leases are counted one by one, and
 *   `short_s` is slot-time over acquires, both less the long ones.
 * - Granted acquires show what the pool had, not what was wanted: attempts do.
 *   But who gets nothing at once may ask again at once: behind a leak attempts
 *   count as many as there were elsewhere, and never more than threads.
 * - Behind a leak the closed formula takes all who are stuck for demand: where
 *   what the world lacks had much of the pool it is not used; the time before
 *   shows what these threads need.
 * - Workers that are fed by a queue look like threads that do not think once a
 *   backlog has formed: then closed says that all of them are needed, which is
 *   the bound and may be too much.
 * - Requests for long holds that were never granted are in no log: the world
 *   with long holds is too small by them.  So where these have much of the
 *   pool, and what the world lacks has not, all who wait are its demand.
 */
#include "analyzer/demand.h"

#include <math.h>
#include "analyzer/queueing.h"
#include "analyzer/replay.h"

#define LEAST_LOOKS 10
#define DEVIATIONS  3 /* of the number of threads out at once, and no more */

bool demand_is_long(const struct demand *d, const struct trace_lease *lease)
{
	return (lease->fate == TRACE_RETURNED || lease->fate == TRACE_OUT) &&
	       lease->to_ns - lease->from_ns > d->cap_ns;
}

/*
 * A number that the program gave counts, unless more was out.  Else what was
 * never passed although somebody got nothing, or waited, is the ceiling: also
 * of all connections, where the server refused one more.  Who waits for ever
 * has not waited yet; but if those who had all of it asked for more and were
 * never given any, that was all.
 */
static void find_capacity(struct demand *d)
{
	const struct trace *t = d->trace;

	d->told = t->capacity != 0;
	d->capacity = t->capacity;
	if (!d->told && t->dry.kind)
		d->capacity = t->dry.used;
	if (!d->told && !t->connections &&
	    (t->sums[POOL_WAITS] ||
	     (t->most_asking && t->most_asking >= t->peak_used)))
		d->capacity = t->peak_used;
	if (d->capacity && d->capacity < t->peak_used)
		d->capacity = t->peak_used;
}

/* Shorter holds than these are not in the log. */
static void find_cap(struct demand *d)
{
	const double *of = d->thresholds->of;
	const double median_s = (double)trace_median_ns(d->trace) / 1e9;
	double cap_s = of[THRESHOLD_HOLD_TIMES] * median_s;

	if (cap_s > of[THRESHOLD_HOLD_CAP] || median_s <= 0)
		cap_s = of[THRESHOLD_HOLD_CAP];
	d->cap_ns = (uint64_t)(cap_s * 1e9);
	if (d->cap_ns < RECORD_HOLD_NS)
		d->cap_ns = RECORD_HOLD_NS;
	for (size_t i = 0; i < d->trace->lease_count; i++)
		d->longs += demand_is_long(d, &d->trace->leases[i]);
}

/* Whose leases others release: the threads that ask are not those that have. */
static bool hands_on(const struct demand *d)
{
	const uint64_t *sums = d->trace->sums;

	return (double)sums[POOL_BY_OTHERS] >
	       d->thresholds->of[THRESHOLD_OTHERS] *
		       (double)sums[POOL_RELEASES];
}

/* Who came once and never again (a thread for each request) takes no turns. */
static void find_threads(struct demand *d)
{
	const struct trace *t = d->trace;

	if (t->timed && !hands_on(d) &&
	    (double)t->sums[POOL_ATTEMPTS] >=
		    d->thresholds->of[THRESHOLD_ASKED_AGAIN] * t->threads)
		d->threads = t->threads;
}

/*
 * A thread that leaks has more and more of them.  Of those it has come back
 * from without any release, nothing is known but that; and a loop that takes
 * two at one place looks the same, so this is only asked where there are leaks.
 */
static void find_each(struct demand *d)
{
	const struct trace *t = d->trace;
	bool leaks = false;

	for (size_t i = 0; i < t->lease_count; i++)
		leaks |= t->leases[i].fate == TRACE_LEAKED;
	d->each = leaks ? t->most_needed : t->most_by_thread;
	if (d->each < 1)
		d->each = 1;
	d->most = t->timed && t->threads && !hands_on(d) ? t->threads * d->each
							 : INFINITY;
}

/* What a world takes of the long leases, and what it leaves. */
struct world {
	unsigned without;
	struct portions taken, left, left_apart;
	double hold_s; /* the mean of all holds in it, leaks left out */
};

/* What is out at the end is so all through the last bucket, to its end. */
static uint64_t gone_at(const struct trace *t, const struct trace_lease *lease)
{
	return lease->to_ns < t->end_ns ? lease->to_ns
					: t->bucket_count * t->bucket_ns;
}

static void add_lease(struct world *w, const struct demand *d,
		      const struct trace_lease *lease)
{
	uint64_t end = lease->to_ns;

	if (lease->fate == TRACE_LEAKED && w->without & WITHOUT_LEAKS)
		end = lease->from_ns;
	else if (demand_is_long(d, lease) && w->without & WITHOUT_HOLDS)
		end = lease->from_ns + d->cap_ns;
	if (end < lease->to_ns)
		portions_add(&w->taken, end, gone_at(d->trace, lease));
	portions_add(&w->left, lease->from_ns, end);
	if (lease->fate == TRACE_LEAKED || lease->fate == TRACE_KEPT)
		portions_add(&w->left_apart, lease->from_ns, end);
}

static void make_world(struct world *w, const struct replay *r,
		       unsigned without)
{
	const struct trace *t = r->trace;
	const struct replay_sum *all = &r->sums[t->bucket_count];
	double ended_s;

	w->without = without;
	portions_init(&w->taken, r->arena, t->bucket_ns, t->bucket_count);
	portions_init(&w->left, r->arena, t->bucket_ns, t->bucket_count);
	portions_init(&w->left_apart, r->arena, t->bucket_ns, t->bucket_count);
	for (size_t i = 0; i < t->lease_count; i++)
		add_lease(w, r->demand, &t->leases[i]);
	portions_count(&w->taken);
	portions_count(&w->left);
	portions_count(&w->left_apart);
	ended_s = all->used_s - all->long_s + w->left.total_s -
		  w->left_apart.total_s;
	w->hold_s =
		all->acquires > 0 && ended_s > 0 ? ended_s / all->acquires : 0;
}

/* The attempts around bucket i; behind a leak no more than elsewhere. */
static double open_load(const struct replay *r, size_t i,
			const struct replay_sum *sum, double seconds)
{
	double rate = sum->attempts / seconds;

	if (r->blocked[i] && r->free_rate > 0 && rate > r->free_rate)
		rate = r->free_rate;
	return rate * r->demand->short_s;
}

/* No more than there are threads, but for what threads have left behind. */
static double capped(const struct replay *r, const struct world *w, size_t i,
		     double peak)
{
	const double most = r->demand->most + w->left_apart.buckets[i].most;

	return peak > most ? most : peak;
}

/* 0 where nothing can be said. */
static double closed_load(const struct replay *r, const struct world *w,
			  const struct replay_sum *sum, double seconds)
{
	const double threads = r->demand->threads;
	const double in =
		(sum->used_s + sum->waiting_s - sum->apart_s) / seconds;

	if (threads <= 0 || sum->attempts <= 0)
		return 0;
	return queueing_closed(threads, w->hold_s,
			       (threads - in) * seconds / sum->attempts);
}

/* Of `threads`, each out or not by chance; never more than there are. */
static double closed_peak(double load, double threads)
{
	double peak;

	if (load <= 0)
		return 0;
	peak = load + DEVIATIONS * sqrt(load * (1 - load / threads));
	return peak < threads ? peak : threads;
}

/* How often the pool was another one while it was full. */
static double looks(const struct replay *r)
{
	const struct demand *d = r->demand;
	const double full_s =
		d->dry_share * replay_seconds(r, r->trace->bucket_count);

	return d->short_s > 0 && full_s / d->short_s > LEAST_LOOKS
		       ? full_s / d->short_s
		       : LEAST_LOOKS;
}

/*
 * Who fails at once never waits, and is not in the demand that was seen; who
 * gives up has waited, and is.
 */
static double most_at(const struct replay *r, const struct world *w, size_t i)
{
	const struct trace_bucket *b = &r->trace->buckets[i];
	const double asked = b->most_used + (double)b->failures;
	const double most = b->most_demand > asked ? b->most_demand : asked;

	return most - (double)w->taken.buckets[i].least;
}

/*
 * Whether those who wait, in the stretch around bucket i, do so because of what
 * this world lacks.
 */
static bool is_blocked(const struct replay *r, const struct world *w, size_t i,
		       size_t width)
{
	const double most = r->demand->thresholds->of[THRESHOLD_OTHERS] *
			    r->demand->capacity;
	size_t at = i > width / 2 ? i - width / 2 : 0;

	for (; at < r->trace->bucket_count && at <= i + width / 2; at++)
		if (r->blocked[at] && w->taken.buckets[at].mean > most)
			return true;
	return false;
}

/* Who waits behind long holds in a world that has them is its demand. */
static bool is_its_own(const struct replay *r, const struct world *w, size_t i)
{
	const double share = r->demand->thresholds->of[THRESHOLD_OTHERS];
	const double left =
		r->excess.buckets[i].mean - w->taken.buckets[i].mean;

	return !(w->without & WITHOUT_HOLDS) &&
	       left > share * r->demand->capacity;
}

static double full_peak(const struct replay *r, const struct world *w, size_t i)
{
	const double most = most_at(r, w, i);
	double seconds, open, closed;
	const struct replay_sum sum = replay_around(r, i, r->window, &seconds);

	open = w->left.buckets[i].most +
	       queueing_peak(open_load(r, i, &sum, seconds), looks(r));
	open = capped(r, w, i, open);
	if (is_blocked(r, w, i, r->window))
		return open < most ? open : most;
	if (is_its_own(r, w, i))
		return most;
	closed = w->left_apart.buckets[i].most +
		 closed_peak(closed_load(r, w, &sum, seconds),
			     r->demand->threads);
	if (closed > open)
		open = closed;
	return open < most ? open : most;
}

static double peak_of(const struct replay *r, unsigned without)
{
	const struct trace *t = r->trace;
	struct world w;
	double peak = 0;

	make_world(&w, r, without);
	for (size_t i = 0; i < t->bucket_count; i++) {
		double here;

		if (without & WITHOUT_SPIKE && r->in_spike[i])
			continue;
		here = r->touched[i] ? full_peak(r, &w, i)
				     : t->buckets[i].most_demand -
					       (double)w.taken.buckets[i].least;
		here = capped(r, &w, i, here);
		peak = here > peak ? here : peak;
	}
	return peak;
}

/* Of what is left of the long holds; in one bucket all of them may be out. */
static double mean_left(const struct replay *r, const struct world *w, size_t i,
			size_t width)
{
	size_t end;
	const size_t begin = replay_stretch(r, i, width, &end);
	double sum = 0;

	for (size_t n = begin; n < end; n++)
		sum += w->left.buckets[n].mean;
	return sum / (double)(end - begin);
}

/*
 * The busiest time, not the mean of the run: an hour hides a rush of minutes.
 * The stretch is longer than for a peak, which chance makes; a load is a mean.
 */
static double busiest_load(const struct replay *r)
{
	const struct trace *t = r->trace;
	const size_t width = r->window * 20 < t->bucket_count / 5 + 1
				     ? r->window * 20
				     : t->bucket_count / 5 + 1;
	struct world w;
	double busiest = 0;

	make_world(&w, r, WITHOUT_LEAKS | WITHOUT_HOLDS);
	for (size_t i = 0; i < t->bucket_count; i++) {
		double seconds, load, closed;
		const struct replay_sum sum =
			replay_around(r, i, width, &seconds);

		load = open_load(r, i, &sum, seconds) +
		       mean_left(r, &w, i, width);
		closed = closed_load(r, &w, &sum, seconds);
		if (r->full[i] && !is_blocked(r, &w, i, width) && closed > load)
			load = closed;
		busiest = load > busiest ? load : busiest;
	}
	return busiest;
}

void demand_find(struct demand *d, struct arena *arena, const struct trace *t,
		 const struct thresholds *thresholds)
{
	struct replay r;

	*d = (struct demand){ .trace = t,
			      .thresholds = thresholds,
			      .seen = t->peak_demand,
			      .dry_ns = UINT64_MAX };
	find_capacity(d);
	find_cap(d);
	replay_prepare(&r, arena, d);
	find_threads(d);
	find_each(d);
	demand_find_spike(d, &r);
	d->peak[0] = d->seen;
	for (unsigned world = 1; world < DEMAND_WORLDS; world++) {
		d->peak[world] = peak_of(&r, world);
		if (d->peak[world] > d->peak[0])
			d->peak[0] = d->peak[world];
	}
	d->load = busiest_load(&r);
}
