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
 * and those of a parent process are such.
 *
 * Any thread may call these, inside a guard.  None can fail its caller: what
 * cannot be kept is counted, shown in the report as lost, and the program runs
 * on.
 */
#ifndef PRELOAD_TRACKER_H
#define PRELOAD_TRACKER_H

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
	struct stack stack;
};

void tracker_acquired(const struct acquisition *what);
void tracker_releasing(const void *handle, enum record_handle_kind kind);

/* How an attempt to connect ended, or that another one begins. */
void tracker_established(const void *handle, int32_t backend_pid);
void tracker_failed(const void *handle);
void tracker_resetting(const void *handle);

/* Makes the record now, where a constructor can still do it in peace. */
void tracker_begin(void);

/* For tests: are the invariants in tracker.c kept? */
bool tracker_check(void);

#endif
