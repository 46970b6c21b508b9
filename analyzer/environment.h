/* SPDX-License-Identifier: MIT */
/*
 * environment - what the launcher adds to the program's environment, so that
 * the shim rides along
 *
 * The manners of LD_PRELOAD: what others put there stays, in its order.  A
 * sanitizer's runtime that the program needs is named first, since it refuses
 * to start otherwise; CONNLEAK_RUNTIME tells the shim to take it out again,
 * for the program's children.  A loader that could not load the shim, and
 * would say so or give up, is not given it.
 */
#ifndef ANALYZER_ENVIRONMENT_H
#define ANALYZER_ENVIRONMENT_H

#include <stdbool.h>
#include "analyzer/arena.h"
#include "analyzer/executable.h"

struct environment {
	const char *shim;    /* path to preload; NULL: none */
	const char *runtime; /* to be named before all others; or NULL */
	const char *folder;  /* for the records */
	const char *link;    /* folder of our own in which `shim` is; or NULL */
	const char *limit;   /* of a record, as the shim reads it */
	const char *signal;  /* that asks for a report; or NULL */
	bool static_libpq;   /* to be hooked */
	const char *scan_time; /* of the search at the end, the same */
	bool no_scan;
	const char *rules; /* all pool rules of the user; or NULL */
};

/*
 * Makes `e->shim` and `e->runtime` for this program.  The loader takes blanks
 * and colons for the end of a name and expands a $: a shim below such a folder
 * is reached by a link in a fresh one.  Returns 0, or a negative errno and one
 * line in `ret_error`.
 */
int environment_prepare(struct environment *e, struct arena *arena,
			const char *shim, const struct executable *program,
			const char **ret_error)
	__attribute__((warn_unused_result));

/* In the child, before exec: changes its own environment. */
bool environment_set(const struct environment *e);

/* Removes the link, when nothing of the run is left that might need it. */
void environment_release(struct environment *e);

#endif
