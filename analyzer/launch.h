/* SPDX-License-Identifier: MIT */
/*
 * launch - runs a program under the shim and waits for all that comes of it
 *
 * The launcher is a subreaper: what the program leaves behind becomes its
 * child, and is waited for.  It stands aside otherwise: signals and job control
 * are as without it (relay.h), and nothing of it (no descriptor, no mask, no
 * disposition) is inherited by the program but its environment variables.
 */
#ifndef ANALYZER_LAUNCH_H
#define ANALYZER_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>
#include "analyzer/environment.h"
#include "analyzer/folder.h"

#define LAUNCH_FOREVER UINT64_MAX

struct launch {
	char **program;	  /* and its arguments, ended by NULL */
	const char *path; /* of the program, for the log */
	uint64_t wait_ms; /* for descendants; or LAUNCH_FOREVER */
	struct folder *folder;
	const struct environment *environment; /* NULL: leave it as it is */
	int signal; /* asks for a view, and is not passed on; 0: none */
	void (*view)(void *data); /* prints what is out now */
	void *view_data;
	bool left; /* set where something of it is still running */
};

/*
 * Returns 0 and the program's wait status, or -errno if it could not be
 * started: -ENOENT if there is no such program.
 */
int launch(struct launch *l, int *ret_status)
	__attribute__((warn_unused_result));

#endif
