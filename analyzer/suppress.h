/* SPDX-License-Identifier: MIT */
/*
 * suppress - known leaks that are by design, from a file
 *
 * One form, as LeakSanitizer has it, so that its files serve here too:
 *
 *	# the shell keeps one connection for all its commands
 *	leak:open_shell_session
 *	leak:^lib*cache.so$
 *
 * A pattern is looked for in the function, the file and the module of every
 * frame of the stack that acquired.  It may match any part of them; * stands
 * for anything, ^ at its beginning and $ at its end for those of the name.
 */
#ifndef ANALYZER_SUPPRESS_H
#define ANALYZER_SUPPRESS_H

#include <stdbool.h>
#include <stdint.h>
#include "analyzer/arena.h"
#include "analyzer/report.h"

struct suppression {
	const char *pattern;
	unsigned line;
	uint64_t handles; /* that it has suppressed */
};

struct suppress {
	const char *path; /* NULL: there is no file */
	struct suppression *list;
	size_t count;
};

/*
 * Returns 0, or a negative errno with one line in *ret_error: the file cannot
 * be read, or has a line that is none of these, which is named.
 */
int suppress_read(struct suppress *s, const char *path, struct arena *arena,
		  const char **ret_error) __attribute__((warn_unused_result));

/* The first that matches, or NULL. */
struct suppression *suppress_find(const struct suppress *s,
				  const struct report_stack *stack);

bool suppress_matches(const char *pattern, const char *text);

#endif
