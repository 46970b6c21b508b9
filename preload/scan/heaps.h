/* SPDX-License-Identifier: MIT */
/*
 * heaps - which blocks of glibc's malloc are in use
 *
 * What malloc has been given back still has the words that it had; a handle
 * that only such a block points to is lost.  So the search needs to know each
 * block's bounds and whether it is in use, and learns both by walking over the
 * chunks as malloc itself would: from the first of a heap to its last, through
 * the lists of what is free, and through each thread's own cache of free ones.
 *
 * All of this is glibc's own affair and may change with it.  Every fact is
 * checked against the memory at hand, and a heap in which one does not hold is
 * REGION_UNKNOWN: memory that nobody understands.
 */
#ifndef PRELOAD_SCAN_HEAPS_H
#define PRELOAD_SCAN_HEAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/scan/regions.h"
#include "preload/scan/workspace.h"

/* Chunks in a row.  A bit of a map stands for 16 bytes from `start` on. */
struct heap {
	uintptr_t start, end;
	uintptr_t state;  /* of the arena that begins with it; or 0 */
	uint64_t *begins; /* a chunk begins here ... */
	uint64_t *free;	  /* ... and is not in use */
	uint64_t *marked; /* ... and was reached (search.h) */
	uint64_t *holds;  /* ... and has a word that is a handle */
};

/* In use, or a mapping of its own; what the program was given of it. */
struct block {
	uintptr_t start, end;
	uint64_t *marked, *holds; /* its heap's maps, and where in them */
	size_t bit;
};

struct heaps {
	struct heap *list; /* in the order of their addresses */
	size_t count;
	uintptr_t low, high; /* all of them lie between, and all others */
	/* The same maps for blocks with mappings of their own, by region. */
	uint64_t *mapped_marked, *mapped_holds;
};

/*
 * Finds them in the regions that are REGION_HEAP or REGION_UNKNOWN, divides
 * those, and leaves REGION_UNKNOWN what it could not understand.  False where
 * there was no room, or no time: `deadline_ns` is by clock.h.
 */
bool heaps_find(struct heaps *h, struct regions *r, const struct world *world,
		struct workspace *w, uint64_t deadline_ns);

/* The block in use that an address lies in. */
bool heaps_block(const struct heaps *h, uintptr_t address, struct block *out);

static inline bool heaps_bit(const uint64_t *map, size_t bit)
{
	return map[bit / 64] >> (bit % 64) & 1;
}

static inline void heaps_set(uint64_t *map, size_t bit)
{
	map[bit / 64] |= (uint64_t)1 << (bit % 64);
}

#endif
