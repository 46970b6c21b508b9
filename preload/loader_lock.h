/* SPDX-License-Identifier: MIT */
/*
 * loader_lock - the lock of the loader's list, over a fork
 *
 * dl_iterate_phdr takes a lock of the C library's, and so do dlopen and dlclose
 * for a moment.  fork() does not care for it: in a child it stays taken for
 * ever if another thread of the parent had it.  Without us, most children would
 * not notice; but we look at the list whenever the child connects.
 *
 * So we take it before a fork, and the child has a lock, and a list, that
 * nobody was at work on.  It has no name: it is found once, by its looks.
 */
#ifndef PRELOAD_LOADER_LOCK_H
#define PRELOAD_LOADER_LOCK_H

/* Once.  Where it is not found, the others do nothing. */
void loader_lock_find(void);

/* In the handlers of fork(). */
void loader_lock_before_fork(void);
void loader_lock_after_fork(void);

/*
 * In the handler of the child, and before each use of the list: handlers of
 * other libraries may come first, and connect.
 */
void loader_lock_notice_child(void);

#endif
