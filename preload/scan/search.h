/* SPDX-License-Identifier: MIT */
/*
 * search - is there still a pointer to a handle?
 *
 * All memory that the program can reach is looked at, from the roots on: what
 * modules can write to, the stacks and registers of living threads, their
 * thread-local storage; then what nobody understands, which may be a root too;
 * and every block of the heap that any of these leads to.  A handle that none
 * of it has as a word is lost.
 *
 * What makes a word a handle is in targets.h; it may begin at any byte.
 *
 * `lost` is said only when every step was complete.  So this runs on memory
 * that stands still: in a process that shares it and that nobody else runs in,
 * or in a copy.
 */
#ifndef PRELOAD_SCAN_SEARCH_H
#define PRELOAD_SCAN_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/scan/regions.h"
#include "preload/scan/targets.h"
#include "preload/scan/workspace.h"

/* What the kernel was told, and may tell the program again. */
struct search_words {
	const uintptr_t *list;
	size_t count;
};

struct search {
	const struct world *world;
	struct workspace *workspace;
	struct target *targets; /* in the order of their handles */
	size_t target_count;
	struct search_words kernel;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC */
	bool may_be_lost;     /* false: something could not be looked at */
	bool doubt;	      /* set by the search: nor could something else */
	uint64_t bytes;	      /* looked at */
};

/*
 * Fills in the answers.  False if it was cut short: those that are not
 * ANSWER_NONE hold all the same.
 */
bool search_run(struct search *s);

#endif
