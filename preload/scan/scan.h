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

/*
 * Only the first call in a process does anything.  What lies below the frame
 * of the caller is dead; it has stored there all registers that a function
 * must keep for its own caller.
 */
void scan_at_end(enum record_moment moment);

/* Once, from the settings: whether to search, and for how long at most. */
void scan_begin(bool wanted, uint64_t ms);

#endif
