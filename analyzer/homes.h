/* SPDX-License-Identifier: MIT */
/*
 * homes - the namespaces, modules and classes of a unit, for the names of
 * what is declared in them
 *
 * Debug info leads from the outside in only, so the unit is walked once and
 * the homes are kept in the order in which they stand in the file.
 */
#ifndef ANALYZER_HOMES_H
#define ANALYZER_HOMES_H

#include <elfutils/libdw.h>
#include "analyzer/spans.h"

struct home {
	Dwarf_Die die;
	uint32_t parent;      /* the home it is in, or SPANS_NONE */
	Dwarf_Off start, end; /* of the DIEs in it */
};

struct homes {
	struct home *at;
	size_t count;
};

void homes_list(struct homes *homes, struct arena *arena, Dwarf_Die *unit);

/* The innermost home of what is declared at `offset`, or SPANS_NONE. */
uint32_t homes_find(const struct homes *homes, Dwarf_Off offset);

#endif
