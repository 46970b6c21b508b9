/* SPDX-License-Identifier: MIT */
/*
 * closure - the libraries that a file needs, directly or not; libpq among them
 *
 * They are looked for where glibc's loader does: in the file's own folders
 * (RPATH, RUNPATH), in LD_LIBRARY_PATH, in the loader's cache, in the usual
 * places.  The loader itself is not asked: it would map what we do not trust.
 */
#ifndef ANALYZER_CLOSURE_H
#define ANALYZER_CLOSURE_H

#include <stdbool.h>
#include "analyzer/arena.h"

struct closure {
	bool has_libpq;
	const char *libpq;   /* its file; NULL if it was not found */
	const char *through; /* the library that needs it; NULL: the file */
	const char *missing; /* another that was not found */
	/* All that were found, the file itself first; ended by NULL. */
	const char **files;
};

void closure_find(struct closure *c, struct arena *arena, const char *path);

#endif
