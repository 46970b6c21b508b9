/* SPDX-License-Identifier: MIT */
#include "analyzer/units.h"

#include <dwarf.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/stat.h>
#include "analyzer/arena.h"
#include "analyzer/debugfile.h"

static void add_unit(struct units *units, struct span_list *ranges,
		     struct arena *scratch, const struct unit *unit)
{
	Dwarf_Die die = unit->die;

	units->at = arena_grow(units->arena, units->at, units->count,
			       sizeof(*unit));
	scopes_add_ranges(ranges, scratch, &die, (uint32_t)units->count);
	units->at[units->count++] = *unit;
}

/*
 * Partial units, of dwz, have no code but declare.  No split unit is asked
 * for, which would open the files of all.
 */
void units_list(struct units *units, struct arena *arena, Dwarf *dwarf,
		const char *path)
{
	struct span_list ranges = { 0 };
	struct unit unit = { .read = false };
	struct arena scratch;
	Dwarf_CU *cu = NULL;
	uint8_t type = 0;

	*units = (struct units){ .arena = arena };
	units->path = arena_strdup(arena, path);
	arena_init(&scratch);
	while (dwarf_get_units(dwarf, cu, &cu, NULL, &type, &unit.die, NULL) ==
	       0) {
		unit.skeleton = type == DW_UT_skeleton;
		if (unit.skeleton || type == DW_UT_compile ||
		    type == DW_UT_partial)
			add_unit(units, &ranges, &scratch, &unit);
	}
	spans_build(&units->by_address, arena, &ranges);
	arena_release(&scratch);
}

/* Nothing there is fine too: then there is nothing to wait for.  Takes it. */
static bool is_plain(char *path)
{
	struct stat file;
	const bool plain =
		path && (stat(path, &file) != 0 || S_ISREG(file.st_mode));

	free(path);
	return plain;
}

/*
 * Elfutils opens the .dwo file that a skeleton unit names, first beside the
 * file with the skeleton and then in the folder of the compilation, and would
 * wait there for a pipe.
 */
static bool may_open_split(const struct units *units, Dwarf_Die *skeleton)
{
	Dwarf_Attribute attribute;
	const char *name, *folder;
	char *in_folder = NULL;
	bool plain;

	name = dwarf_formstring(
		dwarf_attr(skeleton, DW_AT_dwo_name, &attribute));
	if (!name)
		name = dwarf_formstring(
			dwarf_attr(skeleton, DW_AT_GNU_dwo_name, &attribute));
	folder = dwarf_formstring(
		dwarf_attr(skeleton, DW_AT_comp_dir, &attribute));
	if (!name || !is_plain(path_beside(units->path, name)))
		return false;
	if (asprintf(&in_folder, "%s/%s", folder ? folder : ".", name) < 0)
		return false;
	plain = is_plain(path_beside(units->path, in_folder));
	free(in_folder);
	return plain;
}

static struct unit *read_unit(struct units *units, struct unit *unit)
{
	Dwarf_Die split = { 0 };

	if (unit->read)
		return unit;
	unit->read = true;
	unit->code = unit->die;
	if (unit->skeleton && may_open_split(units, &unit->die) &&
	    dwarf_cu_info(unit->die.cu, NULL, NULL, NULL, &split, NULL, NULL,
			  NULL) == 0 &&
	    split.addr)
		unit->code = split;
	scopes_list(&unit->scopes, units->arena, &unit->code);
	return unit;
}

struct unit *units_at(struct units *units, Dwarf_Addr address)
{
	const uint32_t index = spans_find(&units->by_address, address, NULL);

	if (index == SPANS_NONE)
		return NULL;
	return read_unit(units, &units->at[index]);
}

struct unit *units_with(struct units *units, Dwarf_Die *die)
{
	size_t i;

	for (i = 0; i < units->count; i++) {
		struct unit *unit = &units->at[i];
		Dwarf_Die *code = unit->read ? &unit->code : &unit->die;

		if (code->cu == die->cu)
			return read_unit(units, unit);
	}
	return NULL;
}

const struct homes *units_homes(struct units *units, struct unit *unit)
{
	if (!unit->homes) {
		unit->homes = arena_alloc(units->arena, sizeof(*unit->homes));
		homes_list(unit->homes, units->arena, &unit->code);
	}
	return unit->homes;
}
