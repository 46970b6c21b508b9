/* SPDX-License-Identifier: MIT */
/*
 * Compiled for general registers only, and without a call of the C library: all
 * other registers are the program's here.  Most calls go no further.
 */
#include "preload/around.h"
#include "preload/guard.h"
#include "preload/vectors_x86_64.h"

static _Thread_local struct around_thread thread;

struct around_thread *around_thread(void)
{
	return &thread;
}

/* Unless a longjmp has left that one: its frame would be below. */
static bool is_nested(const struct stub_frame *frame)
{
	return thread.count &&
	       thread.call[thread.count - 1].frame > (const char *)frame;
}

static uint64_t before(struct stub_frame *frame)
{
	const struct around *around = frame->stub->data;

	if (around->empty || guard_is_inside() ||
	    (is_nested(frame) && !around->counts_nested))
		return 0;
	return vectors_keep(around_enters, frame);
}

static void after(struct stub_frame *frame)
{
	vectors_keep(around_leaves, frame);
}

const struct stub_around around_calls = {
	.before = before,
	.after = after,
	.left = around_is_left,
};
