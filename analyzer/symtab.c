/* SPDX-License-Identifier: MIT */
#include "analyzer/symtab.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "analyzer/arena.h"

struct symbol {
	const char *name;
	uint64_t address, size;
	uint64_t section_end; /* of the section it is in; 0 if unknown */
	bool local;
};

struct symbol_list {
	struct symbol *at;
	size_t count;
};

/* "__libc_connect" is "connect" to everybody outside libc. */
static size_t underscores(const char *name)
{
	return strspn(name, "_");
}

/* By address; at one address the name to be shown comes first. */
static int compare_symbols(const void *a, const void *b)
{
	const struct symbol *left = a, *right = b;

	if (left->address != right->address)
		return left->address < right->address ? -1 : 1;
	if (!left->size != !right->size)
		return left->size ? -1 : 1;
	if (left->local != right->local)
		return left->local ? 1 : -1;
	if (underscores(left->name) != underscores(right->name))
		return underscores(left->name) < underscores(right->name) ? -1
									  : 1;
	return strcmp(left->name, right->name);
}

static uint64_t section_end(Elf *elf, GElf_Word index, GElf_Addr bias)
{
	Elf_Scn *section = elf ? elf_getscn(elf, index) : NULL;
	GElf_Shdr header;

	if (!section || !gelf_getshdr(section, &header))
		return 0;
	return header.sh_addr + header.sh_size + bias;
}

static bool is_of(enum symtab_kind kind, const GElf_Sym *symbol)
{
	const int type = GELF_ST_TYPE(symbol->st_info);

	if (symbol->st_shndx == SHN_UNDEF)
		return false;
	if (kind == SYMTAB_VARIABLES)
		return type == STT_OBJECT;
	return type == STT_FUNC || type == STT_GNU_IFUNC;
}

static void list_symbols(struct symbol_list *list, struct arena *arena,
			 Dwfl_Module *module, enum symtab_kind kind)
{
	const int count = dwfl_module_getsymtab(module);
	int i;

	for (i = 0; i < count; i++) {
		struct symbol found;
		GElf_Addr address, bias = 0;
		GElf_Word section = 0;
		GElf_Sym symbol;
		Elf *elf = NULL;

		found.name = dwfl_module_getsym_info(
			module, i, &symbol, &address, &section, &elf, &bias);
		if (!found.name || !*found.name || !is_of(kind, &symbol))
			continue;
		found.address = address;
		found.size = symbol.st_size;
		found.section_end =
			found.size ? 0 : section_end(elf, section, bias);
		found.local = GELF_ST_BIND(symbol.st_info) == STB_LOCAL;
		list->at =
			arena_grow(arena, list->at, list->count, sizeof(found));
		list->at[list->count++] = found;
	}
}

/* Hand-written assembler has no sizes: such a function ends at the next. */
static uint64_t symbol_end(const struct symbol *symbol, uint64_t next)
{
	uint64_t end = symbol->address + symbol->size;

	if (symbol->size)
		return end < symbol->address ? UINT64_MAX : end;
	return next < symbol->section_end ? next : symbol->section_end;
}

static void keep_symbols(struct symtab *symtab, struct arena *arena,
			 const struct symbol_list *list, struct arena *scratch)
{
	struct span_list spans = { 0 };
	size_t i, next;
	uint32_t kept = 0;

	symtab->names = arena_array(arena, list->count, sizeof(char *));
	for (i = 0; i < list->count; i = next) {
		const struct symbol *symbol = &list->at[i];
		uint64_t next_address;

		for (next = i + 1; next < list->count; next++)
			if (list->at[next].address != symbol->address)
				break;
		next_address = next < list->count ? list->at[next].address
						  : UINT64_MAX;
		span_list_add(&spans, scratch, symbol->address,
			      symbol_end(symbol, next_address), kept);
		symtab->names[kept++] = symbol->name;
	}
	spans_build(&symtab->by_address, arena, &spans);
}

void symtab_build(struct symtab *symtab, struct arena *arena,
		  Dwfl_Module *module, enum symtab_kind kind)
{
	struct symbol_list list = { 0 };
	struct arena scratch;

	*symtab = (struct symtab){ 0 };
	arena_init(&scratch);
	list_symbols(&list, &scratch, module, kind);
	if (list.count)
		qsort(list.at, list.count, sizeof(*list.at), compare_symbols);
	keep_symbols(symtab, arena, &list, &scratch);
	arena_release(&scratch);
}

const char *symtab_find(const struct symtab *symtab, uint64_t address)
{
	const uint32_t index = spans_find(&symtab->by_address, address, NULL);

	return index == SPANS_NONE ? NULL : symtab->names[index];
}
