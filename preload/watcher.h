/* SPDX-License-Identifier: MIT */
/*
 * watcher - has this process judged after its end, where no launcher does
 *
 * With CONNLEAK_REPORT=exit each process that acquires starts `connleak watch`,
 * which waits for its end, judges the record, and prints to what standard error
 * was.  orphan.h says why the program does not notice.
 *
 * Where that cannot be done one line says so, and how to judge by hand.
 */
#ifndef PRELOAD_WATCHER_H
#define PRELOAD_WATCHER_H

/*
 * Once, in the constructor: which settings there are, where the analyzer is,
 * and in which folder relative names are meant.
 */
void watcher_init(char *const *environment);

/* For this process, whose record is `record` in `folder`.  Inside a guard. */
void watcher_start(const char *folder, const char *record);

/* The same, where CONNLEAK_REPORT says something else: only the line. */
void watcher_refuse(const char *folder, const char *record);

#endif
