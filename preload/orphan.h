/* SPDX-License-Identifier: MIT */
/*
 * orphan - starts a program that is nobody's child
 *
 * Nothing of it reaches the program that we live in: no child to wait for, no
 * SIGCHLD, no descriptor held open, no signal that is meant for the program's
 * group or terminal.  It has a session of its own, stands in "/", has every
 * signal blocked that is blocked here, and no descriptor but three.
 */
#ifndef PRELOAD_ORPHAN_H
#define PRELOAD_ORPHAN_H

struct orphan {
	char *const *paths; /* tried one by one, ended by NULL */
	char *const *arguments, *const *environment;
	int output; /* becomes its 1 and 2; -1: there is none */
};

/* Once, in the constructor: remembers how free this process was. */
void orphan_init(void);

/*
 * Why this process would notice an orphan, or the orphan would be of no use;
 * NULL if neither.
 */
const char *orphan_obstacle(void);

/*
 * Inside a guard, which blocks all signals.  Returns 0 once it is that program,
 * or the negative errno of the first thing that failed.
 */
int orphan_start(const struct orphan *orphan)
	__attribute__((warn_unused_result));

#endif
