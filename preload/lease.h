/* SPDX-License-Identifier: MIT */
/*
 * lease - one that is out, in the shim's memory
 *
 * Under recording_lock().
 */
#ifndef PRELOAD_LEASE_H
#define PRELOAD_LEASE_H

#include "preload/pools.h"

struct owner;

/*
 * Its slot serves one lease after another.  In a child of fork() all but
 * `handle` and `generation` is the parent's and out of reach.
 */
struct lease {
	uint64_t handle;
	struct record_slot *slot;
	uint32_t number; /* of the slot */
	unsigned generation;
	struct pool *pool;
	struct owner *owner;	     /* NULL: that thread has ended */
	struct lease *next, **place; /* among the owner's, newest first */
	bool wants;		     /* its connection is not known */
	UT_hash_handle hh;
};

#endif
