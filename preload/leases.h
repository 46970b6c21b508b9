/* SPDX-License-Identifier: MIT */
/*
 * leases - what pools hand out: who has it, since when, and what they ask
 *
 * A lease is out from the return of the acquire that handed it out until its
 * release begins.  An acquire is begun by leases_try() and ended by
 * leases_tried(), in whatever way it ends; what it took besides connecting is
 * waiting.  Tries in vain of one thread at one site, one soon after the other,
 * and the acquire that then succeeds are one wait.
 *
 * A lease is found by its handle alone: a release may know no pool.  It is
 * joined to its connection at once if the handle is one, or leads to one; else
 * when its thread uses one first.
 *
 * A child of fork() inherits no lease: to release one of its parent's is
 * nothing.
 *
 * Any thread may call these, inside a guard.  None can fail its caller: what
 * cannot be kept is counted.
 */
#ifndef PRELOAD_LEASES_H
#define PRELOAD_LEASES_H

#include <stdbool.h>
#include <stdint.h>

struct pool;
struct record_slot;
struct writer;

enum lease_end { LEASE_ACQUIRED, LEASE_NOTHING, LEASE_ERROR, LEASE_EXCEPTION };

/* Where an acquire asks. */
struct lease_pool {
	const void *object; /* NULL: the rules name none: one for each rule */
	uint32_t rule;	    /* its number in the record, or RECORD_NONE:
			       the program tells us itself */
	const char
		*function; /* that acquires: names the pool; lives for ever */
	bool built_in;	   /* the rule is: the pool needs proof */
	bool knows_only;   /* of a release: what is not out is none */
};

/* An acquire that is under way.  The caller keeps it until it has ended. */
struct lease_try {
	struct lease_try *outer; /* that this thread is in already */
	struct pool *pool;	 /* NULL: it could not be kept */
	unsigned generation;	 /* of the process that began it */
	uint64_t began_ns, connect_ns;
};

/* What the words of a handle are kept as; `second` only if it is a pair. */
uint64_t lease_key(uint64_t first, uint64_t second, bool pair);

/* An acquire begins ... */
void leases_try(struct lease_try *try, const struct lease_pool *pool);
/* ... and has ended; `handle` is a lease_key(), `caller` is stack_capture()'s.
 */
void leases_tried(struct lease_try *try, enum lease_end end, uint64_t handle,
		  const char *function, const void *caller);
void leases_releasing(const struct lease_pool *pool, uint64_t handle,
		      const char *function, const void *caller);
/* So many it can have out at most. */
void leases_capacity(const struct lease_pool *pool, uint64_t n);

/*
 * Around each call that a rule names, whatever it is; need no guard.  What the
 * pool itself does with its connections in there is no use of a lease.
 */
void leases_enter(void);
void leases_leave(void);
bool leases_inside(void);

/*
 * A query begins on a connection.  To be called if leases_wanted(), which
 * needs no guard: this thread has a lease whose connection is not known; or if
 * the connection has a lease (`partner`), and was used by another thread last:
 * that lease has a new owner.
 */
bool leases_wanted(void);
void leases_used(const void *conn);

/*
 * A connect of the program returned with this, known to the tracker: if an
 * acquire is under way, that is the pool's, and no waiting.
 */
void leases_connected(const void *conn, uint64_t took_ns);
/* The thread's last connect failed, and libpq says this of it. */
void leases_refused(const char *message);

/* This thread ends: what it owns is lost, unless another thread uses it. */
void leases_thread_ends(void);

/* The program says that it keeps it until its end. */
void leases_by_design(uint64_t handle);

/*
 * For the tracker, under its lock: before a connection's slot is free, and in a
 * new process.
 */
void leases_finishing(struct writer *record, struct record_slot *connection);
void leases_forget(void);

/* For tests: are the invariants in leases.c kept? */
bool leases_check(void);

#endif
