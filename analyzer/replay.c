/* SPDX-License-Identifier: MIT */
#include "analyzer/replay.h"

#include <math.h>

#define ENOUGH	  20.0 /* attempts: their number is then off by a fifth */
#define HOLDS	  5.0  /* short ones in a row: what began also ended */
#define FULL_USED 0.95 /* the rest is the way from one to the next */

double replay_seconds(const struct replay *r, size_t buckets)
{
	return (double)buckets * (double)r->trace->bucket_ns / 1e9;
}

struct replay_sum replay_between(const struct replay *r, size_t begin,
				 size_t end)
{
	const struct replay_sum *a = &r->sums[begin], *b = &r->sums[end];

	return (struct replay_sum){
		.attempts = b->attempts - a->attempts,
		.acquires = b->acquires - a->acquires,
		.used_s = b->used_s - a->used_s,
		.waiting_s = b->waiting_s - a->waiting_s,
		.long_s = b->long_s - a->long_s,
		.long_began = b->long_began - a->long_began,
		.apart_s = b->apart_s - a->apart_s,
	};
}

size_t replay_stretch(const struct replay *r, size_t i, size_t width,
		      size_t *ret_end)
{
	const size_t count = r->trace->bucket_count;
	size_t begin = i > width / 2 ? i - width / 2 : 0;

	if (begin + width > count)
		begin = count > width ? count - width : 0;
	*ret_end = begin + width < count ? begin + width : count;
	return begin;
}

struct replay_sum replay_around(const struct replay *r, size_t i, size_t width,
				double *ret_seconds)
{
	size_t end;
	const size_t begin = replay_stretch(r, i, width, &end);

	*ret_seconds = replay_seconds(r, end - begin);
	return replay_between(r, begin, end);
}

double replay_short_s(const struct replay_sum *sum)
{
	const double holds = sum->acquires - sum->long_began;
	const double seconds = sum->used_s - sum->long_s;

	return holds > 0 && seconds > 0 ? seconds / holds : 0;
}

static void add_leases(struct replay *r, struct portions *longs)
{
	const struct trace *t = r->trace;
	const struct demand *d = r->demand;

	for (size_t i = 0; i < t->lease_count; i++) {
		const struct trace_lease *lease = &t->leases[i];

		portions_add(longs, lease->from_ns, lease->to_ns);
		if (lease->fate == TRACE_LEAKED || demand_is_long(d, lease))
			portions_add(&r->excess, lease->from_ns, lease->to_ns);
		if (lease->fate == TRACE_LEAKED || lease->fate == TRACE_KEPT)
			portions_add(&r->apart, lease->from_ns, lease->to_ns);
	}
	portions_count(longs);
	portions_count(&r->excess);
	portions_count(&r->apart);
}

/* What began in which bucket. */
static double *begun(struct replay *r)
{
	const struct trace *t = r->trace;
	double *count = arena_array(r->arena, t->bucket_count, sizeof(*count));

	for (size_t i = 0; i < t->lease_count; i++) {
		const uint64_t at = t->leases[i].from_ns / t->bucket_ns;

		if (at < t->bucket_count)
			count[at]++;
	}
	return count;
}

static void sum_up(struct replay *r, const struct portions *longs)
{
	const struct trace *t = r->trace;
	const double *long_began = begun(r), width = replay_seconds(r, 1);

	r->sums = arena_array(r->arena, t->bucket_count + 1, sizeof(*r->sums));
	for (size_t i = 0; i < t->bucket_count; i++) {
		const struct trace_bucket *b = &t->buckets[i];
		struct replay_sum *sum = &r->sums[i + 1];

		*sum = r->sums[i];
		sum->attempts += (double)b->attempts;
		sum->acquires += (double)b->acquires;
		sum->used_s += (double)b->used_ns / 1e9;
		sum->waiting_s += t->timed ? (double)b->waiting_ns / 1e9
					   : b->most_waiting * width;
		sum->long_s += longs->buckets[i].mean * width;
		sum->long_began += long_began[i];
		sum->apart_s += r->apart.buckets[i].mean * width;
	}
}

