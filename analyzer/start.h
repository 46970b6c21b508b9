/* SPDX-License-Identifier: MIT */
/*
 * start - the shim that rides along, and a program that begins with it
 *
 * Nothing of the launcher is inherited but the variables of environment.h:
 * relay.h gives the signals back before the program is there.
 */
#ifndef ANALYZER_START_H
#define ANALYZER_START_H

#include <sys/types.h>
#include "analyzer/environment.h"

/* The shim that belongs to this connleak, or NULL. */
const char *start_find_shim(struct arena *arena);

/*
 * `e` is NULL where the environment stays as it is.  Returns 0, or -errno if it
 * could not be started: -ENOENT if there is no such program.
 */
int start_program(char **program, const struct environment *e, pid_t *ret_pid)
	__attribute__((warn_unused_result));

#endif
