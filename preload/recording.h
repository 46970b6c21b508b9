/* SPDX-License-Identifier: MIT */
/*
 * recording - the record of this process: is there one, and whose is it
 *
 * Everything that is written into the record is written between
 * recording_lock() and recording_unlock(), inside a guard.
 *
 * A child of fork() leaves its parent's record alone: the first lock there
 * finds itself in a new process, starts without a record, and makes one of its
 * own.  What else was kept in memory is about the parent; its keepers see
 * that by recording_generation().
 */
#ifndef PRELOAD_RECORDING_H
#define PRELOAD_RECORDING_H

#include <stdbool.h>

#include "preload/config.h"
#include "record/writer.h"

/* Once, in the constructor; tells the run's log that we are here. */
void recording_init(const struct config *config, const char *exe);

/* Where records and the log are; "" if there is no place. */
const char *recording_folder(void);

/*
 * The record, made now if there is none yet; NULL if none can be made: then
 * nothing is kept, which the log (or, without one, a line on stderr) says
 * once.  Locked in both cases.
 */
struct writer *recording_lock(void);
void recording_unlock(void);

/* The same, but none is made: NULL if there is none yet. */
struct writer *recording_lock_made(void);

/* What is written into each record first, under the lock.  Once, early. */
void recording_begin_with(void (*write)(struct writer *record));

/*
 * Whether the process that asks has a record of its own.  A child of vfork(),
 * which has all our memory, has not.  Callable in a signal handler.
 */
bool recording_is_own(void);

/*
 * That record, for the process that has it and is ending: NULL, and nothing is
 * locked, if it cannot be had soon.
 */
struct writer *recording_try_lock(void);

/*
 * Before a step behind which the record may be out of reach (a jail, the rights
 * of another user): lets it grow.  A child of one that has a record has its own
 * made, should it ever be needed.  What cannot be done is tried again then.
 */
void recording_grow_ahead(void);

/*
 * Something is in the record that somebody should look at when this process
 * has ended.  Under the lock.
 */
void recording_judge_later(void);

/* The fork handler of the child. */
void recording_after_fork_in_child(void);

/*
 * True in a child that a raw clone() has copied while another thread of its
 * parent was at work in the shim: what is in memory is half changed, and who
 * waits for a lock of a library that we call waits for ever.  Nothing can be
 * kept there, which is said once.  To be asked before any lock is taken.
 */
bool recording_is_torn(void);

/*
 * A signal asks for a report: counts it in the record, if this process has one;
 * one without has nothing out.  Callable in any signal handler.
 */
void recording_ask(void);

/*
 * Whether this is a child of vfork(), in its parent's memory: what it changes
 * there it changes for the parent.  Callable in any signal handler.
 */
bool recording_is_borrowed(void);

/* Which process this is: it changes in every child.  Under the lock. */
unsigned recording_generation(void);
/* The calling thread, in the process of that generation; without the lock. */
int32_t recording_thread(unsigned generation);

/* A word on the page that tells them apart: no child has it. */
const void *recording_page(void);

/*
 * Without the lock: false in a child of which nobody has taken notice yet.  Its
 * record, and what was kept about it, are the parent's.
 */
bool recording_is_ours(void);
/* The same, and it is the process of this generation. */
bool recording_is_still(unsigned generation);

/* Nanoseconds since the record began. */
uint64_t recording_now(const struct writer *record);
/*
 * The same within milliseconds, never 0; by whoever knows without the lock that
 * there is a record.
 */
uint64_t recording_now_roughly(void);

/* Counters in the record, under the lock. */
void recording_count(struct writer *record, enum record_total total);
void recording_lost(struct writer *record, enum record_loss loss);

#endif
