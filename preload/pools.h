/* SPDX-License-Identifier: MIT */
/*
 * pools - what leases come from, with its sums, peaks and series in the record
 *
 * The first one in the record is all connections of the process.
 *
 * Under recording_lock().
 */
#ifndef PRELOAD_POOLS_H
#define PRELOAD_POOLS_H

#include <stdbool.h>

#include "preload/hash.h"
#include "preload/joins.h"
#include "preload/leases.h"
#include "record/writer.h"

struct pool {
	uint64_t key;
	uint64_t capacity;
	uint32_t number; /* in the record; RECORD_NONE: nobody has asked it */
	struct record_pool *stored;
	struct record_bucket *buckets; /* NULL: it has no series */
	struct join_path path;
	bool is_exhausted; /* that was recorded */
	uint32_t asking;   /* of its leases; nesting.h */
	UT_hash_handle hh;
};

/* NULL: it could not be kept. */
struct pool *pools_find_or_add(struct writer *record,
			       const struct lease_pool *which);
/* NULL: nobody has asked it yet, or the rule does not say which. */
struct pool *pools_find(const struct lease_pool *which);

/* What happens to it, in the order in which it can.  Returns when that was. */
uint64_t pools_attempted(struct writer *record, struct pool *pool);
void pools_acquired(struct writer *record, struct pool *pool);
void pools_failed(struct writer *record, struct pool *pool,
		  enum record_pool_sum how);
void pools_released(struct writer *record, struct pool *pool);

/* The attempt that is over took so long, besides `connect_ns`. */
void pools_waited(struct pool *pool, uint64_t ns, uint64_t connect_ns);
/*
 * It was in vain, and goes on with another one: what it took is counted with
 * that (sites_wait_goes_on()).  But in how long acquires take it stays one of
 * its own, of `own_ns`: else a pool that turns most away looked fast.
 */
void pools_wait_goes_on(struct pool *pool, uint64_t ns, uint64_t own_ns,
			uint64_t connect_ns);
/* Its thread did not ask in between, and waited all the same. */
void pools_waited_between(struct pool *pool, uint64_t since, uint64_t until);

/* There is no doubt any more that its leases are connections to PostgreSQL. */
void pools_prove(struct writer *record, struct pool *pool);

void pools_capacity(const struct lease_pool *which, uint64_t n);

/* A connection has changed its state; its slot has the new one. */
void pools_connection(struct writer *record, const struct record_slot *slot,
		      enum record_slot_state from);
/* Where this thread's connect was begun, if it was the last one that failed. */
uint32_t pools_failed_site(void);
/* That of all connections; NULL if it could not be kept. */
struct pool *pools_connections(struct writer *record);

/* In a new process. */
void pools_forget(void);

#endif
