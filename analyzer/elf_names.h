/* SPDX-License-Identifier: MIT */
/*
 * elf_names - the functions that an ELF file has, by its section headers
 *
 * The loader needs no section headers, so that a file has none proves nothing.
 */
#ifndef ANALYZER_ELF_NAMES_H
#define ANALYZER_ELF_NAMES_H

#include "analyzer/elf_file.h"

/* Whether it defines functions of all these names (ended by NULL). */
bool elf_names_defines(const struct elf_file *f, const char *const *names);
/*
 * The functions that a file exports, ended by NULL; none if it cannot be read,
 * or if `path` is NULL.
 */
const char **elf_names_exported(struct arena *arena, const char *path);
/* Whether it was stripped: only names that the loader needs are left. */
bool elf_names_is_stripped(const struct elf_file *f);

#endif
