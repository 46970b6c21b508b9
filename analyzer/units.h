/* SPDX-License-Identifier: MIT */
/*
 * units - the compilation units of a file, each read when it is asked for
 *
 * Units are found by their ranges, for not every compiler writes
 * .debug_aranges.
 */
#ifndef ANALYZER_UNITS_H
#define ANALYZER_UNITS_H

#include <stdbool.h>
#include <elfutils/libdw.h>
#include "analyzer/homes.h"
#include "analyzer/scopes.h"

struct unit {
	Dwarf_Die die;	/* with the line table */
	Dwarf_Die code; /* with the functions: the split unit's, or `die` */
	bool skeleton;	/* the functions should be in a .dwo file */
	bool read;	/* `code` and `scopes` are known */
	struct scopes scopes;
	struct homes *homes; /* NULL until units_homes() */
};

struct units {
	struct arena *arena;
	const char *path;
	struct unit *at;
	size_t count;
	struct spans by_address;
};

/* Lives in `arena`, no longer than `dwarf`, which is in the file `path`. */
void units_list(struct units *units, struct arena *arena, Dwarf *dwarf,
		const char *path);

/* The unit with this code, or with this DIE among those of its code. */
struct unit *units_at(struct units *units, Dwarf_Addr address);
struct unit *units_with(struct units *units, Dwarf_Die *die);

const struct homes *units_homes(struct units *units, struct unit *unit);

#endif
