/* SPDX-License-Identifier: MIT */
/*
 * known_rules - the rules that hold in this process, and what came of them
 *
 * An outcome is a rule and an object that has its function.  A user's rule has
 * one from the beginning, without an object; one of the built-in rules only
 * where a function was found.  Outcomes are numbered as they come, and written
 * into the record in this order: their number is the one of its rule there.
 * That a rule has matched makes no record; they are written when there is one.
 *
 * What is known is kept for the life of the process.
 */
#ifndef PRELOAD_KNOWN_RULES_H
#define PRELOAD_KNOWN_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/rules.h"

struct known_rule {
	struct rule rule;
	const char *text;     /* the line */
	const char *function; /* as the rule names it */
	const char *why;      /* it does not hold; or NULL */
	bool built_in;
	/* Of known_rules.c: */
	uint32_t reserved; /* a user's: the number of its first outcome */
	bool matched;	   /* that has an object */
	/* Of matches.c: the next one that means the same object. */
	struct known_rule *next;
};

struct outcome {
	const struct known_rule *rule;
	bool expected;	    /* and not known yet */
	const char *module; /* path of the object; NULL: none */
	const char *why;    /* a clause, if something is wrong; or NULL */
	uint32_t patched;   /* functions */
	uint32_t slots;	    /* of the loader's tables, instead */
};

/* In the constructor, when the user's are read (user_rules.h). */
void known_rules_begin(void);

size_t known_rules_count(void);
struct known_rule *known_rules_at(size_t i);

/*
 * Under LOCK_LIBPQ: the number that an outcome will have, RECORD_NONE if there
 * are too many; and what it is.  Nothing behind it is told before that.  Texts
 * are copied.
 */
uint32_t known_rules_expect(struct known_rule *rule);
void known_rules_came_of(uint32_t outcome, const struct outcome *what);
/* More calls in the loader's tables were led to it. */
void known_rules_add_slots(uint32_t outcome, uint32_t slots);

#endif
