/* SPDX-License-Identifier: MIT */
/*
 * readable - may an address be read without a fault
 *
 * Any thread may ask; inside a guard.
 */
#ifndef PRELOAD_READABLE_H
#define PRELOAD_READABLE_H

#include <stdbool.h>
#include <stdint.h>

/* The aligned word that it lies in; so its whole page. */
bool readable(uintptr_t address);

#endif
