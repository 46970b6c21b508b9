/* SPDX-License-Identifier: MIT */
/*
 * pool_rules - the user's pool rules, read before anything runs
 *
 * The shim reads them again, in the program, where nobody could be told what
 * is wrong with them, and where their file may be gone, or out of reach for a
 * process with other rights or another root: it is given the rules themselves.
 */
#ifndef ANALYZER_POOL_RULES_H
#define ANALYZER_POOL_RULES_H

#include <stddef.h>
#include "analyzer/arena.h"
#include "analyzer/options.h"

struct pool_rules {
	const char *text;    /* all of them, for CONNLEAK_HOOK; NULL: none */
	const char *warning; /* a line; NULL if nothing is odd */
};

/*
 * `shim` is the library whose functions no rule may name; NULL: not known.
 * Returns 0, or a negative errno and one line: which rule, and what to write.
 */
int pool_rules_read(struct pool_rules *rules, const struct options *options,
		    const char *shim, struct arena *arena,
		    const char **ret_error) __attribute__((warn_unused_result));

#endif
