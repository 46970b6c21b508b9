/* SPDX-License-Identifier: MIT */
#include "analyzer/held.h"

#include "analyzer/shares.h"

double held_limit_s(const uint64_t hold_us[RECORD_HOLD_BUCKETS],
		    uint64_t longest_ns, const struct thresholds *thresholds)
{
	const double *of = thresholds->of;
	uint64_t ended = 0;
	double usual_s;

	if (thresholds->held_s > 0)
		return thresholds->held_s;
	for (size_t i = 0; i < RECORD_HOLD_BUCKETS; i++)
		ended += hold_us[i];
	if ((double)ended < of[THRESHOLD_HELD_LEAST] || !ended)
		return of[THRESHOLD_HELD_UNLEARNT];
	usual_s =
		of[THRESHOLD_HELD_TIMES] * shares_s(hold_us, longest_ns, 0.99);
	return usual_s > of[THRESHOLD_HELD_FLOOR] ? usual_s
						  : of[THRESHOLD_HELD_FLOOR];
}
