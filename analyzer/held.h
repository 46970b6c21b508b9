/* SPDX-License-Identifier: MIT */
/*
 * held - how long a lease of one place may be out before it is kept too long
 */
#ifndef ANALYZER_HELD_H
#define ANALYZER_HELD_H

#include "analyzer/thresholds.h"
#include "record/format.h"

/*
 * Learnt from the holds of the place that ended, as shares.h counts them:
 *
 *	max(held-floor, held-times * the 99th percentile,
 *	    the longest query of the place that ended + held-floor)
 *
 * with held-unlearnt instead of the first two, if fewer than held-least have;
 * or what the user said.  Whoever waits for a query that is slow has the floor
 * for all the rest.
 *
 * Pitfall: a fixed age for all takes each report of a minute for a leak, and
 * never sees a request of 5 ms that takes 30 s.
 */
double held_limit_s(const uint64_t hold_us[RECORD_HOLD_BUCKETS],
		    uint64_t longest_ns, uint64_t longest_query_ns,
		    const struct thresholds *thresholds);

#endif
