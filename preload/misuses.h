/* SPDX-License-Identifier: MIT */
/*
 * misuses - what the program did wrong with a handle, and where
 *
 * The tracker sees that something is wrong before it happens; the hook says
 * which function it was, and looks at the stack only then.
 *
 * Under recording_lock().
 */
#ifndef PRELOAD_MISUSES_H
#define PRELOAD_MISUSES_H

#include "preload/stack.h"
#include "record/writer.h"

/* The process that acquired a handle, by its record, and where it did so. */
struct handle_owner {
	uint64_t began;
	int32_t pid;
	uint32_t site;
};

struct misuse {
	enum record_event_kind kind;
	const void *handle;
	enum record_handle_kind handle_kind;
	struct handle_owner owner;
	const char *function; /* a literal: the function called */
};

/* What cannot be kept is counted. */
void misuses_add(struct writer *record, const struct misuse *what,
		 const struct stack *where);

#endif
