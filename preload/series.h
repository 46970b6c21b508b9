/* SPDX-License-Identifier: MIT */
/*
 * series - what a pool did, in a bounded number of buckets of time
 *
 * The buckets lie in the record; the last is the one that is now.  When there
 * is no next one, two and two become one, and what there is room for doubles.
 *
 * Under recording_lock().
 */
#ifndef PRELOAD_SERIES_H
#define PRELOAD_SERIES_H

#include "record/format.h"

/* Before the first event. */
void series_begin(struct record_pool *pool, uint64_t now);

/*
 * Before anything of the pool changes: accounts for the time since the last
 * change.  Returns the bucket of now.
 */
struct record_bucket *series_now(struct record_pool *pool,
				 struct record_bucket *buckets, uint64_t now);

/* After `used` or `waiting` has changed. */
void series_level(const struct record_pool *pool, struct record_bucket *bucket);

/*
 * A try that ended in vain at `since` goes on with one that began at `until`:
 * between them its thread waited as well, and that one is no other attempt.
 */
void series_goes_on(struct record_pool *pool, struct record_bucket *buckets,
		    uint64_t since, uint64_t until);

#endif
