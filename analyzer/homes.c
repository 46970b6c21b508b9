/* SPDX-License-Identifier: MIT */
#include "analyzer/homes.h"

#include <dwarf.h>
#include "analyzer/arena.h"
#include "analyzer/scopes.h"

struct listing {
	struct homes *homes;
	struct arena *arena;
	Dwarf_Off last; /* that was visited; offsets only grow */
};

enum role { ROLE_HOME, ROLE_BLOCK, ROLE_OTHER };

static enum role role_of(Dwarf_Die *die)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_interface_type:
	case DW_TAG_enumeration_type:
		return ROLE_HOME;
	case DW_TAG_subprogram:
	case DW_TAG_lexical_block:
		return ROLE_BLOCK; /* with local classes, lambdas among them */
	default:
		return ROLE_OTHER;
	}
}

static uint32_t add_home(struct listing *listing, const Dwarf_Die *die,
			 uint32_t parent)
{
	struct homes *homes = listing->homes;

	homes->at = arena_grow(listing->arena, homes->at, homes->count,
			       sizeof(*homes->at));
	homes->at[homes->count] = (struct home){ .die = *die,
						 .parent = parent,
						 .start = listing->last };
	return (uint32_t)homes->count++;
}

static void list_children(struct listing *listing, Dwarf_Die *die,
			  uint32_t parent, int depth)
{
	Dwarf_Die child;

	if (!scopes_may_descend(depth) || dwarf_child(die, &child) != 0)
		return;
	do {
		const enum role role = role_of(&child);
		uint32_t home = parent;

		listing->last = dwarf_dieoffset(&child);
		if (role == ROLE_HOME)
			home = add_home(listing, &child, parent);
		if (role != ROLE_OTHER)
			list_children(listing, &child, home, depth + 1);
		if (role == ROLE_HOME)
			listing->homes->at[home].end = listing->last + 1;
	} while (dwarf_siblingof(&child, &child) == 0);
}

void homes_list(struct homes *homes, struct arena *arena, Dwarf_Die *unit)
{
	struct listing listing = { .homes = homes, .arena = arena };

	*homes = (struct homes){ 0 };
	list_children(&listing, unit, SPANS_NONE, 0);
}

/* The last home that begins before, or one of those that it is in. */
uint32_t homes_find(const struct homes *homes, Dwarf_Off offset)
{
	size_t low = 0, high = homes->count;
	uint32_t home;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (homes->at[middle].start < offset)
			low = middle + 1;
		else
			high = middle;
	}
	home = low ? (uint32_t)low - 1 : SPANS_NONE;
	while (home != SPANS_NONE && homes->at[home].end <= offset)
		home = homes->at[home].parent;
	return home;
}
