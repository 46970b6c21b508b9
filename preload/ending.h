/* SPDX-License-Identifier: MIT */
/*
 * ending - how this process is about to end, marked in its record
 *
 * Its parent learns it, and perhaps nobody else: of what the launcher did not
 * reap, the mark is all that is known.  There is one for exit(), the return
 * from main and the end of the last thread, for quick_exit(), and for _exit()
 * and _Exit().  A signal, abort() and a raw system call leave none.
 *
 * A process without a record leaves no mark, and no record for its sake.
 */
#ifndef PRELOAD_ENDING_H
#define PRELOAD_ENDING_H

#include "record/format.h"

/* Also in a signal handler, and in a child that is none of its record's. */
void ending_mark(enum record_mark_kind kind, int status);

/* Once, when the shim begins: before this, exit() leaves no mark. */
void ending_begin(void);

#endif
