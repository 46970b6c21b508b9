/* SPDX-License-Identifier: MIT */
/*
 * asking - a signal that asks for a report
 *
 * Where CONNLEAK_SIGNAL names one, the kernel calls us with it.  We stamp the
 * record, which says to whoever watches the record that a report is wanted,
 * and then do what the program has told the system to do: call its handler, or
 * nothing.  To the program it is as if we were not there: what it installs is
 * kept here and given back to it.  What it would end by, it goes on after.
 *
 * There is no lock in here: a handler may come by at any time, and a child of
 * a raw clone() must not meet a lock that only its parent could give back.
 */
#ifndef PRELOAD_ASKING_H
#define PRELOAD_ASKING_H

#include <signal.h>
#include <stdbool.h>

/* Once, when the shim begins; 0: no signal asks. */
void asking_begin(int number);

/* Whether it is this signal that asks. */
bool asking_is(int number);

/* sigaction(2) for that signal, as the program sees it. */
int asking_change(const struct sigaction *new, struct sigaction *old);

/*
 * What the program ignores stays ignored in what it executes; the kernel would
 * make it the default, as it does with all that has a handler.  Between these
 * two the kernel ignores the signal itself.  For exec, the second is called if
 * it failed.
 */
void asking_leave(void);
void asking_return(void);

#endif
