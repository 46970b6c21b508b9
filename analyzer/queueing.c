/* SPDX-License-Identifier: MIT */
#include "analyzer/queueing.h"

#include <math.h>

#define MANY	    400.0 /* from here on e^-load is no number to begin with */
#define MOST	    1e4	  /* no pool is for more than that */
#define HUGE_WEIGHT 1e100

double queueing_peak(double load, double looks)
{
	const double rare = looks > 2 ? 1 / looks : 0.5;
	double term, above;
	unsigned n = 0;

	if (load <= 0)
		return 0;
	if (load > MANY)
		return load + sqrt(load) * sqrt(2 * log(1 / rare));
	term = exp(-load);
	above = 1 - term;
	while (above > rare && n < 10 * MANY) {
		n++;
		term *= load / n;
		above -= term;
	}
	return n;
}

/* P(wait) by the recursion of Erlang's B, which does not overflow. */
static double wait_share(double load, unsigned size)
{
	double blocked = 1;

	if (size <= load)
		return 1;
	for (unsigned n = 1; n <= size; n++)
		blocked = load * blocked / (n + load * blocked);
	return size * blocked / (size - load * (1 - blocked));
}

unsigned queueing_size(double load, double waits)
{
	const double most = load + 10 * sqrt(load) + 10;
	unsigned size = load > 1 ? (unsigned)load : 1;

	if (!(load < MOST))
		return 0;
	while (size < most && wait_share(load, size) > waits)
		size++;
	return size;
}

/*
 * P(wait) of a pool of `size` for `threads`, each out for `ratio` times as long
 * as it thinks: who asks finds the others as if it was not there.  Of these k
 * are out or wait with a weight that is ratio * (those left) / (those that end)
 * times that of k - 1.
 */
static double wait_share_closed(double threads, double ratio, unsigned size)
{
	double weight = 1, all = 1, waits = size ? 0 : 1;

	for (unsigned k = 1; k < threads; k++) {
		weight *= ratio * (threads - k) / (k < size ? k : size);
		all += weight;
		waits += k >= size ? weight : 0;
		if (all > HUGE_WEIGHT) { /* only their shares count */
			weight /= HUGE_WEIGHT;
			waits /= HUGE_WEIGHT;
			all /= HUGE_WEIGHT;
		}
	}
	return waits / all;
}

unsigned queueing_size_closed(double threads, double load, double waits)
{
	unsigned size = 1;

	if (!(threads < MOST) || load >= threads)
		return threads < MOST ? (unsigned)threads : 0;
	while (size < threads &&
	       wait_share_closed(threads, load / (threads - load), size) >
		       waits)
		size++;
	return size;
}

double queueing_closed(double threads, double hold_s, double think_s)
{
	if (hold_s <= 0)
		return 0;
	return threads * hold_s / (hold_s + (think_s > 0 ? think_s : 0));
}
