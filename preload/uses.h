/* SPDX-License-Identifier: MIT */
/*
 * uses - when a connection was last used, and whether it is in use now
 *
 * A query on a local socket takes some 40 microseconds, and this is asked at
 * every one, so it takes no lock and makes no system call: an index finds the
 * slot by the handle.  In the slot `calls` is raised while a call is under way,
 * and `used_by` is the thread; when it ends, the other fields say when that
 * was, and what it came to.
 *
 * A connection is in a query from the call that begins one until one after
 * which libpq says that nothing is under way, and else it rests.  What a lease
 * spends so is summed up in the slot of its connection.
 *
 * The index is filled under recording_lock(), and read by any thread, also in
 * a signal handler or in a child of fork().
 */
#ifndef PRELOAD_USES_H
#define PRELOAD_USES_H

#include <stdbool.h>
#include "preload/outcome.h"
#include "record/format.h"

/* One call that is under way.  Each thread has several: it is kept small. */
struct use {
	struct record_slot *slot; /* NULL: none */
	const _Atomic(uint64_t) *acquired;
	uint32_t since; /* who was in the slot: low bits of its acquired_ns */
	unsigned generation;
};

/* What the queries of a lease took, and its rests in a transaction. */
struct spent {
	uint64_t query_ns, transaction_ns, longest_query_ns;
};

/*
 * Under the lock; `key` is record_handle() of the handle.  `acquired` counts
 * what the site has acquired; NULL if it is not known.
 */
void uses_add(uint64_t key, struct record_slot *slot,
	      const _Atomic(uint64_t) *acquired);
void uses_remove(uint64_t key);
/* In another process than before. */
void uses_forget(void);

/* What is to be done under the lock, now that a use begins. */
enum use_work {
	USE_NOTHING,
	USE_INDEX, /* it may be out and is not in the index: add it once more */
	USE_LEASE, /* its lease was another thread's, or this one released it;
		      or this one has a lease of an unknown connection */
};

enum use_work uses_begin(struct use *use, const void *handle);
/* With a query, unless one is under way; `outcome` has to say so too. */
void uses_query(const struct use *use);
/* The connection has a lease since, or another one: whose use it is. */
void uses_follow(struct use *use, const void *handle);
/* What it has come to so far. */
void uses_tell(const struct use *use, const struct outcome *outcome);
/* `outcome` is NULL if the call was left by a jump. */
void uses_end(const struct use *use, const struct outcome *outcome);

/*
 * Under the lock: nothing is spent yet in the slot of a new handle; nor from
 * now on, in that of a connection that gets a lease.
 */
void uses_spent_none(struct record_slot *slot);
void uses_spent_anew(struct record_slot *connection);
/* What was spent since; in what is still under way too. */
struct spent uses_spent(const struct record_slot *connection);

#endif
