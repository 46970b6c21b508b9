/* SPDX-License-Identifier: MIT */
#include "analyzer/endless.h"

static bool is_above(uint64_t ns, double floor_s, double holds_ns)
{
	return (double)ns > floor_s * 1e9 && (double)ns > holds_ns;
}

bool endless_is(const struct trace *t, const struct thresholds *thresholds)
{
	const double floor_s = thresholds->of[THRESHOLD_ENDLESS_FLOOR];
	const double times = thresholds->of[THRESHOLD_ENDLESS_TIMES];
	const double median_ns = (double)trace_median_ns(t);
	const double hold_ns = (double)trace_hold_ns(t, 0.99);

	if (t->connections || trace_failures(t))
		return false;
	return is_above(t->longest_wait_ns, floor_s, times * median_ns) ||
	       (t->waiting && is_above(t->still_ns, floor_s, hold_ns));
}
