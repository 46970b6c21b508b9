/* SPDX-License-Identifier: MIT */
/*
 * user_rules - the pool rules that the user gave: CONNLEAK_HOOK, CONNLEAK_HOOKS
 *
 * They are read once, in the constructor, and stay until the process ends; the
 * file is closed again.  The launcher has read the same lines before and
 * refused what is wrong with them; without a launcher they are kept with the
 * reason, for the record.
 */
#ifndef PRELOAD_USER_RULES_H
#define PRELOAD_USER_RULES_H

#include <stddef.h>

#include "record/rules.h"

struct user_rule {
	struct rule rule; /* its `line` is always there */
	/* Why it does not hold, as a clause that lives for ever; or NULL. */
	const char *why;
};

/*
 * Rules in a variable, and the file of more of them; "" for none.  A file that
 * cannot be read is kept like a rule, its name for the line.
 */
void user_rules_read(const char *hook, const char *file);

/* In the order in which they were given. */
const struct user_rule *user_rules(size_t *ret_count);

#endif
