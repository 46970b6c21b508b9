/* SPDX-License-Identifier: MIT */
#include "preload/caller.h"

#include "preload/scope.h"

#define DEEPEST 8 /* callbacks within callbacks; deeper ones are not kept */

/*
 * The calls that this thread is in, outermost first.  The stack grows down, so
 * the frame of each is below that of the one before it.
 */
static _Thread_local struct {
	struct {
		const char *frame;
		const struct libpq *copy;
		bool program; /* it is the program's */
		bool query;   /* it can only run queries */
		struct use use;
	} call[DEEPEST];
	unsigned count;
} inside;

/*
 * Frames below the present one are gone: a longjmp has left them.  `outcome` is
 * that of the call whose frame it is, if it ends here.
 */
static void drop_left(const char *frame, const struct outcome *outcome)
{
	while (inside.count && inside.call[inside.count - 1].frame <= frame) {
		/* A signal handler that calls libpq may take the place. */
		const struct use use = inside.call[--inside.count].use;
		const bool ends = inside.call[inside.count].frame == frame;

		if (use.slot)
			uses_end(&use, ends ? outcome : NULL);
	}
}

static bool is_in(uintptr_t start, uintptr_t end, const void *address)
{
	return (uintptr_t)address >= start && (uintptr_t)address < end;
}

bool caller_is_program(const struct libpq *copy, const void *return_address,
		       bool query)
{
	const bool within = is_in(copy->start, copy->end, return_address);
	const struct libpq *holder = libpq_holding(return_address);

	if (scope_is_shim(return_address))
		return false;
	if ((holder && holder->standalone) || (within && copy->standalone))
		return query && !caller_is_inside(true);
	if (within || holder || libpq_is_front(return_address))
		return !caller_is_inside(query);
	return true;
}

/* Changes nothing: this may be a signal handler on a stack of its own. */
bool caller_is_inside(bool query)
{
	const char *here = __builtin_frame_address(0);

	/* From the innermost, which mostly is. */
	for (unsigned i = inside.count; i--;)
		if (inside.call[i].program && inside.call[i].frame > here &&
		    (query || !inside.call[i].query))
			return true;
	return false;
}

const void *caller_code(const void *return_address)
{
	const struct libpq *copy;

	if (!scope_is_shim(return_address))
		return return_address;
	drop_left(__builtin_frame_address(0), NULL);
	if (!inside.count)
		return return_address;
	copy = inside.call[inside.count - 1].copy;
	return copy ? (const void *)copy->start : return_address;
}

struct use *caller_enters(const void *frame, const struct libpq *copy,
			  bool program, bool query)
{
	if (inside.count &&
	    inside.call[inside.count - 1].frame <= (const char *)frame)
		drop_left(frame, NULL);
	if (inside.count == DEEPEST)
		return NULL;
	inside.call[inside.count].frame = frame;
	inside.call[inside.count].copy = copy;
	inside.call[inside.count].query = query;
	inside.call[inside.count].use.slot = NULL;
	inside.call[inside.count].program = program;
	return &inside.call[inside.count++].use;
}

void caller_leaves(const void *frame)
{
	drop_left(frame, NULL);
}

void caller_leaves_with(const void *frame, const struct outcome *outcome)
{
	struct use use;

	if (!inside.count || inside.call[inside.count - 1].frame != frame) {
		drop_left(frame, outcome);
		return;
	}
	use = inside.call[--inside.count].use;
	uses_end(&use, outcome);
}

struct use *caller_use(const void *frame)
{
	const unsigned last = inside.count - 1;

	if (!inside.count || inside.call[last].frame != frame)
		return NULL;
	return &inside.call[last].use;
}

const struct use *caller_inner_use(void)
{
	return inside.count ? &inside.call[inside.count - 1].use : NULL;
}
