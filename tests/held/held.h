/* SPDX-License-Identifier: MIT */
/*
 * held - programs that keep a connection somewhere, or lose it
 *
 *	held list			a line per case: NAME KEEP LOSE
 *	held CASE keep|lose [END]	connects, puts it there, and ends
 *
 * A place is a function that is given the handle and later, by a program that
 * loses it, NULL: it then has no copy of the handle any more.  KEEP and LOSE
 * are the answers that are allowed for it, with commas between; `none` is no
 * answer, since nothing was out, and - is a way that makes no sense.
 *
 * END is how it ends: return (as without), exit, errx, error, pthread_exit,
 * _exit, _Exit, quick_exit, thread (another one calls exit), handler (a signal
 * handler does), deep (far down the stack), dlopen (while another one loads
 * libraries).  With BUSY set, other threads map, allocate and move pointers
 * meanwhile.
 */
#ifndef TESTS_HELD_HELD_H
#define TESTS_HELD_HELD_H

#include <libpq-fe.h>

struct held_case {
	const char *name;
	void (*put)(PGconn *conn); /* NULL: what was put there is lost */
	const char *keep, *lose;
};

#ifdef __cplusplus
extern "C"
#endif
	int held_main(const struct held_case *cases, int argc, char **argv);

#endif
