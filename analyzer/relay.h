/* SPDX-License-Identifier: MIT */
/*
 * relay - the launcher's signals, and what the program gets of them
 *
 * The launcher stands between a shell and the program, and neither may notice:
 *
 *	what a process sends to the launcher	is passed on, unless the whole
 *						group was sent it (fellow.h)
 *	what the terminal sends			the program has already
 *	Ctrl-Z					the program stops, and has put
 *						the terminal in order;
 *						then we do
 *	SIGCONT					if the program is still stopped
 *						then, it is continued
 *
 * All that can be held is blocked while the program runs, and taken by
 * sigtimedwait(): nothing is interrupted, and no report is stopped because it
 * is written in the background.
 */
#ifndef ANALYZER_RELAY_H
#define ANALYZER_RELAY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "analyzer/fellow.h"

#define RELAY_NEVER UINT64_MAX

struct relay {
	pid_t program;
	struct fellow *fellow;
	sigset_t held;
	bool stopped;	     /* the program, by a signal */
	int stop;	     /* what came to stop us, or 0; and when */
	uint64_t stop_ns;    /* by CLOCK_MONOTONIC */
	uint64_t resumed_ns; /* SIGCONT came, or 0 */
};

/*
 * Once, before anything is written: a report into a closed pipe and a log past
 * the file-size limit are errors for us, and not the end.
 */
void relay_prepare(void);

/* Before the program is started; its child gets all back before exec. */
void relay_hold(struct relay *r);
void relay_give_back(void);

/* One that came.  Not SIGCHLD. */
void relay_take(struct relay *r, const siginfo_t *info);
/* Whether it asks for an end. */
bool relay_ends(const siginfo_t *info);

/* What waitpid() has said of the program, when it has not ended. */
void relay_changed(struct relay *r, int status);
void relay_ended(struct relay *r);

/* When relay_look() is to be called, in ns; or RELAY_NEVER. */
uint64_t relay_due(const struct relay *r);
void relay_look(struct relay *r);

#endif
