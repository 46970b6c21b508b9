/* SPDX-License-Identifier: MIT */
/*
 * Modules are few, so they are a list; what is read of them stays in memory,
 * because the sites of a program lie in the same few modules.
 */
#include "analyzer/symbols.h"

#include <stdlib.h>
#include <string.h>
#include "analyzer/debuginfo.h"
#include "analyzer/demangle.h"
#include "analyzer/object.h"
#include "analyzer/symtab.h"

struct module {
	struct module *next;
	struct symbols_module recorded;
	enum report_trouble trouble; /* TROUBLE_NONE: the rest is there */
	struct object object;
	Dwarf_Addr bias;
	struct units *units;	   /* NULL without debug info */
	struct symtab *symtabs[2]; /* NULL until a name is looked for in it */
};

struct symbols {
	struct arena arena;
	struct module *modules;
};

struct symbols *symbols_new(void)
{
	struct arena arena;
	struct symbols *s;

	arena_init(&arena);
	s = arena_alloc(&arena, sizeof(*s));
	s->arena = arena;
	return s;
}

void symbols_free(struct symbols *s)
{
	struct arena arena;
	struct module *module;

	if (!s)
		return;
	for (module = s->modules; module; module = module->next)
		object_release(&module->object);
	arena = s->arena;
	arena_release(&arena);
}

static bool same_module(const struct symbols_module *a,
			const struct symbols_module *b)
{
	if (a->build_id_size != b->build_id_size)
		return false;
	if (a->build_id_size &&
	    memcmp(a->build_id, b->build_id, a->build_id_size) != 0)
		return false;
	return strcmp(a->path, b->path) == 0;
}

static void read_module(struct symbols *s, struct module *module)
{
	Dwarf *dwarf;

	module->trouble = object_acquire(&module->object, &module->recorded);
	if (module->trouble != TROUBLE_NONE)
		return;
	dwarf = object_dwarf(&module->object, &module->bias);
	if (!dwarf)
		return;
	module->units = arena_alloc(&s->arena, sizeof(*module->units));
	units_list(module->units, &s->arena, dwarf,
		   object_debug_path(&module->object));
}

static struct module *module_for(struct symbols *s,
				 const struct symbols_module *recorded)
{
	struct module *module;
	uint8_t *build_id;

	for (module = s->modules; module; module = module->next)
		if (same_module(&module->recorded, recorded))
			return module;

	module = arena_alloc(&s->arena, sizeof(*module));
	build_id = arena_alloc(&s->arena, recorded->build_id_size);
	if (recorded->build_id_size)
		memcpy(build_id, recorded->build_id, recorded->build_id_size);
	module->recorded.path = arena_strdup(&s->arena, recorded->path);
	module->recorded.build_id = build_id;
	module->recorded.build_id_size = recorded->build_id_size;
	module->next = s->modules;
	s->modules = module;
	read_module(s, module);
	return module;
}

static const char *symbol_at(struct symbols *s, struct module *module,
			     enum symtab_kind kind, uint64_t address)
{
	struct symtab **symtab = &module->symtabs[kind];

	if (!*symtab) {
		*symtab = arena_alloc(&s->arena, sizeof(**symtab));
		symtab_build(*symtab, &s->arena, module->object.module, kind);
	}
	return symtab_find(*symtab, address);
}

/* Names the function that has the code, if its debug info did not. */
static void name_by_symbol(struct arena *arena, const char *symbol,
			   struct report_frame *frame)
{
	if (!symbol)
		return;
	frame->function = demangle_symbol(arena, symbol);
	if (!frame->language)
		frame->language = language_of_symbol(symbol);
}

/* `address` is that of the call. */
static size_t frames_at(struct symbols *s, struct arena *arena,
			struct module *module, uint64_t address,
			struct report_frame **ret_frames)
{
	struct report_frame *frames, *last;
	size_t i, count = 0;

	if (module->units)
		count = debuginfo_frames(module->units, arena,
					 address - module->bias, &frames);
	if (!count) {
		frames = arena_alloc(arena, sizeof(*frames));
		count = 1;
	}
	for (i = 0; i < count; i++) {
		frames[i].function = arena_strdup(arena, frames[i].function);
		frames[i].trouble =
			frames[i].file ? TROUBLE_NONE : TROUBLE_NO_DEBUG;
	}
	last = &frames[count - 1];
	if (!last->function)
		name_by_symbol(arena,
			       symbol_at(s, module, SYMTAB_FUNCTIONS, address),
			       last);
	*ret_frames = frames;
	return count;
}

/* A frame that nothing can be told of. */
static size_t bare_frame(struct arena *arena, enum report_trouble trouble,
			 struct report_frame **ret_frames)
{
	*ret_frames = arena_alloc(arena, sizeof(**ret_frames));
	(*ret_frames)->trouble = trouble;
	return 1;
}

size_t symbols_frames(struct symbols *s, struct arena *arena,
		      const struct symbols_module *module, uint64_t offset,
		      struct report_frame **ret_frames)
{
	const char *path = module ? arena_strdup(arena, module->path) : NULL;
	struct module *known = path ? module_for(s, module) : NULL;
	size_t i, count;

	if (!known)
		count = bare_frame(arena, TROUBLE_NO_CODE, ret_frames);
	else if (known->trouble != TROUBLE_NONE)
		count = bare_frame(arena, known->trouble, ret_frames);
	else
		count = frames_at(s, arena, known, offset - 1, ret_frames);
	for (i = 0; i < count; i++) {
		(*ret_frames)[i].module = path;
		(*ret_frames)[i].offset = offset;
	}
	return count;
}

const char *symbols_variable(struct symbols *s, struct arena *arena,
			     const struct symbols_module *module,
			     uint64_t offset)
{
	struct module *known = module->path ? module_for(s, module) : NULL;
	const char *symbol = NULL;

	if (known && known->trouble == TROUBLE_NONE)
		symbol = symbol_at(s, known, SYMTAB_VARIABLES, offset);
	return symbol ? demangle_symbol(arena, symbol) : NULL;
}
