/* SPDX-License-Identifier: MIT */
/*
 * endless - whether those who wait for a pool may wait for ever
 */
#ifndef ANALYZER_ENDLESS_H
#define ANALYZER_ENDLESS_H

#include "analyzer/thresholds.h"
#include "analyzer/trace.h"

/*
 * Somebody waited, nobody ever gave up, and either
 *
 *	longest wait > max(endless-floor, endless-times * median of the holds)
 *
 * or threads still wait at the end, and nothing was asked or given for longer
 * than max(endless-floor, p99 of the holds).
 *
 * Pitfall: a deadline that nobody has met cannot be seen, so this says no more
 * than that none was met when it was time.  And a wait is long beside a hold:
 * where reports of a minute queue up, a wait of a minute is none.  But not
 * beside the longest ones: who waits behind reports that have all leases waits
 * as long as a report, and takes a moment himself.
 */
bool endless_is(const struct trace *t, const struct thresholds *thresholds);

#endif
