/* SPDX-License-Identifier: MIT */
/*
 * elf_file - an ELF file, by its program headers, as the loader sees it
 *
 * Of any machine and word size.  Nothing in it is trusted.
 */
#ifndef ANALYZER_ELF_FILE_H
#define ANALYZER_ELF_FILE_H

#include <gelf.h>
#include <stdbool.h>
#include "analyzer/arena.h"

struct elf_file {
	int fd;
	Elf *elf;
	GElf_Ehdr header;
	const char *strings; /* of the dynamic section; ends with a NUL */
	size_t strings_size;
};

/* 0, or a negative errno: -ENOEXEC if it is no ELF file. */
int elf_file_open(struct elf_file *f, struct arena *arena, const char *path)
	__attribute__((warn_unused_result));
void elf_file_close(struct elf_file *f);

bool elf_file_same_machine(const struct elf_file *a, const struct elf_file *b);

/* The loader it names; NULL if none. */
const char *elf_file_loader(const struct elf_file *f, struct arena *arena);

/*
 * The text of the n-th dynamic entry of this tag (DT_NEEDED, DT_RUNPATH ...);
 * NULL if there are not so many.
 */
const char *elf_file_dynamic(const struct elf_file *f, GElf_Sxword tag,
			     size_t n);

/* Whether all these texts are in what it brings into memory. */
bool elf_file_contains(const struct elf_file *f, const char *const *texts);

#endif
