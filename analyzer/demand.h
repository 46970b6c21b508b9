/* SPDX-License-Identifier: MIT */
/*
 * demand - how many leases the program wanted at once, and would have wanted
 *
 * The demand at a moment is the leases that are out and the threads that ask
 * for one.  Its peak is measured (`seen`).  To find out what drove it there,
 * the recorded trace is played again in worlds that lack one cause: without
 * what leaked, with long holds cut short, without the spike; and each with a
 * pool so large that nobody waits, since who waits in the record is a
 * consequence and not a cause.
 *
 * demand.c says how, and where this is an estimate.
 */
#ifndef ANALYZER_DEMAND_H
#define ANALYZER_DEMAND_H

#include "analyzer/thresholds.h"
#include "analyzer/trace.h"

/* A world lacks what the bits of its number name. */
#define WITHOUT_LEAKS 1u
#define WITHOUT_HOLDS 2u /* longer than `cap_ns`: they end then */
#define WITHOUT_SPIKE 4u
#define DEMAND_WORLDS 8u

struct demand_spike {
	bool found;
	bool over; /* the load fell back before the end of the run */
	uint64_t from_ns, to_ns;
	double times;	  /* the load before */
	double inflation; /* of the holds meanwhile */
};

struct demand {
	const struct trace *trace;
	const struct thresholds *thresholds;
	uint32_t capacity; /* told, or the ceiling that was seen; 0: none */
	bool told;	   /* by the program */
	uint32_t seen;	   /* the peak of the demand as it was */
	double peak[DEMAND_WORLDS]; /* of the demand in each world */
	double load; /* Erlang, at the busiest time, without leaks and holds */
	double short_s;	  /* the mean of the short holds */
	uint64_t cap_ns;  /* what is longer is a long hold ... */
	size_t longs;	  /* ... of which there are so many */
	double threads;	  /* that take turns in asking; 0: they do not */
	double each;	  /* at once, that a thread needs at most */
	double most;	  /* that all of them need; or INFINITY */
	double dry_share; /* of the time in which the pool was full */
	uint64_t dry_ns;  /* when it was so first; UINT64_MAX: never */
	struct demand_spike spike;
};

void demand_find(struct demand *d, struct arena *arena, const struct trace *t,
		 const struct thresholds *thresholds);

/* Whether this lease was out for too long for the world of short holds. */
bool demand_is_long(const struct demand *d, const struct trace_lease *lease);

#endif
