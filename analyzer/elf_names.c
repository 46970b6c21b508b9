/* SPDX-License-Identifier: MIT */
#include "analyzer/elf_names.h"

#include <string.h>

/* The one after `at`, or after NULL the first, that can be read. */
static Elf_Scn *next_section(const struct elf_file *f, Elf_Scn *at,
			     GElf_Shdr *out)
{
	while ((at = elf_nextscn(f->elf, at)))
		if (gelf_getshdr(at, out))
			return at;
	return NULL;
}

static bool defines_one(const struct elf_file *f, const GElf_Shdr *section,
			Elf_Data *data, const char *name)
{
	GElf_Sym symbol;

	for (int i = 0; gelf_getsym(data, i, &symbol); i++) {
		const char *found;

		if (symbol.st_shndx == SHN_UNDEF ||
		    GELF_ST_TYPE(symbol.st_info) != STT_FUNC)
			continue;
		found = elf_strptr(f->elf, section->sh_link, symbol.st_name);
		if (found && !strcmp(found, name))
			return true;
	}
	return false;
}

static bool defines_all(const struct elf_file *f, const GElf_Shdr *section,
			Elf_Data *data, const char *const *names)
{
	for (; *names; names++)
		if (!defines_one(f, section, data, *names))
			return false;
	return true;
}

bool elf_names_defines(const struct elf_file *f, const char *const *names)
{
	Elf_Scn *at = NULL;
	GElf_Shdr section;

	while ((at = next_section(f, at, &section))) {
		Elf_Data *data;

		if (section.sh_type != SHT_SYMTAB &&
		    section.sh_type != SHT_DYNSYM)
			continue;
		data = elf_getdata(at, NULL);
		if (data && defines_all(f, &section, data, names))
			return true;
	}
	return false;
}

static bool is_function(const GElf_Sym *symbol)
{
	const int type = GELF_ST_TYPE(symbol->st_info);

	return symbol->st_shndx != SHN_UNDEF &&
	       (type == STT_FUNC || type == STT_GNU_IFUNC);
}

static const char **add_functions(const struct elf_file *f,
				  const GElf_Shdr *section, Elf_Data *data,
				  struct arena *arena)
{
	const char **names = NULL;
	size_t count = 0;
	GElf_Sym symbol;

	for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
		const char *name;

		if (!is_function(&symbol))
			continue;
		name = elf_strptr(f->elf, section->sh_link, symbol.st_name);
		names = arena_grow(arena, names, count, sizeof(*names));
		names[count++] = arena_strdup(arena, name ? name : "");
	}
	names = arena_grow(arena, names, count, sizeof(*names));
	names[count] = NULL;
	return names;
}

const char **elf_names_exported(struct arena *arena, const char *path)
{
	const char **names = arena_array(arena, 1, sizeof(*names));
	Elf_Scn *at = NULL;
	GElf_Shdr section;
	struct elf_file f;

	if (!path || elf_file_open(&f, arena, path))
		return names;
	while ((at = next_section(&f, at, &section)))
		if (section.sh_type == SHT_DYNSYM)
			names = add_functions(&f, &section,
					      elf_getdata(at, NULL), arena);
	elf_file_close(&f);
	return names;
}

bool elf_names_is_stripped(const struct elf_file *f)
{
	Elf_Scn *at = NULL;
	GElf_Shdr section;

	while ((at = next_section(f, at, &section)))
		if (section.sh_type == SHT_SYMTAB)
			return false;
	return true;
}
