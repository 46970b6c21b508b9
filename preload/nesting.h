/* SPDX-License-Identifier: MIT */
/*
 * nesting - leases of threads that ask for another one
 *
 * A lease *asks* while its thread asks the same pool for one more, and after
 * that was in vain: until the thread is given one, or releases one.  Where all
 * that a pool has ask, nobody will ever be given any: so the most that asked at
 * one moment are kept.
 *
 * A lease whose thread comes back to the place that acquired it was *passed*:
 * more likely left behind than held on purpose.  It does not ask, and is none
 * of those that a thread needs at once (`most_needed`).
 *
 * Under recording_lock().
 */
#ifndef PRELOAD_NESTING_H
#define PRELOAD_NESTING_H

#include "preload/lease.h"

/* The thread, which has some of the pool, asks for one more ... */
void nesting_asks(struct pool *pool, int32_t tid);
/*
 * ... at this site, as is known now, and is given one or not.  Comes before the
 * new lease is the thread's.  Returns how many it has that were not passed.
 */
uint32_t nesting_asked(struct pool *pool, int32_t tid, uint32_t site,
		       bool given);

/*
 * The lease leaves its thread, which is content then: its `used_by` until now;
 * and comes to another one, which is that from now on, and content too.
 */
void nesting_leaves(struct lease *lease);
void nesting_comes(const struct lease *lease);

#endif
