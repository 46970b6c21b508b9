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
	uint32_t pool; /* of a lease, if it is known; or RECORD_NONE */
	/* By the hook: */
	bool established;     /* there is a session */
	const char *function; /* a literal: the function called */
};

/*
 * Has it ended, for certain?  A daemon goes on with what the process that
 * started it has acquired: nobody is harmed when it finishes that.
 */
bool misuses_owner_has_ended(const struct handle_owner *owner);

/* What this process itself has acquired at `site`. */
struct handle_owner misuses_own(const struct writer *record, uint32_t site);

/*
 * What cannot be kept is counted.  The same thing done at the same place with
 * one handle after another that is this process's own is one event.
 */
void misuses_add(struct writer *record, const struct misuse *what,
		 const struct stack *where);

/* In a new process. */
void misuses_forget(void);

#endif
