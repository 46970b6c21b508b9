/* SPDX-License-Identifier: MIT */
/*
 * threads - the stack pointers and registers of all threads
 *
 * A handle may be in nothing but a register of a thread that waits.  Each
 * thread is asked for its own by a realtime signal that nobody uses; a system
 * call that waits is begun again by us where the kernel would not, with all of
 * its time, so this is for a process that is about to end.  A thread that does
 * not answer is looked up in /proc, which has some of its registers if it
 * waits, and none if it runs.
 */
#ifndef PRELOAD_SCAN_THREADS_H
#define PRELOAD_SCAN_THREADS_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/scan/regions.h"
#include "preload/scan/workspace.h"

/*
 * Fills in the world's threads, the one that calls first; it has nothing that
 * lies below `sp`.  False if they could not be listed.  Those that answered
 * until then are held, and wait to be let go: until they are, no lock may be
 * taken that one of them may have.
 */
bool threads_gather(struct world *world, struct workspace *w, uintptr_t sp,
		    uint64_t until_ns, bool *ret_all_known);

/* False if one that had answered may have gone on before the copy was made. */
bool threads_are_held(void);
/*
 * When the search is over: while it runs, no other thread is to end the process
 * that this one has begun to end.
 */
void threads_let_go(void);
/* Whether no answer can come any more, that would be written to the world. */
bool threads_are_gone(void);

/* Whether there are the same ones still; for the copy of a process too. */
bool threads_are_the_same(const struct world *world);

#endif
