/* SPDX-License-Identifier: MIT */
#include "analyzer/scopes.h"

#include <dwarf.h>
#include <string.h>
#include "analyzer/arena.h"

#define DEPTH_MAX 512 /* deeper than compilers go */

enum role { ROLE_FUNCTION, ROLE_INLINED, ROLE_SPACE, ROLE_INNER, ROLE_OTHER };

/* An inner one matters only where functions are nested. */
static enum role role_of(Dwarf_Die *die)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_subprogram:
		return ROLE_FUNCTION;
	case DW_TAG_inlined_subroutine:
		return ROLE_INLINED;
	case DW_TAG_namespace:
	case DW_TAG_module:
		return ROLE_SPACE;
	case DW_TAG_lexical_block:
	case DW_TAG_try_block:
	case DW_TAG_catch_block:
	case DW_TAG_with_stmt:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_interface_type:
	case DW_TAG_enumeration_type:
		return ROLE_INNER;
	default:
		return ROLE_OTHER;
	}
}

bool scopes_may_descend(int depth)
{
	return depth < DEPTH_MAX;
}

bool scopes_add_ranges(struct span_list *list, struct arena *arena,
		       Dwarf_Die *die, uint32_t value)
{
	Dwarf_Addr base, low, high;
	bool any = false, kept = false;
	ptrdiff_t at = 0;

	/* Most have none, which this sees faster than dwarf_ranges(). */
	if (!dwarf_hasattr(die, DW_AT_low_pc) &&
	    !dwarf_hasattr(die, DW_AT_ranges))
		return true;
	while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0) {
		any = true;
		if (low <= 1)
			continue;
		span_list_add(list, arena, low, high, value);
		kept = true;
	}
	return kept || !any;
}

/* --- the functions of a unit --- */

struct listing {
	struct scopes *scopes;
	struct arena scratch;
	struct span_list code;
};

/* Returns whether it is code that the linker kept, or no code. */
static bool list_function(struct listing *listing, Dwarf_Die *die)
{
	struct scopes *s = listing->scopes;
	const size_t ranges = listing->code.count;

	if (!scopes_add_ranges(&listing->code, &listing->scratch, die,
			       (uint32_t)s->count))
		return false;
	if (listing->code.count == ranges)
		return true;
	s->functions = arena_grow(s->arena, s->functions, s->count,
				  sizeof(*s->functions));
	s->functions[s->count++] = (struct function){ .die = *die };
	return true;
}

static void list_children(struct listing *listing, Dwarf_Die *die, int depth)
{
	const bool whole = listing->scopes->whole;
	Dwarf_Die child;

	if (!scopes_may_descend(depth) || dwarf_child(die, &child) != 0)
		return;
	do {
		const enum role role = role_of(&child);
		bool descend = role == ROLE_SPACE;

		if (role == ROLE_FUNCTION)
			descend = list_function(listing, &child) && whole;
		if (descend || (role == ROLE_INNER && whole))
			list_children(listing, &child, depth + 1);
	} while (dwarf_siblingof(&child, &child) == 0);
}

static void list_functions(struct scopes *scopes)
{
	struct listing listing = { .scopes = scopes };

	scopes->functions = NULL;
	scopes->count = 0;
	arena_init(&listing.scratch);
	list_children(&listing, &scopes->unit, 0);
	spans_build(&scopes->by_address, scopes->arena, &listing.code);
	arena_release(&listing.scratch);
}

void scopes_list(struct scopes *scopes, struct arena *arena,
		 const Dwarf_Die *unit)
{
	*scopes = (struct scopes){ .arena = arena, .unit = *unit };
	list_functions(scopes);
}

/* --- what is inlined into a function --- */

struct reading {
	struct scope *scopes;
	size_t count;
	struct arena scratch;
	struct span_list code;
};

static uint32_t add_scope(struct reading *reading, Dwarf_Die *die,
			  uint32_t parent)
{
	const uint32_t index = (uint32_t)reading->count++;

	reading->scopes = arena_grow(&reading->scratch, reading->scopes, index,
				     sizeof(*reading->scopes));
	reading->scopes[index] =
		(struct scope){ .die = *die, .parent = parent };
	scopes_add_ranges(&reading->code, &reading->scratch, die, index);
	return index;
}

/* The outer before the inner, as spans.h wants it. */
static void read_children(struct reading *reading, Dwarf_Die *die,
			  uint32_t parent, int depth)
{
	Dwarf_Die child;

	if (!scopes_may_descend(depth) || dwarf_child(die, &child) != 0)
		return;
	do {
		const enum role role = role_of(&child);
		uint32_t scope = parent;

		if (role == ROLE_INLINED)
			scope = add_scope(reading, &child, parent);
		if (role == ROLE_INLINED || role == ROLE_INNER)
			read_children(reading, &child, scope, depth + 1);
	} while (dwarf_siblingof(&child, &child) == 0);
}

static struct function *read_function(struct scopes *scopes,
				      struct function *function)
{
	struct reading reading = { 0 };

	if (function->scopes)
		return function;
	arena_init(&reading.scratch);
	add_scope(&reading, &function->die, SPANS_NONE);
	read_children(&reading, &function->die, 0, 0);
	function->scopes = arena_array(scopes->arena, reading.count,
				       sizeof(*reading.scopes));
	memcpy(function->scopes, reading.scopes,
	       reading.count * sizeof(*reading.scopes));
	spans_build(&function->by_address, scopes->arena, &reading.code);
	arena_release(&reading.scratch);
	return function;
}

/*
 * In C and C++ functions stand in units and namespaces; in Ada, Fortran, D or
 * Rust, and as an extension in C, also in other functions or in types.
 */
struct function *scopes_function(struct scopes *scopes, Dwarf_Addr address)
{
	uint32_t index;

	index = spans_find(&scopes->by_address, address, NULL);
	if (index == SPANS_NONE && !scopes->whole) {
		scopes->whole = true;
		list_functions(scopes);
		index = spans_find(&scopes->by_address, address, NULL);
	}
	if (index == SPANS_NONE)
		return NULL;
	return read_function(scopes, &scopes->functions[index]);
}
