/* SPDX-License-Identifier: MIT */
#include "analyzer/shares.h"

#include <math.h>

double shares_s(const uint64_t us[RECORD_HOLD_BUCKETS], uint64_t longest_ns,
		double share)
{
	const double longest = (double)longest_ns / 1e9;
	uint64_t total = 0, below = 0;
	double bound = 1e-6;

	for (unsigned i = 0; i < RECORD_HOLD_BUCKETS; i++)
		total += us[i];
	if (!total)
		return NAN;
	for (unsigned i = 0; i < RECORD_HOLD_BUCKETS; i++, bound *= 2) {
		below += us[i];
		if ((double)below >= share * (double)total)
			break;
	}
	return bound < longest ? bound : longest;
}
