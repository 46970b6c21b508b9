/* SPDX-License-Identifier: MIT */
/*
 * A spike: for a while the load is several times what it is otherwise, each
 * hold is as short as before, and then it is over.
 *
 * The load is that of the short holds: attempts per second times their mean.
 * The attempts of threads that take turns are slowed down by waiting; where
 * these show nothing, the leases and threads that are in the pool on average
 * do: those who wait are the crowd.  "Otherwise" is the median over the time in
 * which anything happened: a mean would be moved by the spike itself.
 *
 * Pitfalls: behind a leak or long holds everybody waits, and a program that
 * fails at once asks far more often.  Where they have much of the pool there
 * is no spike, whatever is counted.  If the holds grow as well, then something
 * became slow, and the crowd is its consequence (`inflation`).
 */
#include <stdlib.h>

#include "analyzer/replay.h"

#define BACK 1.5 /* times the load before: it has fallen back */

/* The load as it was asked for, and as it was in the pool. */
enum load { LOAD_ASKED, LOAD_PRESENT, LOADS };

static double load_at(const struct replay *r, size_t i, enum load load)
{
	double seconds;
	const struct replay_sum sum = replay_around(r, i, r->window, &seconds);

	if (load == LOAD_ASKED)
		return sum.attempts / seconds * r->demand->short_s;
	return (sum.used_s - sum.long_s + sum.waiting_s) / seconds;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* 0 if there is no usual load. */
static double usual(const struct replay *r, const double *loads)
{
	const size_t count = r->trace->bucket_count;
	double *sorted = arena_array(r->arena, count, sizeof(*sorted));
	size_t some = 0;

	for (size_t i = 0; i < count; i++)
		if (loads[i] > 0 && !r->blocked[i])
			sorted[some++] = loads[i];
	if (some)
		qsort(sorted, some, sizeof(*sorted), compare);
	return some ? sorted[some / 2] : 0;
}

/* From the highest load down both slopes, and a window more. */
static void find_slopes(const struct replay *r, const double *loads,
			double before, size_t top, size_t *begin, size_t *end)
{
	const size_t count = r->trace->bucket_count;

	*begin = *end = top;
	while (*begin > 0 && loads[*begin] > BACK * before)
		--*begin;
	while (*end < count && loads[*end] > BACK * before)
		++*end;
	r->demand->spike.over = *end < count;
	*begin = *begin > r->window ? *begin - r->window : 0;
	*end = *end + r->window < count ? *end + r->window : count;
}

/* How much longer the short holds are there than elsewhere. */
static double inflation(const struct replay *r, size_t begin, size_t end)
{
	const size_t count = r->trace->bucket_count;
	const struct replay_sum in = replay_between(r, begin, end);
	struct replay_sum out = replay_between(r, 0, count);

	out.acquires -= in.acquires;
	out.used_s -= in.used_s;
	out.long_s -= in.long_s;
	out.long_began -= in.long_began;
	return replay_short_s(&out) > 0
		       ? replay_short_s(&in) / replay_short_s(&out)
		       : 1;
}

static void judge(struct replay *r, size_t begin, size_t end, double times)
{
	const double *of = r->demand->thresholds->of;
	const double share =
		(double)(end - begin) / (double)r->trace->bucket_count;
	struct demand_spike *spike = &r->demand->spike;

	spike->times = times;
	spike->inflation = inflation(r, begin, end);
	spike->from_ns = begin * r->trace->bucket_ns;
	spike->to_ns = end * r->trace->bucket_ns;
	spike->found = times >= of[THRESHOLD_SPIKE] &&
		       spike->inflation < of[THRESHOLD_INFLATION] &&
		       share <= of[THRESHOLD_SPIKE_SHARE];
	for (size_t i = begin; spike->found && i < end; i++)
		r->in_spike[i] = true;
}

static void find(struct demand *d, struct replay *r, enum load load)
{
	const size_t count = d->trace->bucket_count;
	double *loads = arena_array(r->arena, count, sizeof(*loads)), before;
	size_t top = 0, begin, end;

	for (size_t i = 0; i < count; i++) {
		loads[i] = load_at(r, i, load);
		if (!r->blocked[i] && loads[i] > loads[top])
			top = i;
	}
	before = usual(r, loads);
	if (before <= 0 || r->blocked[top])
		return;
	find_slopes(r, loads, before, top, &begin, &end);
	judge(r, begin, end, loads[top] / before);
}

void demand_find_spike(struct demand *d, struct replay *r)
{
	for (int load = 0; load < LOADS && !d->spike.found; load++)
		find(d, r, (enum load)load);
}
