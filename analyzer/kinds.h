/* SPDX-License-Identifier: MIT */
/*
 * kinds - the kinds and classes of findings, by number and by name
 *
 * kinds.def has the table.  The rows live for ever.
 */
#ifndef ANALYZER_KINDS_H
#define ANALYZER_KINDS_H

#include <stdbool.h>
#include <stddef.h>

enum kind_id {
#define KIND(id, name, whole, gates, one, many) KIND_##id,
#include "analyzer/kinds.def"
	KINDS
};

enum class_id {
#define CLASS(id, name, gates, words, leases) CLASS_##id,
#include "analyzer/kinds.def"
	CLASSES
};

enum kind_gates {
	GATES_NEVER,
	GATES_ALWAYS,
	GATES_BY_CLASS,
	GATES_BY_CLASS_AND_HELD,
};

enum kind_whole { WHOLE_NONE, WHOLE_CONNECTIONS, WHOLE_LEASES };

struct kind {
	const char *name;
	enum kind_whole whole;
	enum kind_gates gates;
	const char *one, *many; /* words behind a number; NULL if none */
};

struct class
{
	const char *name;
	bool gates;
	const char *words, *lease_words;
};

const struct kind *kind_row(enum kind_id id);
const struct class *class_row(enum class_id id);

/* The number of what is so named; KINDS or CLASSES if nothing is, or NULL. */
enum kind_id kind_find(const char *name);
enum class_id class_find(const char *name);

/* Whether it is a leak: a handle that was never given back. */
bool kind_is_leak(enum kind_id id);

#endif
