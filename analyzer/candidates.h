/* SPDX-License-Identifier: MIT */
/*
 * candidates - functions that are named like a pool's
 *
 * A name alone proves nothing: most functions called get_connection hand out
 * nothing that has to be given back.  So one that acquires counts only if there
 * is one that releases with the same words but the verb; and a person decides.
 */
#ifndef ANALYZER_CANDIDATES_H
#define ANALYZER_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "analyzer/arena.h"

struct candidate {
	const char *symbol;   /* in the file's symbol table */
	const char *name;     /* as a rule may name it, not yet quoted */
	const char *readable; /* without template and parameters */
	uint64_t address;
	/* It is there only in its callers, or as a copy made for them. */
	bool gone;
	bool inlined; /* it is there, and in some callers too */
};

struct candidate_list {
	struct candidate *at;
	size_t count;
};

/* Those with one stem: at least one that acquires, and one that releases. */
struct candidate_pool {
	struct candidate_list acquires;
	struct candidate_list releases; /* the likeliest first */
	struct candidate_list makes;	/* perhaps with its capacity */
	bool says_pool; /* of connections, in two words; one alone says less */
};

struct candidate_pools {
	struct candidate_pool *at;
	size_t count;
};

/* Functions, each once, in any order; texts must live as long as `arena`. */
void candidates_find(struct candidate_pools *pools, struct arena *arena,
		     const struct candidate *functions, size_t count);

/*
 * Names the function that a symbol is of.  False for what no rule can be about:
 * other languages than C and C++.  A rule has the readable name of C++, but for
 * templates the symbol.
 */
bool candidates_name(struct candidate *function, struct arena *arena,
		     const char *symbol);

/* Whether it could be one of a pool's, without looking for its partner. */
bool candidates_may_be(struct arena *arena, const struct candidate *function);

/* Whether a file of this base name has no pool that anybody looks for. */
bool candidates_leave(const char *base);

#endif
