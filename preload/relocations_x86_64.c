/* SPDX-License-Identifier: MIT */
/* x86-64: its relocation types, and that they have addends. */
#include "preload/relocations.h"

#include <stddef.h>
#include <sys/mman.h>

#include "preload/elf.h"

#define PAGE ((uintptr_t)4096)

struct table {
	const ElfW(Rela) * first;
	size_t size; /* in bytes */
};

static void visit(const struct dl_phdr_info *object, const ElfW(Rela) * rela,
		  const ElfW(Sym) * symbols, const char *strings,
		  void (*look)(const struct relocation *, void *), void *data)
{
	const ElfW(Sym) *symbol = &symbols[ELF64_R_SYM(rela->r_info)];
	const uint32_t type = ELF64_R_TYPE(rela->r_info);
	const struct relocation relocation = {
		.slot = (void *)(object->dlpi_addr + rela->r_offset),
		.name = strings + symbol->st_name,
		.weak = ELF64_ST_BIND(symbol->st_info) == STB_WEAK &&
			symbol->st_shndx == SHN_UNDEF,
		.jump = type == R_X86_64_JUMP_SLOT,
	};

	if (type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT ||
	    (type == R_X86_64_64 && !rela->r_addend))
		look(&relocation, data);
}

void relocations_each(const struct dl_phdr_info *object,
		      void (*look)(const struct relocation *, void *),
		      void *data)
{
	struct table tables[2] = { { NULL, 0 }, { NULL, 0 } };
	const ElfW(Sym) *symbols = elf_dynamic(object, DT_SYMTAB);
	const char *strings = elf_dynamic(object, DT_STRTAB);

	if (!symbols || !strings)
		return;
	tables[0].first = elf_dynamic(object, DT_RELA);
	tables[0].size = elf_dynamic_value(object, DT_RELASZ);
	tables[1].first = elf_dynamic(object, DT_JMPREL);
	tables[1].size = elf_dynamic_value(object, DT_PLTRELSZ);
	for (int t = 0; t < 2; t++)
		for (size_t i = 0;
		     tables[t].first && i < tables[t].size / sizeof(ElfW(Rela));
		     i++)
			if (ELF64_R_SYM(tables[t].first[i].r_info))
				visit(object, &tables[t].first[i], symbols,
				      strings, look, data);
}

static bool is_read_only(const struct dl_phdr_info *object, uintptr_t address)
{
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &object->dlpi_phdr[i];
		const uintptr_t start = object->dlpi_addr + header->p_vaddr;

		/* As the loader does: whole pages. */
		if (header->p_type == PT_GNU_RELRO &&
		    address >= (start & ~(PAGE - 1)) &&
		    address < ((start + header->p_memsz) & ~(PAGE - 1)))
			return true;
	}
	return false;
}

bool relocations_write(const struct dl_phdr_info *object, uintptr_t *slot,
		       uintptr_t value)
{
	void *page = (void *)((uintptr_t)slot & ~(PAGE - 1));
	const bool locked = is_read_only(object, (uintptr_t)slot);

	if (locked && mprotect(page, PAGE, PROT_READ | PROT_WRITE))
		return false;
	__atomic_store_n(slot, value, __ATOMIC_RELEASE);
	if (locked)
		mprotect(page, PAGE, PROT_READ);
	return true;
}
