/* SPDX-License-Identifier: MIT */
/*
 * relocations - the words of an object that the loader fills with addresses
 *
 * Of functions only: jump table slots, and pointers in data.  Which words
 * those are is the processor's affair: relocations_x86_64.c.
 */
#ifndef PRELOAD_RELOCATIONS_H
#define PRELOAD_RELOCATIONS_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

struct relocation {
	uintptr_t *slot;
	const char *name; /* of the symbol */
	bool weak;	  /* nobody needs to have it */
	bool jump; /* of the jump table: may be filled at the first call */
};

/* In a job of objects_hold(). */
void relocations_each(const struct dl_phdr_info *object,
		      void (*look)(const struct relocation *, void *),
		      void *data);

/* Writes a slot, also where the loader has made it read-only. */
bool relocations_write(const struct dl_phdr_info *object, uintptr_t *slot,
		       uintptr_t value);

#endif
