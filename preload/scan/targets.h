/* SPDX-License-Identifier: MIT */
/*
 * targets - the handles that are searched for, and what has been found of each
 *
 * A word is a handle if it points to it or into it, whatever its upper 16 bits
 * are; or if it is the handle as CPython stores an integer.
 */
#ifndef PRELOAD_SCAN_TARGETS_H
#define PRELOAD_SCAN_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/scan/heaps.h"
#include "record/format.h"

#define POINTER_BITS (~(uintptr_t)0 >> 16) /* of a word with a tag on top */

struct target {
	uintptr_t handle;
	size_t size;	  /* of what it points to, but for its last word: malloc
			   * points there, to the chunk that follows */
	uintptr_t digits; /* as CPython stores it; set by the search */
	enum record_answer answer;
	enum record_holder holder;
	uint32_t owner;
	uintptr_t where;	     /* the root's word */
	size_t block_size, block_at; /* the last block on the way; or 0 */
	bool in_doubt;		     /* more has it than could be noted */
};

struct targets {
	struct target *list; /* in the order of their handles */
	size_t count;
	size_t pending;			   /* without a certain root */
	uintptr_t low, span;		   /* of all handles' memory */
	uintptr_t digits_low, digits_span; /* of them as CPython's */
};

/* Where the program begins to reach what it has. */
struct root {
	enum record_holder holder;
	uint32_t owner;	 /* of the world's modules or threads */
	uintptr_t where; /* its word; 0 if it has no address */
	bool maybe;	 /* it is in memory that nobody understands */
};

/* There is at least one. */
void targets_begin(struct targets *t, struct target *list, size_t count);

/* Whether a word may be a handle: few are, and this is asked of all memory. */
static inline bool targets_may_have(const struct targets *t, uintptr_t value)
{
	return (value & POINTER_BITS) - t->low < t->span ||
	       value - t->digits_low < t->digits_span;
}

/* The one that a word is, or NULL. */
struct target *targets_of(const struct targets *t, uintptr_t value);

/*
 * A root has led to it: by the word at `at` in a block, or, where that is NULL,
 * by its own.
 */
void targets_found(struct targets *t, struct target *target,
		   const struct root *root, const struct block *block,
		   uintptr_t at);

#endif
