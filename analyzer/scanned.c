/* SPDX-License-Identifier: MIT */
#include "analyzer/scanned.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analyzer/debugfile.h"
#include "analyzer/elf_file.h"
#include "analyzer/elf_names.h"
#include "analyzer/symbols.h"

static bool open_object(struct scanned *s)
{
	struct symbols_module module = { .path = s->path };
	struct build_id id;
	const int fd = regular_open(s->path);

	if (fd < 0)
		return false;
	if (build_id_read(fd, &id) < 0)
		id.size = 0;
	close(fd);
	module.build_id = id.bytes;
	module.build_id_size = id.size;
	return object_acquire(&s->object, &module) == TROUBLE_NONE;
}

static void find_units(struct scanned *s)
{
	Dwarf *dwarf = object_dwarf(&s->object, &s->bias);

	if (!dwarf)
		return;
	s->units = arena_alloc(s->arena, sizeof(*s->units));
	units_list(s->units, s->arena, dwarf, object_debug_path(&s->object));
}

static bool is_postgres(const char *symbol)
{
	return !strncmp(symbol, "PQ", 2) || strstr(symbol, "4pqxx");
}

/* libpq's own, where it is linked into the program. */
static bool is_libpq(const char *symbol)
{
	return !strncmp(symbol, "PQ", 2) || !strncmp(symbol, "pq", 2);
}

static void add_candidate(struct scanned *s, const struct candidate *function)
{
	s->functions =
		arena_grow(s->arena, s->functions, s->count, sizeof(*function));
	s->functions[s->count++] = *function;
}

static void add_function(struct scanned *s, const char *symbol,
			 GElf_Addr address)
{
	struct candidate function;

	if (is_libpq(symbol) || !candidates_name(&function, s->arena, symbol))
		return;
	function.address = address;
	add_candidate(s, &function);
}

static void read_functions(struct scanned *s)
{
	const int count = dwfl_module_getsymtab(s->object.module);

	for (int i = 0; i < count; i++) {
		GElf_Addr address;
		GElf_Sym symbol;
		const char *name =
			dwfl_module_getsym_info(s->object.module, i, &symbol,
						&address, NULL, NULL, NULL);
		const int type = GELF_ST_TYPE(symbol.st_info);

		if (!name || !*name)
			continue;
		s->uses_postgres |= is_postgres(name);
		if (symbol.st_shndx != SHN_UNDEF &&
		    (type == STT_FUNC || type == STT_GNU_IFUNC))
			add_function(s, arena_strdup(s->arena, name), address);
	}
}

/* --- what has no code of its own, or not only --- */

static int by_symbol(const void *a, const void *b)
{
	const struct candidate *left = a, *right = b;

	return strcmp(left->symbol, right->symbol);
}

static bool is_plain_c(int language)
{
	switch (language) {
	case DW_LANG_C89:
	case DW_LANG_C:
	case DW_LANG_C99:
	case DW_LANG_C11:
	case 0x2c: /* C17, which libdw 0.188 does not know */
		return true;
	default:
		return false;
	}
}

/* A function of C++ without a linker's name is unknown to other files. */
static const char *linkers_name(Dwarf_Die *function)
{
	Dwarf_Attribute attribute;
	const char *name;
	Dwarf_Die unit;

	name = dwarf_formstring(
		dwarf_attr_integrate(function, DW_AT_linkage_name, &attribute));
	if (!name && dwarf_diecu(function, &unit, NULL, NULL) &&
	    is_plain_c(dwarf_srclang(&unit)))
		name = dwarf_diename(function);
	return name;
}

/* The first so many functions are sorted: those that have a symbol. */
struct inlined {
	struct scanned *s;
	size_t sorted;
};

static int add_inlined(Dwarf_Die *function, void *argument)
{
	struct inlined *in = argument;
	const int how = dwarf_func_inline(function);
	struct candidate found, *same;
	const char *name;

	if (how != DW_INL_inlined && how != DW_INL_declared_inlined)
		return DWARF_CB_OK;
	name = linkers_name(function);
	if (!name || is_libpq(name) ||
	    !candidates_name(&found, in->s->arena, name) ||
	    !candidates_may_be(in->s->arena, &found))
		return DWARF_CB_OK;
	same = in->sorted ? bsearch(&found, in->s->functions, in->sorted,
				    sizeof(found), by_symbol)
			  : NULL;
	if (same) {
		same->inlined = true;
		return DWARF_CB_OK;
	}
	found.gone = true;
	add_candidate(in->s, &found);
	return DWARF_CB_OK;
}

static void read_inlined(struct scanned *s)
{
	struct inlined in = { .s = s, .sorted = s->count };

	if (s->count)
		qsort(s->functions, s->count, sizeof(*s->functions), by_symbol);
	for (size_t i = 0; s->units && i < s->units->count; i++)
		dwarf_getfuncs(&s->units->at[i].die, add_inlined, &in, 0);
}

static bool needs_libpq(const struct elf_file *f)
{
	const char *name;

	for (size_t n = 0; (name = elf_file_dynamic(f, DT_NEEDED, n)); n++)
		if (!strncmp(name, "libpq.so", 8) ||
		    !strncmp(name, "libpqxx", 7))
			return true;
	return false;
}

bool scanned_read(struct scanned *s, struct arena *arena, const char *path)
{
	struct elf_file f;

	*s = (struct scanned){ .arena = arena, .path = path };
	if (elf_file_open(&f, arena, path))
		return false;
	s->stripped = elf_names_is_stripped(&f);
	s->uses_postgres = needs_libpq(&f);
	elf_file_close(&f);
	if (!open_object(s))
		return false;
	find_units(s);
	read_functions(s);
	read_inlined(s);
	s->stripped &= !s->units;
	return true;
}

void scanned_release(struct scanned *s)
{
	object_release(&s->object);
}

bool scanned_signature(struct scanned *s, const struct candidate *function,
		       struct signature *ret)
{
	return s->units && signature_read(ret, s->arena, s->units,
					  function->address - s->bias);
}
