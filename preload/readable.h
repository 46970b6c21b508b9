/* SPDX-License-Identifier: MIT */
/*
 * readable - may an address be read without a fault
 *
 * Any thread may ask.  Changes no register but general ones, and not errno.
 */
#ifndef PRELOAD_READABLE_H
#define PRELOAD_READABLE_H

#include <stdbool.h>
#include <stdint.h>

/* The aligned word that it lies in; so its whole page. */
bool readable(uintptr_t address);

/* Reads 4 or 8 `bytes`, wherever they lie; false if they cannot be read. */
bool readable_copy(uintptr_t address, unsigned bytes, uint64_t *ret);

#endif
