/* SPDX-License-Identifier: MIT */
/*
 * spans - which of many ranges, nested or overlapping, holds a number
 *
 * Ranges are listed first and then cut, once, into cells that do not overlap;
 * after that a search is binary.  Where several ranges hold a number, the one
 * listed last is found: list the outer before the inner.
 */
#ifndef ANALYZER_SPANS_H
#define ANALYZER_SPANS_H

#include <stddef.h>
#include <stdint.h>

#define SPANS_NONE UINT32_MAX

struct arena;

struct span {
	uint64_t low, high; /* [low, high) */
	uint32_t value;
};

/* Zeroed is empty. */
struct span_list {
	struct span *at;
	size_t count;
};

/* Cell i is [starts[i], starts[i + 1]).  Zeroed finds nothing. */
struct spans {
	uint64_t *starts;
	uint32_t *values;
	size_t count;
};

/* An empty range is left out. */
void span_list_add(struct span_list *list, struct arena *arena, uint64_t low,
		   uint64_t high, uint32_t value);

void spans_build(struct spans *spans, struct arena *arena,
		 const struct span_list *list);

/*
 * The value of the range that holds `number`, or SPANS_NONE.  `ret_low`, if
 * not NULL, is where the part of the range around `number` begins.
 */
uint32_t spans_find(const struct spans *spans, uint64_t number,
		    uint64_t *ret_low);

#endif
