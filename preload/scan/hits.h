/* SPDX-License-Identifier: MIT */
/*
 * hits - words that are handles, in memory that is no root by itself
 *
 * They are noted as they are met, then sorted: who reaches a block asks which
 * of them lie in it.
 */
#ifndef PRELOAD_SCAN_HITS_H
#define PRELOAD_SCAN_HITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/scan/targets.h"
#include "preload/scan/workspace.h"

struct hit {
	uintptr_t where;
	struct target *target;
};

struct hits {
	struct hit *list;
	size_t count;
	bool overflow; /* there were more than there is room for */
};

/* False: no room. */
bool hits_begin(struct hits *h, struct workspace *w);

/* Without room for it the target is in doubt. */
void hits_note(struct hits *h, struct target *target, uintptr_t where);

/* By where they are. */
void hits_sort(struct hits *h);

/* Once sorted: the number of the first at an address or above it. */
size_t hits_first(const struct hits *h, uintptr_t address);

#endif
