/* SPDX-License-Identifier: MIT */
/*
 * moments - the first sign that the process is about to end
 *
 * What the program still points to is to be seen before anything of it is
 * taken apart.  exit() and its relatives are hooked for that.  The C library
 * calls its own exit() after main, after the last thread, and in errx(), where
 * no hook is: there the first exit handler is the first sign, and ours is kept
 * the first.  Whether main has returned by then is seen on the stack.  (To wrap
 * main would show in every backtrace of the program.)
 */
#ifndef PRELOAD_MOMENTS_H
#define PRELOAD_MOMENTS_H

/*
 * From now on an exit handler of ours comes first; where the program can call
 * malloc.  Before this, only what is hooked is a sign.
 */
void moments_watch(void);

#endif
