/* SPDX-License-Identifier: MIT */
/*
 * state - a search at work: what its steps share
 *
 *	search.c     begins, and concludes from what was found
 *	looking.c    first: which words are handles
 *	following.c  then: which roots lead to the blocks that have such words
 *	doubts.c     and what of the memory could not be looked at
 *
 * It lies in the workspace of the search, so no search finds its own notes.
 */
#ifndef PRELOAD_SCAN_STATE_H
#define PRELOAD_SCAN_STATE_H

#include <string.h>

#include "preload/scan/hits.h"
#include "preload/scan/search.h"

struct span {
	uintptr_t start, end;
};

struct state {
	struct search *s;
	struct regions regions;
	struct heaps heaps;
	struct targets targets;
	struct hits hits;
	struct root root;   /* the one that is being followed */
	struct span *to_do; /* blocks that were reached and not read yet */
	size_t to_do_count;
	unsigned until_check;
	int pagemap;
	bool unaligned; /* words are looked for at every byte */
	bool late, swapped, wiped, overflow;
};

/* Whether there is no more time. */
bool state_expired(struct state *now);

static inline uintptr_t state_word(uintptr_t address)
{
	uintptr_t value;

	memcpy(&value, (const void *)address, sizeof(value));
	return value;
}

/* Kinds of region that the program can reach by itself. */
bool state_is_root(enum region_kind kind);

/* The word at `where` in that region is the root from now on. */
void state_set_root(struct state *now, const struct region *region,
		    uintptr_t where);

/*
 * Calls `look` for all that was touched of the regions that are wanted, while
 * there is time and a target that is pending.
 */
typedef void state_look(struct state *now, const struct region *region,
			uintptr_t start, uintptr_t end);
void state_each_piece(struct state *now, bool (*wanted)(enum region_kind),
		      state_look *look);

/*
 * The roots that have no address: what registers hold and what the kernel was
 * told, each set as the root before its value is seen.
 */
void state_each_value(struct state *now,
		      void (*see)(struct state *now, uintptr_t value));

#endif
