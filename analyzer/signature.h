/* SPDX-License-Identifier: MIT */
/*
 * signature - what a function takes and returns, and in which machine argument,
 * by its debug info
 */
#ifndef ANALYZER_SIGNATURE_H
#define ANALYZER_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include "analyzer/source.h"
#include "analyzer/units.h"

enum type_sort {
	TYPE_VOID, /* also what is not known */
	TYPE_INTEGER,
	TYPE_BOOLEAN,
	TYPE_FLOAT,
	TYPE_OBJECT, /* a struct, class or union */
};

/* What is at the end of `depth` pointers (and references). */
struct type {
	enum type_sort sort;
	unsigned depth;
	const char *name;  /* without typedefs; NULL if it has none */
	const char *shown; /* the whole, as a programmer has it: "PGconn*" */
	size_t bytes;	   /* 0: not known */
	bool by_reference; /* C++ hands a pointer to it over instead */
	Dwarf_Die die;
};

struct parameter {
	struct type type;
	const char *name;  /* NULL if it has none */
	unsigned argument; /* argN of rules; 0: it is in none */
	bool is_this;
};

struct signature {
	struct source source;
	struct type result;
	bool hidden_result; /* arg1 points to where it goes */
	struct parameter *parameters;
	size_t count;
};

/* False if there is no debug info of what begins at `address`. */
bool signature_read(struct signature *signature, struct arena *arena,
		    struct units *units, Dwarf_Addr address);

bool type_same(const struct type *a, const struct type *b);

/* Whether it is a PGconn, or holds a pointer to one. */
bool type_has_connection(const struct type *type);

#endif
