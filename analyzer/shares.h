/* SPDX-License-Identifier: MIT */
/* shares - how long most of what is counted by its duration took */
#ifndef ANALYZER_SHARES_H
#define ANALYZER_SHARES_H

#include <stdint.h>
#include "record/format.h"

/*
 * How long `share` (0.5, 0.99) of them took at most, in seconds; NAN if there
 * are none.  Those of 2^(n-1) to 2^n microseconds are counted in us[n].
 */
double shares_s(const uint64_t us[RECORD_HOLD_BUCKETS], uint64_t longest_ns,
		double share);

#endif
