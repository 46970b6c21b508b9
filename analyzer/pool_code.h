/* SPDX-License-Identifier: MIT */
/*
 * pool_code - which functions and libraries belong to pools, not to the user
 *
 * A rule says that a function is a pool's: whoever calls it is of interest, not
 * what it calls.  Nor is the rest of its library, unless that is the program
 * itself.
 */
#ifndef ANALYZER_POOL_CODE_H
#define ANALYZER_POOL_CODE_H

#include <stdbool.h>
#include "analyzer/evidence.h"
#include "analyzer/report.h"

struct pool_code {
	struct pool_function {
		const char *name;   /* readable, without parameters */
		const char *module; /* that it lies in */
	} * functions;
	size_t function_count;
	const char **libraries;
	size_t library_count;
};

/* Of all rules that matched anything in any process. */
void pool_code_find(struct pool_code *code, struct arena *arena,
		    const struct evidence *e);

bool pool_code_has(const struct pool_code *code,
		   const struct report_frame *frame);

/*
 * Whether it is the function that was called, `called`, itself: a pool that
 * tells us what it hands out does so inside of its own function.
 */
bool pool_code_is_called(const struct report_frame *frame, const char *called);

#endif
