/* SPDX-License-Identifier: MIT */
/*
 * executable - what a file that is executed will be, and how libpq gets into it
 *
 * Files are read, never run.  What they say is not trusted.
 */
#ifndef ANALYZER_EXECUTABLE_H
#define ANALYZER_EXECUTABLE_H

#include <stdbool.h>
#include "analyzer/arena.h"

enum executable_kind {
	EXECUTABLE_MISSING,
	EXECUTABLE_UNUSABLE, /* may not be executed, or of no known format */
	EXECUTABLE_MACHINE,  /* for another processor or word size */
	EXECUTABLE_STATIC,   /* has no loader that could preload anything */
	EXECUTABLE_LOADER,   /* has one that is not glibc's: musl */
	EXECUTABLE_DYNAMIC,
};

/* How libpq gets into it at its start; one that it loads later is no secret. */
enum executable_libpq {
	LIBPQ_NONE,
	LIBPQ_LINKED,	/* as a library */
	LIBPQ_STATIC,	/* linked in, and its functions have names */
	LIBPQ_STRIPPED, /* linked in, without names */
};

struct executable {
	const char *path; /* as it was named */
	/*
	 * What the process will be, without links: the same file, or a
	 * script's interpreter.
	 */
	const char *file;
	const char *script; /* without links; NULL if it is none */
	const char
		*argument; /* that the script gives its interpreter, or NULL */
	enum executable_kind kind;
	/* What its rights are from: "setuid", ...; NULL if it has none. */
	const char *privilege;
	const char *loader;  /* the one it names, or NULL */
	const char *runtime; /* a sanitizer's, that must be loaded first */
	bool wrapper;	     /* Debian's pg_wrapper, in front of a client */

	/* After executable_find_libpq(). */
	bool searched;
	enum executable_libpq libpq;
	const char *library; /* file of LIBPQ_LINKED; NULL if not found */
	const char *through; /* the library that needs it; NULL: itself */
	const char *missing; /* a library that it needs and is not there */
};

/* All but libpq.  Never fails: what cannot be looked at is UNUSABLE. */
void executable_look(struct executable *x, struct arena *arena,
		     const char *path);

/* Takes longer, the first time: reads all libraries that the file needs. */
void executable_find_libpq(struct executable *x, struct arena *arena);

/* Whether the shim, when preloaded, is loaded with it. */
bool executable_can_preload(const struct executable *x);

#endif
