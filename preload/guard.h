/* SPDX-License-Identifier: MIT */
/*
 * guard - the program must not notice that the shim was at work
 *
 * All work of the shim inside a call of the program stands between these two.
 * They keep errno; they keep signal handlers out, since one that connects
 * would meet our lock in its own thread, and one that jumps out of us would
 * leave it locked for ever; and they keep thread cancellation out, since open
 * and write are cancellation points.  The program's own libpq call is never
 * made inside: there everything is as without us.
 *
 * SIGSYS stays as it is.  A sandbox may have system calls made by a handler for
 * it, and the kernel ends a program that is sent one by a trap and blocks it.
 *
 * What the shim calls in between may be another preload's, which may call the
 * shim: a hook that finds itself inside passes its call on, since this thread
 * may have our locks.
 */
#ifndef PRELOAD_GUARD_H
#define PRELOAD_GUARD_H

#include <stdbool.h>
#include <stdint.h>

struct guard {
	uint64_t signals; /* the kernel's mask: glibc hides two of them */
	int cancel_state;
	int error;
};

void guard_enter(struct guard *g);
void guard_leave(const struct guard *g);

/* How deep this thread is inside. */
extern _Thread_local unsigned guard_depth __attribute__((visibility("hidden")));

static inline bool guard_is_inside(void)
{
	return guard_depth;
}

#endif
