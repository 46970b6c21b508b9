/* SPDX-License-Identifier: MIT */
/*
 * lock - a mutex that no child of fork() inherits taken
 *
 * Every lock of the shim is one of these, in the order of enum lock.  Before a
 * fork all are taken, so no other thread is inside when the process is copied;
 * and so is the one of dl_iterate_phdr, which comes after these
 * (loader_lock.h).
 *
 * Between, handlers of other libraries run, and they may connect: to the
 * thread that forks, all locks are its own.
 */
#ifndef PRELOAD_LOCK_H
#define PRELOAD_LOCK_H

#include <stdbool.h>

enum lock {
	LOCK_LIBPQ,	/* libpq.c */
	LOCK_UNWINDER,	/* stack.c */
	LOCK_RECORDING, /* recording.c, and all that is written under it */
	LOCK_PATCH,	/* linked.c; needs no other */
	LOCKS,
};

/* Inside a guard. */
void lock_take(enum lock lock);
void lock_give(enum lock lock);

/*
 * The same for a process that is ending: false when it cannot be had in a
 * tenth of a second, since whoever has it may never give it back.
 */
bool lock_try(enum lock lock);

/* The fork handlers; the last is for the child. */
void lock_before_fork(void);
void lock_after_fork(void);
void lock_after_fork_in_child(void);

/*
 * In a child that came without those handlers (a raw clone): whoever held a
 * lock lives in the parent only, and what it guards may be half changed.  Only
 * one thread may be there.
 */
bool lock_all_free(void);
void lock_forget(void);

#endif
