/* SPDX-License-Identifier: MIT */
/*
 * stack - the return addresses of the calling thread, innermost first
 *
 * This header is all that the rest of the shim knows of unwinding.  The work
 * is done by libunwind, opened privately: linked, its symbols would stand
 * before libgcc's and take over the program's C++ exceptions.  It runs through
 * our own accessors, because its built-in ones keep a pipe open: a program that
 * closes all its descriptors would have them read from its own files later.
 *
 * Any thread may call; inside a guard.
 */
#ifndef PRELOAD_STACK_H
#define PRELOAD_STACK_H

#include <stdbool.h>
#include <stdint.h>
#include "record/format.h"

struct stack {
	uintptr_t frames[RECORD_MAX_FRAMES]; /* return addresses */
	unsigned count;
	bool cut;    /* there are more frames than fit */
	bool broken; /* a function without unwind information ended it */
	bool alone;  /* there is no unwinder: only the caller is known */
};

/*
 * Opens libunwind.  Called where the loader may be: in the shim's constructor,
 * and only if the program has a libpq.  Without it, stacks have one frame.
 */
void stack_open(void);

/*
 * The stack from `caller` outwards: the return address, in the program, of
 * the hooked function.  Frames of the shim are left out.
 */
void stack_capture(struct stack *out, const void *caller);

#endif
