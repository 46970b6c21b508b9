/* SPDX-License-Identifier: MIT */
/*
 * departure - what becomes of the shim in a program that is to be executed
 *
 * It rides along by the environment, if the loader of the program can load it.
 * Where that is not certain, the run's log names the program, so that the
 * analyzer can look at the file.  Where it is certain that it cannot, its name
 * is taken out of LD_PRELOAD: another loader would print an error, or refuse to
 * start the program.
 *
 * Callable in a child of vfork() and a signal handler, as image.h is.
 */
#ifndef PRELOAD_DEPARTURE_H
#define PRELOAD_DEPARTURE_H

#include <stdint.h>
#include <sys/types.h>

#include "preload/image.h"
#include "preload/preloads.h"
#include "preload/program.h"

struct departure {
	struct image image;
	struct preloads_change change; /* to the environment, and ... */
	size_t room;	    /* ... what that takes; 0: it stays as it is */
	const char *logged; /* the first word of its line; NULL for none */
	bool found;	    /* there is such a program, as far as we can see */
	uint64_t time;
};

/* Before the call. */
void departure_plan(struct departure *out, const struct program *program,
		    char *const *environment);
/* Writes its line, if it has one: of this process, or of a child. */
void departure_log(const struct departure *departure,
		   const struct program *program, pid_t child);

#endif
