/* SPDX-License-Identifier: MIT */
/*
 * elf - look into a loaded object without asking the dynamic linker
 *
 * The dl* functions take the loader's lock.  A thread that connects while
 * another one waits for it inside a constructor (and so inside dlopen) would
 * hang in them for ever; what is read here is mapped memory only.
 *
 * Valid while the object stays loaded, so: inside a dl_iterate_phdr callback.
 */
#ifndef PRELOAD_ELF_H
#define PRELOAD_ELF_H

#include <link.h>
#include <stddef.h>
#include <stdint.h>

/* The address of an exported function or variable in its newest version. */
void *elf_symbol(const struct dl_phdr_info *object, const char *name);
/*
 * The same, from its load bias and its dynamic section.  Neither calls any
 * function: a sanitizer that is about to begin asks us for the real ones, and
 * stands before most of the C library with nothing behind it yet.
 */
void *elf_symbol_of(ElfW(Addr) bias, const ElfW(Dyn) * dynamic,
		    const char *name);

/* Each function that it exports, in each of its versions. */
void elf_each_function(const struct dl_phdr_info *object,
		       void (*visit)(const char *name, void *address,
				     size_t size, void *data),
		       void *data);

/* What the dynamic section says of a tag: a number, or where something is. */
size_t elf_dynamic_value(const struct dl_phdr_info *object, ElfW(Sxword) tag);
const void *elf_dynamic(const struct dl_phdr_info *object, ElfW(Sxword) tag);

/* Its own name, and the names of what it needs, one by one; NULL at the end. */
const char *elf_soname(const struct dl_phdr_info *object);
const char *elf_needed(const struct dl_phdr_info *object, unsigned i);

/* The lowest and the first address behind the last of what is mapped. */
void elf_range(const struct dl_phdr_info *object, uintptr_t *ret_start,
	       uintptr_t *ret_end);

/* The build-id in the object's notes: its size, 0 if it has none. */
size_t elf_build_id(const struct dl_phdr_info *object,
		    const unsigned char **ret_id);

#endif
