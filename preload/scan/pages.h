/* SPDX-License-Identifier: MIT */
/*
 * pages - the pages of a region that were ever touched
 *
 * A process may have reserved far more memory than there is.  To read a page
 * that was never touched would cost memory, and one that was swapped out would
 * cost time; the first hold nothing, and of the others that is not known.  Of
 * what is shared with others, or is a file, the two cannot be told apart.
 */
#ifndef PRELOAD_SCAN_PAGES_H
#define PRELOAD_SCAN_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/scan/regions.h"

struct pages {
	const struct region *region;
	uintptr_t next;
	int pagemap;	   /* -1: all pages are taken for touched */
	bool *ret_swapped; /* set when pages were left out for that */
	uintptr_t known;   /* the first page of `entries` */
	unsigned count;
	uint64_t entries[8192];
	bool is_file; /* or shared: mincore() is asked instead */
	unsigned char resident[8192];
};

/* `pagemap` is /proc/self/pagemap, or -1. */
void pages_begin(struct pages *p, const struct region *region, int pagemap,
		 bool *ret_swapped);
/* As the kernel has it; what was but read is nobody's own. */
#define PAGES_ANY ((uint64_t)1 << 63)
#define PAGES_OWN ((uint64_t)1 << 56)

/* Whether any page between the two was ever touched. */
bool pages_are_touched(int pagemap, uintptr_t start, uintptr_t end,
		       uint64_t how);

/* The next piece, of at most 1 MiB; false at the end. */
bool pages_next(struct pages *p, uintptr_t *ret_start, uintptr_t *ret_end);

#endif
