/* SPDX-License-Identifier: MIT */
/*
 * fellow - one more process in our group, to see what the whole group is sent
 *
 * `kill -TERM -PGID` and a system that goes down send a signal to us and to the
 * program, and passing it on would make it two.  Nothing in a signal tells who
 * else has had it; so a process that does nothing else lies beside us, and
 * notes what comes.  What it had as well came to all.
 *
 * Nobody is to take it for us, for the program, or for something of the run: it
 * has neither our name nor our arguments, no descriptor, sends no SIGCHLD, is
 * not seen by an ordinary waitpid(), and dies with us.
 */
#ifndef ANALYZER_FELLOW_H
#define ANALYZER_FELLOW_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct fellow;

/*
 * The signals that it shall note must be blocked.  `arguments` are the last of
 * our own, ended by NULL.  NULL if it cannot be had, which fellow_had() takes.
 */
struct fellow *fellow_new(char *const *arguments);
void fellow_free(struct fellow *f);

/* Whether it had this one too; the same one will not be found again. */
bool fellow_had(struct fellow *f, const siginfo_t *info);

/* Whether this process is one. */
bool fellow_is(pid_t pid);

#endif
