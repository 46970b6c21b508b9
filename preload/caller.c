/* SPDX-License-Identifier: MIT */
#include "preload/caller.h"

#include "preload/scope.h"

#define DEEPEST 16 /* callbacks within callbacks; deeper ones are not kept */

/*
 * The frames of the program's calls that this thread is in, outermost first.
 * The stack grows down, so each is below the one before it.
 */
static _Thread_local struct {
	const char *frame[DEEPEST];
	unsigned count;
} inside;

/* Frames below the present one are gone: a longjmp has left them. */
static void drop_left(const char *frame)
{
	while (inside.count && inside.frame[inside.count - 1] <= frame)
		inside.count--;
}

static bool is_in(uintptr_t start, uintptr_t end, const void *address)
{
	return (uintptr_t)address >= start && (uintptr_t)address < end;
}

bool caller_is_program(const struct libpq *copy, const void *return_address)
{
	const bool within = is_in(copy->start, copy->end, return_address);

	if (scope_is_shim(return_address) || libpq_is_code(return_address) ||
	    (within && copy->standalone))
		return false;
	if (within || libpq_holding(return_address) ||
	    libpq_is_front(return_address))
		return !caller_is_inside();
	return true;
}

/* Changes nothing: this may be a signal handler on a stack of its own. */
bool caller_is_inside(void)
{
	const char *here = __builtin_frame_address(0);

	return inside.count && inside.frame[0] > here;
}

void caller_enters(const void *frame)
{
	drop_left(frame);
	if (inside.count < DEEPEST)
		inside.frame[inside.count++] = frame;
}

void caller_leaves(const void *frame)
{
	drop_left(frame);
}
