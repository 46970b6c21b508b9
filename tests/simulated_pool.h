/* SPDX-License-Identifier: MIT */
/*
 * simulated_pool - a pool and who uses it, played event by event
 *
 * The trace that comes out is what the shim would have recorded: buckets of
 * 10 ms that double, holds of 250 ms and more one by one, what is out at the
 * end with the class that it would get.  The same seed gives the same trace.
 *
 * A crowd is either open, clients that come at random, ask once and go, as
 * threads made for a request do; or closed, threads that take turns in thinking
 * and asking.  Holds and thinking are exponential, holds at least `hold_least`.
 */
#ifndef TESTS_SIMULATED_POOL_H
#define TESTS_SIMULATED_POOL_H

#include "analyzer/trace.h"

#define FOREVER 1e9

struct crowd {
	const char *where;		 /* NULL behind the last */
	double rate;			 /* open: arrivals per second ... */
	double rush, rush_from, rush_to; /* ... times `rush` meanwhile */
	unsigned threads;		 /* closed: so many */
	double think;
	double hold, hold_least;
	double errors; /* the share of leases that meet 40001 */
	double leaks;  /* the share of these that are never released */
	double query, transaction; /* shares of the hold */
};

struct simulation {
	uint64_t seed;
	double seconds;
	unsigned size;	    /* of the pool */
	bool told;	    /* the program sets it by a call */
	double patience;    /* seconds; 0: who finds it empty fails at once */
	unsigned listeners; /* leases kept by design from the start */
	bool untimed;	    /* a record without POOL_TIMED and POOL_SPLIT */
	double stuck_from, stuck_to; /* no hold ends meanwhile; 0: never */
	const struct crowd *crowds;
};

void simulate(struct trace *t, struct arena *arena, const struct simulation *s);

#endif
