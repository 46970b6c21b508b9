/* SPDX-License-Identifier: MIT */
/*
 * rule_lines - rules as a file of them has it
 *
 * What is said to a person is a comment.
 */
#ifndef ANALYZER_RULE_LINES_H
#define ANALYZER_RULE_LINES_H

#include <stdio.h>
#include "analyzer/scanned.h"

struct rule_lines {
	struct arena *arena;
	FILE *out;
	const char *folder; /* the current one; "" if unknown */
	size_t pools;	    /* that were written */
	size_t gone;	    /* pools that no rule can reach */

	/* Of the file that is being looked at: */
	struct scanned *file;
	const char *suffix;   /* @LIBRARY, or "" */
	const char **written; /* lines: two static functions have one name */
	size_t written_count;
	const char *left_out; /* functions that do not fit; "" if none */
};

/* Rules of one verb for one pool: each function, and its places. */
struct rules {
	const char *verb;
	struct {
		const struct candidate *function;
		const char *places;
	} * at;
	size_t count;
};

/* An empty line, but at the beginning. */
void rule_lines_divide(const struct rule_lines *l);

/* As long as it needs, each line behind a #. */
void rule_lines_comment(const struct rule_lines *l, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void rule_lines_add(struct rule_lines *l, struct rules *rules,
		    const struct candidate *function, const char *places);

/*
 * A function goes by its readable name, unless that means others that have
 * other places, or none.
 */
void rule_lines_write(struct rule_lines *l, const struct rules *rules);

#endif
