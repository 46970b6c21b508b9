/* SPDX-License-Identifier: MIT */
#include "analyzer/scanned.h"

#include <string.h>
#include <unistd.h>
#include "analyzer/debugfile.h"
#include "analyzer/elf_file.h"
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

static void add_function(struct scanned *s, const char *symbol,
			 GElf_Addr address)
{
	struct candidate function;

	if (is_libpq(symbol) || !candidates_name(&function, s->arena, symbol))
		return;
	function.address = address;
	s->functions =
		arena_grow(s->arena, s->functions, s->count, sizeof(function));
	s->functions[s->count++] = function;
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
	s->stripped = elf_file_is_stripped(&f);
	s->uses_postgres = needs_libpq(&f);
	elf_file_close(&f);
	if (!open_object(s))
		return false;
	find_units(s);
	read_functions(s);
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