/*
 * Long enough for what began in it to end in it, and for the number of
 * attempts to say something; and short enough to see a rush of a twentieth of
 * the run.
 */
static void find_window(struct replay *r)
{
	const struct trace *t = r->trace;
	const struct replay_sum *all = &r->sums[t->bucket_count];
	const double total = replay_seconds(r, t->bucket_count);
	double seconds = HOLDS * r->demand->short_s;

	if (all->attempts > 0 && seconds < ENOUGH * total / all->attempts)
		seconds = ENOUGH * total / all->attempts;
	if (seconds > total / 20)
		seconds = total / 20;
	r->window = (size_t)ceil(seconds / replay_seconds(r, 1));
	if (!r->window)
		r->window = 1;
}

/*
 * Somebody asked who did not get one at once, for want of a slot.  Where more
 * are wanted than there are, all are taken, though on a busy machine one may be
 * on its way all through the bucket: given back for somebody who waits, and has
 * not got to run yet.
 */
static bool is_touched(const struct demand *d, const struct trace_bucket *b)
{
	return d->capacity && (b->most_demand > d->capacity ||
			       (b->failures && b->most_used >= d->capacity));
}

/*
 * A moment at the ceiling is no shortage, so the mean must be there too; but
 * who gets nothing at the ceiling has met one, however short it was.
 */
static bool is_full(const struct demand *d, const struct trace_bucket *b,
		    double width_s)
{
	return is_touched(d, b) &&
	       (b->failures ||
		(double)b->used_ns / 1e9 >= FULL_USED * d->capacity * width_s);
}

/* A window around bucket i has such a bucket in it. */
static void mark_blocked(struct replay *r, size_t i)
{
	const size_t count = r->trace->bucket_count;
	size_t from = i > r->window ? i - r->window : 0;

	for (; from < count && from <= i + r->window; from++)
		r->blocked[from] = true;
}

static void look_at_buckets(struct replay *r)
{
	const struct trace *t = r->trace;
	struct demand *d = r->demand;
	const double most = d->thresholds->of[THRESHOLD_OTHERS] *
			    (d->capacity ? d->capacity : t->peak_used);
	size_t full = 0;

	r->full = arena_array(r->arena, t->bucket_count, sizeof(bool));
	r->touched = arena_array(r->arena, t->bucket_count, sizeof(bool));
	r->blocked = arena_array(r->arena, t->bucket_count, sizeof(bool));
	r->in_spike = arena_array(r->arena, t->bucket_count, sizeof(bool));
	for (size_t i = 0; i < t->bucket_count; i++) {
		const struct trace_bucket *b = &t->buckets[i];

		r->full[i] = is_full(d, b, replay_seconds(r, 1));
		r->touched[i] = is_touched(d, b);
		if (r->excess.buckets[i].mean > most)
			mark_blocked(r, i);
		if (r->full[i] && !full++)
			d->dry_ns = i * t->bucket_ns;
	}
	d->dry_share = (double)full / (double)t->bucket_count;
}

/*
 * Who gets nothing often asks again at once: behind a leak attempts may
 * multiply without any more work.
 */
static void find_free_rate(struct replay *r)
{
	for (size_t i = 0; i < r->trace->bucket_count; i++) {
		double seconds, rate;
		const struct replay_sum sum =
			replay_around(r, i, r->window, &seconds);

		rate = sum.attempts / seconds;
		if (!r->blocked[i] && rate > r->free_rate)
			r->free_rate = rate;
	}
}

void replay_prepare(struct replay *r, struct arena *arena, struct demand *d)
{
	const struct trace *t = d->trace;
	struct portions longs;

	*r = (struct replay){ .arena = arena, .demand = d, .trace = t };
	portions_init(&longs, arena, t->bucket_ns, t->bucket_count);
	portions_init(&r->excess, arena, t->bucket_ns, t->bucket_count);
	portions_init(&r->apart, arena, t->bucket_ns, t->bucket_count);
	add_leases(r, &longs);
	sum_up(r, &longs);
	d->short_s = replay_short_s(&r->sums[t->bucket_count]);
	find_window(r);
	look_at_buckets(r);
	find_free_rate(r);
}
