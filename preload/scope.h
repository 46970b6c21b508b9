/* SPDX-License-Identifier: MIT */
/*
 * scope - the functions of the C library that the shim stands in front of
 *
 * What the program would have called without us: the next definition behind
 * the shim in the order of the look-up.  That may be another preload's, which
 * so stays in its place.  Found without any call of the C library (elf.h says
 * for whom), all at once, by the shim's constructor or by whoever comes before
 * it.
 */
#ifndef PRELOAD_SCOPE_H
#define PRELOAD_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

enum system_function {
#define SYSTEM(name) SYSTEM_##name,
#include "preload/system.def"
	SYSTEM_FUNCTIONS
};

/* Any function; to be called as what it is. */
typedef void system_code(void);

/* Looks for them, where nobody waits; else the first use does. */
void scope_find(void);

/* Never NULL: all of them are in every libc that we run with. */
system_code *system_next(enum system_function function);

/* Its address. */
void *scope_real(enum system_function function);

/* The same, called as what it is: REAL_SYSTEM(close)(fd). */
#define REAL_SYSTEM(name) ((__typeof__(&name))system_next(SYSTEM_##name))

/* For questions of our own, which other preloads shall not see. */
#define LIBC(name) ((__typeof__(&name))system_libc(SYSTEM_##name))
system_code *system_libc(enum system_function function);

/*
 * Our own function of that name, or in place of that real one; NULL if we have
 * none.  Its address cannot be had by naming it: that is bound like a name in
 * any library, perhaps to the program's.
 */
void *scope_export(const char *name);
void *scope_export_of(const void *real);

/* Where the shim itself lies, and whether an address does there. */
void scope_range(uintptr_t *ret_start, uintptr_t *ret_end);
int scope_is_shim(const void *address);

/* Whether another connleak's shim stands before us in this process. */
bool scope_is_second(void);

#endif
