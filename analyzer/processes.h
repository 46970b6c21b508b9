/* SPDX-License-Identifier: MIT */
/*
 * processes - which processes there were, and how each ended
 *
 * Put together from the log (which images were loaded into which process, how
 * those ended that the launcher reaped), from the records (a child of fork()
 * has no image of its own, nor has anybody without the launcher; a mark says
 * how a process meant to end that nobody else saw), from cores (what a process
 * died of that nobody reaped), and from what ran without the shim.  One process
 * that executes another program is two here: two images, two records, one pid.
 */
#ifndef ANALYZER_PROCESSES_H
#define ANALYZER_PROCESSES_H

#include "analyzer/evidence.h"
#include "analyzer/report.h"
#include "analyzer/unwatched.h"

struct process {
	size_t run, number; /* in the list */
	int pid;
	uint64_t start;	   /* START of record/format.h; 0 if unknown */
	uint32_t space;	   /* the namespace that the pid is of */
	uint64_t began_ns; /* of the image, since the epoch; 0 if unknown */
	uint64_t ended_ns; /* 0 if unknown */
	const char *exe, *end;
	int died_in;   /* the thread, if a core says so; or 0 */
	bool watched;  /* the shim was in it */
	bool recorded; /* ... and it has a record */
	bool open;     /* while the log is read: not ended yet */
	bool guessed;  /* the same: known by the launcher's line alone */
};

struct processes {
	struct process *list;
	size_t count;
};

void processes_find(struct processes *p, const struct evidence *e,
		    const struct unwatched_list *unwatched);

/* The process of a record. */
const struct process *processes_of(const struct processes *p,
				   const struct evidence_record *record);

#endif
