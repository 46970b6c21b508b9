/* SPDX-License-Identifier: MIT */
/*
 * facts - what the rules of the verdict compare
 *
 * The moment that counts is the first one at which somebody got nothing; if
 * all were served in the end, the moment of the highest demand.
 */
#ifndef ANALYZER_FACTS_H
#define ANALYZER_FACTS_H

#include "analyzer/demand.h"

/* Leases of one site that were out at that moment. */
struct fact_site {
	uint32_t site;
	uint32_t count;
	uint64_t oldest_ns; /* when it was acquired */
};

struct facts {
	struct arena *arena;
	const struct trace *trace;
	const struct thresholds *thresholds;
	struct demand demand;
	bool dry;   /* somebody got nothing, or it was full for long */
	bool stuck; /* all that can come back waited for one another */
	uint64_t at_ns;
	uint32_t used, waiting;		     /* then; of these used ones */
	uint32_t leaked, held, kept, others; /* ... are for good, are long,
						by design, short */
	uint64_t leaks;			     /* in all, up to the end */
	/* For so long at least `util` of it was out, without a break. */
	bool high;
	uint64_t high_from_ns, high_ns;
};

void facts_find(struct facts *f, struct arena *arena, const struct trace *t,
		const struct thresholds *thresholds);

/*
 * The first time that at least `least` of the pool were out for `lasts_s` or
 * longer, without a break.  A peak does not count, since healthy pools touch
 * their ceiling for milliseconds: the mean of each bucket must be that high.
 * What is shorter than two buckets, which are wide in a run of hours, may be
 * missed.
 */
bool facts_high(const struct trace *t, double least, double lasts_s,
		uint64_t *ret_from_ns, uint64_t *ret_ns);

/* Leases that count as `what`, out at the moment, by site; the most first. */
enum fact_kind { FACT_LEAKED, FACT_HELD };
struct fact_site *facts_sites(const struct facts *f, enum fact_kind what,
			      uint64_t at_ns, size_t *ret_count);

/* "order_sync order_sync.c:214"; never NULL. */
const char *facts_where(const struct facts *f, uint32_t site);

/* "3 ms", "4.2 s", "35 min"; in the arena. */
const char *facts_time(struct arena *arena, double seconds);

#endif
