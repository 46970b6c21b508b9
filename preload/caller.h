/* SPDX-License-Identifier: MIT */
/*
 * caller - is this call the program's, or libpq's own
 *
 * libpq calls itself through its own jump table, so its inner calls come by
 * here too: PQconnectdb calls PQconnectStart, PQping calls PQconnectStart and
 * PQfinish.  Only the program's calls are events.  A call is libpq's own if
 *
 *   (a) it returns into the shim: a libpq function that the shim called ended
 *       in a jump (PQcancelFinish to PQfinish), or
 *   (b) it returns into a libpq that is a library of its own, and is no query
 *       that (c) is not true of, or
 *   (c) it returns into code that libpq shares an object with (a plugin or a
 *       program with libpq linked in), or into another preload that stands
 *       before libpq and was called by it, and this thread is inside a call of
 *       the program to libpq already, one that such a call can come out of.
 *
 * A query can come out of any call: PQconnectPoll runs some.  But no query
 * acquires or releases a connection; what does so then is a callback.  One that
 * comes out of a libpq in which this thread is nowhere was run by a function
 * that we do not hook: lo_read, PQsetClientEncoding.  That is the program's.
 *
 * Counting how deep a thread is inside libpq, instead, would also hide what
 * the program does in libpq's callbacks, and would stay wrong for ever after
 * a longjmp out of one.
 */
#ifndef PRELOAD_CALLER_H
#define PRELOAD_CALLER_H

#include <stdbool.h>
#include "preload/libpq.h"
#include "preload/uses.h"

/* `query` says that the function called does nothing but run one. */
bool caller_is_program(const struct libpq *copy, const void *return_address,
		       bool query);

/*
 * Whether this thread is inside a call of the program to libpq out of which one
 * can come that runs a query, or that does anything else.
 */
bool caller_is_inside(bool query);

/*
 * Whose code it is that calls: what lies at the return address, or the libpq
 * whose function ended in a jump, if that is the shim (a).
 */
const void *caller_code(const void *return_address);

/*
 * Around a call to libpq: `frame` is the stack frame of the hook.  A call that
 * was left by longjmp is forgotten when a later one begins at or above its
 * frame.
 */
struct use *caller_enters(const void *frame, const struct libpq *copy,
			  bool program, bool query);
void caller_leaves(const void *frame);
void caller_leaves_with(const void *frame, const struct outcome *outcome);

/*
 * What the call of this frame does with a connection, to be begun; it ends with
 * the call, in whatever way that is left.  NULL if the call could not be kept;
 * caller_enters() returns the same.
 */
struct use *caller_use(const void *frame);

/* Of the innermost call, from within libpq; NULL if there is none. */
const struct use *caller_inner_use(void);

#endif
