/* SPDX-License-Identifier: MIT */
/*
 * scan - what still points to the handles that are out, when the end begins
 *
 * Asked once in a process, at the first sign of a normal end: before any exit
 * handler or destructor has run, since these give back what the program kept.
 * The answers go into the record; whether they are worth a finding is seen
 * later, when it is known which handles were finished after all.
 */
#ifndef PRELOAD_SCAN_SCAN_H
#define PRELOAD_SCAN_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "record/format.h"

#define SCAN_REGISTERS 6

/*
 * Only the first call in a process does anything.  What lies below `sp` in the
 * stack of this thread is dead; of the registers those are the program's that
 * are given, or none.
 */
void scan_at_end(enum record_moment moment, const uintptr_t *registers,
		 uintptr_t sp);

/* Once, from the settings: whether to search, and for how long at most. */
void scan_begin(bool wanted, uint64_t ms);

#endif
