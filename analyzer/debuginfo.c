/* SPDX-License-Identifier: MIT */
#include "analyzer/debuginfo.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>
#include "analyzer/demangle.h"
#include "analyzer/source.h"

/* Compilers need three references at most; a circle of them has no end. */
#define ORIGINS_MAX 16

/* No compiler nests so deep; names of that length help nobody. */
#define HOMES_MAX 64

static const char *attribute_string(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;

	return dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));
}

/*
 * Where the function was declared: code refers to an abstract instance, and
 * that to the declaration in a class.  It may be in another unit.
 */
static Dwarf_Die declaration_of(const Dwarf_Die *function)
{
	Dwarf_Die die = *function, origin;
	Dwarf_Attribute attribute;
	int i;

	for (i = 0; i < ORIGINS_MAX; i++) {
		if (!dwarf_attr(&die, DW_AT_abstract_origin, &attribute) &&
		    !dwarf_attr(&die, DW_AT_specification, &attribute))
			break;
		if (!dwarf_formref_die(&attribute, &origin))
			break;
		die = origin;
	}
	return die;
}

/* A unit of shared parts, as dwz makes, has no language of its own. */
static const char *language_of(Dwarf_Die *declaration, struct unit *unit)
{
	Dwarf_Die home;
	int language = -1;

	if (dwarf_diecu(declaration, &home, NULL, NULL))
		language = dwarf_srclang(&home);
	if (language < 0)
		language = dwarf_srclang(&unit->code);
	if (language < 0)
		language = dwarf_srclang(&unit->die);
	return language < 0 ? NULL : language_name((unsigned)language);
}

static bool is_one_of(const char *language, const char *const *names)
{
	while (language && *names)
		if (strcmp(language, *names++) == 0)
			return true;
	return false;
}

/*
 * gcc does not mangle the names of functions that no other file can call, and
 * Rust's newer mangling is not read here: namespaces and classes are put
 * before the name instead.
 */
static const char *qualified(struct units *units, Dwarf_Die *declaration,
			     const char *name, const char *language)
{
	static const char *const with_none[] = { "c", "go", "assembler", NULL };
	static const char *const with_dots[] = { "d", "java", "swift", NULL };
	const char *mark = is_one_of(language, with_dots) ? "." : "::";
	const struct homes *homes;
	struct unit *unit;
	uint32_t at;
	int i;

	if (is_one_of(language, with_none))
		return name;
	unit = units_with(units, declaration);
	if (!unit)
		return name;
	homes = units_homes(units, unit);
	at = homes_find(homes, dwarf_dieoffset(declaration));
	for (i = 0; at != SPANS_NONE && i < HOMES_MAX; i++) {
		Dwarf_Die *home = &homes->at[at].die;
		const char *home_name = dwarf_diename(home);

		if (!home_name && dwarf_tag(home) == DW_TAG_namespace)
			home_name = "(anonymous namespace)";
		if (home_name)
			name = arena_printf(units->arena, "%s%s%s", home_name,
					    mark, name);
		at = homes->at[at].parent;
	}
	return name;
}

static const char *name_of(struct units *units, Dwarf_Die *function,
			   Dwarf_Die *declaration, const char *language)
{
	const bool rust = language && strcmp(language, "rust") == 0;
	const char *linkage, *name, *readable = NULL;

	linkage = attribute_string(function, DW_AT_linkage_name);
	if (!linkage)
		linkage = attribute_string(function, DW_AT_MIPS_linkage_name);
	name = attribute_string(function, DW_AT_name);
	if (linkage && !(rust && name))
		readable = demangle(units->arena, linkage);
	if (readable)
		return readable;
	if (!name)
		return linkage;
	return qualified(units, declaration, name, language);
}

/* What one function is called, and in what language; kept with its scope. */
static void name_frame(struct units *units, struct unit *unit,
		       struct scope *scope, struct report_frame *frame)
{
	Dwarf_Die declaration = declaration_of(&scope->die);

	frame->language = language_of(&declaration, unit);
	if (!scope->name)
		scope->name = name_of(units, &scope->die, &declaration,
				      frame->language);
	frame->function = scope->name;
}

static size_t chain_length(const struct function *function, uint32_t at)
{
	size_t length = 0;

	while (at != SPANS_NONE) {
		at = function->scopes[at].parent;
		length++;
	}
	return length;
}

/* Code without a function: assembler, or what the compiler does not tell. */
static size_t line_only(struct unit *unit, struct arena *arena,
			Dwarf_Addr address, struct report_frame **ret_frames)
{
	struct report_frame *frame = arena_alloc(arena, sizeof(*frame));
	struct source source = source_at(arena, &unit->die, address, address);

	frame->file = source.file;
	frame->line = source.line;
	frame->language = language_of(&unit->die, unit);
	*ret_frames = frame;
	return 1;
}

size_t debuginfo_frames(struct units *units, struct arena *arena,
			Dwarf_Addr address, struct report_frame **ret_frames)
{
	struct unit *unit = units_at(units, address);
	struct report_frame *frames;
	struct function *function;
	struct source source;
	Dwarf_Addr low = address;
	size_t i, count;
	uint32_t at;

	if (!unit)
		return 0;
	function = scopes_function(&unit->scopes, address);
	if (!function)
		return line_only(unit, arena, address, ret_frames);
	at = spans_find(&function->by_address, address, &low);
	count = chain_length(function, at);
	frames = arena_array(arena, count, sizeof(*frames));
	source = source_at(arena, &unit->die, address, low);
	for (i = 0; i < count; i++) {
		struct scope *scope = &function->scopes[at];

		name_frame(units, unit, scope, &frames[i]);
		frames[i].file = source.file;
		frames[i].line = source.line;
		frames[i].inlined = i + 1 < count;
		if (frames[i].inlined)
			source = source_of_call(arena, &unit->die, &scope->die);
		at = scope->parent;
	}
	*ret_frames = frames;
	return count;
}
