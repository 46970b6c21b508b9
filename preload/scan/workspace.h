/* SPDX-License-Identifier: MIT */
/*
 * workspace - the memory of one search, in one piece
 *
 * Mapped before the search begins and given back as a whole after it.  The
 * search must not find its own notes, so it leaves this range out; pages that
 * nobody may touch on both sides keep the kernel from making one mapping of it
 * and of the program's memory.
 */
#ifndef PRELOAD_SCAN_WORKSPACE_H
#define PRELOAD_SCAN_WORKSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct workspace {
	uintptr_t start, end; /* of the mapping, with its guards */
	char *next, *limit;
};

/* Room for `size` bytes, of which only what is used costs memory. */
bool workspace_map(struct workspace *w, size_t size);
void workspace_unmap(struct workspace *w);

/* Zeroed, aligned to 64 bytes; NULL when there is no more room. */
void *workspace_take(struct workspace *w, size_t size);
/* The same for `count` elements. */
#define workspace_array(w, type, count) \
	((type *)workspace_take(w, (size_t)(count) * sizeof(type)))

#endif
