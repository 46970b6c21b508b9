/* SPDX-License-Identifier: MIT */
#include "analyzer/held.h"

#include <math.h>

#include "analyzer/shares.h"

static double usual_s(const uint64_t hold_us[RECORD_HOLD_BUCKETS],
		      uint64_t longest_ns, const double *of)
{
	uint64_t ended = 0;

	for (size_t i = 0; i < RECORD_HOLD_BUCKETS; i++)
		ended += hold_us[i];
	if ((double)ended < of[THRESHOLD_HELD_LEAST] || !ended)
		return of[THRESHOLD_HELD_UNLEARNT];
	return fmax(of[THRESHOLD_HELD_FLOOR],
		    of[THRESHOLD_HELD_TIMES] *
			    shares_s(hold_us, longest_ns, 0.99));
}

double held_limit_s(const uint64_t hold_us[RECORD_HOLD_BUCKETS],
		    uint64_t longest_ns, uint64_t longest_query_ns,
		    const struct thresholds *thresholds)
{
	const double *of = thresholds->of;
	const double query_s = (double)longest_query_ns / 1e9;

	if (thresholds->held_s > 0)
		return thresholds->held_s;
	return fmax(usual_s(hold_us, longest_ns, of),
		    longest_query_ns ? query_s + of[THRESHOLD_HELD_FLOOR] : 0);
}
