/* SPDX-License-Identifier: MIT */
/*
 * unseen - looks now and then at what runs without the shim
 *
 * The log tells when a process is about to become something that the shim may
 * not be in.  While such a process lives, the launcher looks at all that came
 * of the program: whatever has no shim is named in the log, with the libpq it
 * has mapped and whom it is connected to.  What begins and ends between two
 * looks stays unseen.
 *
 * While every process is watched, nothing at all is done.  A look takes from
 * the program no more than a fiftieth of one processor.
 */
#ifndef ANALYZER_UNSEEN_H
#define ANALYZER_UNSEEN_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>
#include "analyzer/folder.h"

#define UNSEEN_SIGNAL SIGIO /* must be blocked: the log has grown */
#define UNSEEN_NEVER  UINT64_MAX

struct unseen;

/* The program has just been started.  NULL if there is no log or memory. */
struct unseen *unseen_new(struct folder *folder, pid_t program);
void unseen_free(struct unseen *u);

/* Reads what is new in the log. */
void unseen_read(struct unseen *u);

/* When to look next, by CLOCK_MONOTONIC in ns; UNSEEN_NEVER for NULL. */
uint64_t unseen_due(const struct unseen *u);

/* At any time; does nothing while every process is watched. */
void unseen_look(struct unseen *u);

#endif
