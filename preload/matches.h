/* SPDX-License-Identifier: MIT */
/*
 * matches - which functions of an object a rule names
 *
 * What an object exports is compared with the rules that mean the object; of a
 * user's rules also what its file names besides, as static functions.  The file
 * is read for a moment, and believed nothing (linked.h).
 *
 * A compiler may have made copies of a function, for constant arguments, which
 * they do not get any more.  One stands for the function if the rule reads
 * nothing that may have moved; else it is only noted.
 *
 * In a job of objects_hold().
 */
#ifndef PRELOAD_MATCHES_H
#define PRELOAD_MATCHES_H

#include "preload/known_rules.h"
#include "preload/objects.h"

struct match {
	uint8_t *address;
	size_t size;
	struct known_rule *rule;
	const char
		*name; /* of an export, in the object's own memory; or NULL */
	uint32_t outcome; /* hooked.c's */
	bool copy; /* that a compiler made of it: arguments are elsewhere */
};

/* They grow as needed; a memory_map() of `size` bytes. */
struct matches {
	struct match *list;
	size_t count, size;
};

/* Adds those of an object. */
void matches_find(struct matches *matches, const struct object *object);
void matches_free(struct matches *matches);

#endif
