/* SPDX-License-Identifier: MIT */
/*
 * unwatched - which programs ran without the shim, as far as the log tells
 *
 * The shim says what a process is about to execute, and says it again from
 * within when it was loaded there.  If the second does not follow, either the
 * program ran unwatched or the exec failed, which nobody can say: the process
 * may have ended at once.  What an exec of that file would have done, what the
 * process did afterwards and how it ended decide between the two.
 *
 * What the launcher has found running without the shim needs no such guess.
 */
#ifndef ANALYZER_UNWATCHED_H
#define ANALYZER_UNWATCHED_H

#include "analyzer/evidence.h"
#include "analyzer/executable.h"

enum unwatched_how {
	UNWATCHED_STARTED,  /* by the launcher */
	UNWATCHED_EXECUTED, /* by a watched process */
	UNWATCHED_BARE,	    /* the same, in another environment */
	UNWATCHED_FOUND,    /* running; nobody has seen it begin */
};

struct unwatched {
	size_t run;
	enum unwatched_how how;
	const struct log_event *event; /* the line that tells of it */
	struct executable *file;       /* what it is */
	bool found;		       /* running, by the launcher */
	const char **evidence;	       /* by the launcher, but `none` */
	size_t evidence_count;
};

struct unwatched_list {
	struct unwatched *list;
	size_t count;
};

void unwatched_find(struct unwatched_list *u, const struct evidence *e);

/* The one that this line began; NULL if none. */
const struct unwatched *unwatched_by(const struct unwatched_list *u,
				     const struct log_event *event);

#endif
