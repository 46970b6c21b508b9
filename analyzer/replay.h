/* SPDX-License-Identifier: MIT */
/*
 * replay - a trace prepared for demand.c: sums over any stretch of buckets,
 * and what is known of each bucket.  Nobody else needs it.
 */
#ifndef ANALYZER_REPLAY_H
#define ANALYZER_REPLAY_H

#include "analyzer/demand.h"
#include "analyzer/portions.h"

/* Up to before bucket i: sums[i]; a difference of two is a stretch. */
struct replay_sum {
	double attempts, acquires;
	double used_s, waiting_s;
	double long_s;	   /* of used_s: by long leases */
	double long_began; /* of acquires: of long leases */
	double apart_s;	   /* of used_s: leaked, or kept by design */
};

struct replay {
	struct arena *arena;
	struct demand *demand;
	const struct trace *trace;
	struct replay_sum *sums; /* one more than there are buckets */
	struct portions excess;	 /* leaks, and long holds */
	struct portions apart;	 /* leaks, and what is kept by design */
	size_t window;		 /* buckets that make a mean worth something */
	double free_rate; /* most attempts per second where none is blocked */
	bool *full;	  /* all through: who asked, waited or got nothing */
	bool *touched;	  /* for a moment at least: somebody did */
	bool *blocked;	  /* leaks or long holds had a good part of the pool */
	bool *in_spike;
};

void replay_prepare(struct replay *r, struct arena *arena, struct demand *d);

/* `width` buckets around bucket i, or beside it at the ends: the first one. */
size_t replay_stretch(const struct replay *r, size_t i, size_t width,
		      size_t *ret_end);
/* What happened in these. */
struct replay_sum replay_around(const struct replay *r, size_t i, size_t width,
				double *ret_seconds);
struct replay_sum replay_between(const struct replay *r, size_t begin,
				 size_t end);
double replay_seconds(const struct replay *r, size_t buckets);

/* The mean of the short holds that began in the stretch; 0 if none did. */
double replay_short_s(const struct replay_sum *sum);

/* demand_spike.c */
void demand_find_spike(struct demand *d, struct replay *r);

#endif
