/* SPDX-License-Identifier: MIT */
/*
 * tracker - which handles are out now, and where each was acquired
 *
 * A handle is out from the return of the call that acquired it until the
 * start of the call that releases it.  Both ends are on purpose: there is no
 * handle before the first, and after the second begins another thread may
 * already be given the same address.
 *
 * A connection is connecting, then failed or established.  What is said of a
 * handle that the tracker does not know changes nothing: libpq's own handles
 * are such.  What was released may not be released again, as long as libpq has
 * not returned the same address once more.
 *
 * A child of fork() inherits its parent's handles, which are not its own: it
 * may keep them, and leaks nothing.  But to release a connection that a parent
 * acquired, or to reset it, says good-bye to the server on the socket that both
 * have, and ends the parent's session; or takes over what the parent has left
 * behind, if that has ended.
 *
 * Any thread may call these, inside a guard.  None can fail its caller: what
 * cannot be kept is counted, shown in the report as lost, and the program runs
 * on.
 */
#ifndef PRELOAD_TRACKER_H
#define PRELOAD_TRACKER_H

#include "preload/misuses.h"
#include "preload/servers.h"
#include "preload/stack.h"
#include "record/format.h"

struct acquisition {
	const void *handle;
	const char *function; /* a literal: the function called */
	enum record_handle_kind kind;
	enum record_slot_state state;
	int32_t backend_pid;
	struct server_name server;
	struct bounds bounds;
	struct stack stack;
};

void tracker_acquired(const struct acquisition *what);

/*
 * True if that is wrong: then `ret` says how, and tracker_misused() is to be
 * called with the function and its stack.
 */
bool tracker_releasing(const void *handle, enum record_handle_kind kind,
		       struct misuse *ret);
bool tracker_resetting(const void *handle, struct misuse *ret);
void tracker_misused(const struct misuse *what, const struct stack *where);

/* How an attempt to connect ended; returns how long it took, if it was one. */
uint64_t tracker_established(const void *handle, int32_t backend_pid);
uint64_t tracker_failed(const void *handle);

/* A query runs on it, and uses.h did not know it. */
void tracker_used(const void *handle);

/* The program says that it keeps it until its end. */
void tracker_by_design(const void *handle);

/*
 * For those who keep more about handles: recording_lock(), in a process of
 * which all of them have taken notice.  Ends with recording_unlock().
 */
struct writer *tracker_lock(void);

/*
 * Under that: the slot of a connection that is this process's own, and the
 * number of the slot; or NULL.  And all of them, those acquired first come
 * first.
 */
struct record_slot *tracker_connection(const void *handle,
				       uint32_t *ret_number);
typedef void tracker_see(uint32_t number, const struct record_slot *slot,
			 void *data);
void tracker_each_connection(tracker_see *see, void *data);

/* Makes the record now, where a constructor can still do it in peace. */
void tracker_begin(void);

/* For tests: are the invariants in tracker.c kept? */
bool tracker_check(void);

#endif
