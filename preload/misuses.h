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

#include <stdbool.h>

#include "preload/stack.h"
#include "record/writer.h"

/* The process that acquired a handle, by its record, and where it did so. */
struct handle_owner {
	uint64_t began; /* started_mono of the record */
	uint64_t start_ticks;
	int32_t pid;
	uint32_t site;
};

struct misuse {
	enum record_event_kind kind;
	const void *handle;
	enum record_handle_kind handle_kind;
	struct handle_owner owner;
	/* By the hook: */
	bool established;     /* there is a session */
	const char *function; /* a literal: the function called */
};

/*
 * Has it ended, for certain?  A daemon goes on with what the process that
 * started it has acquired: nobody is harmed when it finishes that.
 */
bool misuses_owner_has_ended(const struct handle_owner *owner);

/* What cannot be kept is counted. */
void misuses_add(struct writer *record, const struct misuse *what,
		 const struct stack *where);

#endif
