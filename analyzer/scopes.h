/* SPDX-License-Identifier: MIT */
/*
 * scopes - the functions of one compilation unit: where their code is, and
 * what was inlined into it
 *
 * elfutils can tell the scopes of an address, but walks the whole unit for
 * each.  Here a unit is walked once, and not into its functions: these are
 * read one by one, when an address is in them.
 */
#ifndef ANALYZER_SCOPES_H
#define ANALYZER_SCOPES_H

#include <stdbool.h>
#include <elfutils/libdw.h>
#include "analyzer/spans.h"

/* A function, or one that was inlined. */
struct scope {
	Dwarf_Die die;
	uint32_t parent; /* what it was inlined into; SPANS_NONE if it is not */
	const char *name; /* for the caller to remember; NULL at first */
};

struct function {
	Dwarf_Die die;
	struct scope *scopes; /* NULL until they are read; [0] is itself */
	struct spans by_address;
};

struct scopes {
	struct arena *arena;
	Dwarf_Die unit;
	bool whole; /* functions in functions and in classes are there too */
	struct function *functions;
	size_t count;
	struct spans by_address;
};

/* `unit` is the unit's DIE, of the split unit if there is one. */
void scopes_list(struct scopes *scopes, struct arena *arena,
		 const Dwarf_Die *unit);

/* The function with this code, read; or NULL. */
struct function *scopes_function(struct scopes *scopes, Dwarf_Addr address);

/* May this be walked deeper?  A file must not overflow our stack. */
bool scopes_may_descend(int depth);

/*
 * Adds the ranges of `die` to `list`.  Code that the linker threw away has
 * been moved to address 0 or 1, where nothing is; false if this is such.
 */
bool scopes_add_ranges(struct span_list *list, struct arena *arena,
		       Dwarf_Die *die, uint32_t value);

#endif
