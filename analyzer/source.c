/* SPDX-License-Identifier: MIT */
#include "analyzer/source.h"

#include <dwarf.h>
#include <limits.h>
#include <string.h>
#include "analyzer/arena.h"

/* Where the last part of `path` begins, its end being `end`. */
static char *last_part(char *path, char *end)
{
	while (end > path && end[-1] != '/')
		end--;
	return end;
}

/*
 * Adds a part to the path that ends at `end`, and a slash; returns the new
 * end.  Above the root is the root; above a relative path nothing is known,
 * so there ".." stays.
 */
static char *add_part(char *path, char *end, const char *part, size_t length)
{
	const bool absolute = *path == '/';

	if (length == 0 || (length == 1 && *part == '.'))
		return end;
	if (length == 2 && strncmp(part, "..", 2) == 0) {
		char *parent = end > path ? last_part(path, end - 1) : path;

		if (absolute && end == path + 1)
			return end;
		if (end > path && strncmp(parent, "../", 3) != 0)
			return parent;
	}
	memcpy(end, part, length);
	end[length] = '/';
	return end + length + 1;
}

char *source_path(struct arena *arena, const char *folder, const char *path)
{
	char *joined, *clean, *end;
	const char *part;

	joined = folder && *folder == '/' && *path != '/'
			 ? arena_printf(arena, "%s/%s", folder, path)
			 : arena_strdup(arena, path);
	clean = end = arena_alloc(arena, strlen(joined) + 2);
	if (*joined == '/')
		*end++ = '/';
	for (part = joined; *part; part += *part == '/') {
		const size_t length = strcspn(part, "/");

		end = add_part(clean, end, part, length);
		part += length;
	}
	if (end > clean + 1)
		end--;
	*end = '\0';
	return clean;
}

static const char *compilation_folder(Dwarf_Die *unit)
{
	Dwarf_Attribute attribute;

	return dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute));
}

/* The index of the last of `lines` that is not above `address`. */
static size_t last_line_before(Dwarf_Lines *lines, size_t count,
			       Dwarf_Addr address)
{
	size_t low = 0, high = count;

	while (high - low > 1) {
		const size_t middle = low + (high - low) / 2;
		Dwarf_Addr found = UINT64_MAX;

		dwarf_lineaddr(dwarf_onesrcline(lines, middle), &found);
		if (found <= address)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static bool covers(Dwarf_Line *line, Dwarf_Addr address)
{
	Dwarf_Addr start;
	bool ends = true;

	return dwarf_lineaddr(line, &start) == 0 && start <= address &&
	       dwarf_lineendsequence(line, &ends) == 0 && !ends;
}

static int line_number(Dwarf_Line *line)
{
	int number = 0;

	return dwarf_lineno(line, &number) == 0 && number > 0 ? number : 0;
}

/* Goes back over rows without a line number while they are at or above low. */
static Dwarf_Line *row_with_number(Dwarf_Lines *lines, size_t row,
				   Dwarf_Addr low)
{
	Dwarf_Line *line = dwarf_onesrcline(lines, row);
	Dwarf_Addr address;
	bool ends;

	while (row > 0 && line_number(line) == 0 &&
	       dwarf_lineaddr(line, &address) == 0 && address > low) {
		Dwarf_Line *before = dwarf_onesrcline(lines, --row);

		if (dwarf_lineendsequence(before, &ends) != 0 || ends)
			break;
		line = before;
	}
	return line;
}

struct source source_at(struct arena *arena, Dwarf_Die *unit,
			Dwarf_Addr address, Dwarf_Addr low)
{
	struct source source = { 0 };
	Dwarf_Lines *lines;
	Dwarf_Line *line;
	const char *file;
	size_t count, row;

	if (dwarf_getsrclines(unit, &lines, &count) != 0 || !count)
		return source;
	row = last_line_before(lines, count, address);
	if (!covers(dwarf_onesrcline(lines, row), address))
		return source;
	line = row_with_number(lines, row, low);
	file = dwarf_linesrc(line, NULL, NULL);
	if (!file)
		return source;
	source.file = source_path(arena, compilation_folder(unit), file);
	source.line = line_number(line);
	return source;
}

/* -1 if there is no such attribute, or none that makes sense. */
static int attribute_number(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word number;

	if (dwarf_formudata(dwarf_attr(die, name, &attribute), &number) != 0 ||
	    number > INT_MAX)
		return -1;
	return (int)number;
}

struct source source_of_call(struct arena *arena, Dwarf_Die *unit,
			     Dwarf_Die *inlined)
{
	const int index = attribute_number(inlined, DW_AT_call_file);
	const int line = attribute_number(inlined, DW_AT_call_line);
	struct source source = { 0 };
	const char *file = NULL;
	Dwarf_Files *files;
	Dwarf_Die home;
	size_t count;

	if (index < 0 || !dwarf_diecu(inlined, &home, NULL, NULL))
		return source;
	if (dwarf_getsrcfiles(&home, &files, &count) == 0)
		file = dwarf_filesrc(files, (size_t)index, NULL, NULL);
	if (!file)
		return source;
	source.file = source_path(arena, compilation_folder(unit), file);
	source.line = line > 0 ? line : 0;
	return source;
}
