/* SPDX-License-Identifier: MIT */
/*
 * around - what is done before and after a function that a pool's rule names
 *
 * Before it an acquire begins, and a release is told; after it an acquire ends:
 * with what its rule says is the handle, or in vain.  Of the calls of a thread
 * that are inside of one another only the outermost counts, unless a rule says
 * nested=count.
 *
 * A call that is left by an exception, or by the end of its thread, has ended
 * then.  One that a longjmp has left is found to have ended when the next one
 * begins at or above its frame.  What looks so and then returns nevertheless,
 * on a stack of its own that the program had switched away from, is told anew.
 *
 * around_fast.c decides whether a call matters, in general registers alone;
 * around.c does the rest, in ordinary C.
 */
#ifndef PRELOAD_AROUND_H
#define PRELOAD_AROUND_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/leases.h"
#include "preload/stubs_x86_64.h"
#include "record/rules.h"

struct around_rule {
	const struct rule *rule; /* NULL: none; lives for ever, as all of it */
	const char *function;	 /* as the rule names it */
	uint32_t number;	 /* in the record */
	bool built_in;
};

/* One function: a rule of each verb. */
struct around {
	struct around_rule by_verb[RULE_CAPACITY + 1];
	bool empty;	    /* there is none */
	bool counts_nested; /* one of them says so */
};

/* For a stub whose `data` is a struct around. */
extern const struct stub_around around_calls
	__attribute__((visibility("hidden")));

/*
 * Another call of the program, with this frame address: ends what a longjmp has
 * left of this thread's.  Outside a guard.
 */
void around_notice_left(const void *frame);

/* --- between around_fast.c and around.c ----------------------------------- */

#define AROUND_DEEPEST 8 /* calls inside one another that count */

/* A call of this thread. */
struct around_call {
	const char *frame;
	uint64_t serial;      /* the `state` of its frame */
	const char *function; /* that acquires; or NULL */
	const void *caller;
	struct lease_try attempt;
};

/* Those that it is in, outermost first: each is below the one before it. */
struct around_thread {
	struct around_call call[AROUND_DEEPEST];
	unsigned count;
	uint64_t serial;
};

struct around_thread *around_thread(void);

/* Called with all registers kept; `data` is the frame. */
uint64_t around_enters(void *data);
uint64_t around_leaves(void *data);

void around_is_left(struct stub_frame *frame);

#endif
