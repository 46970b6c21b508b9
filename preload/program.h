/* SPDX-License-Identifier: MIT */
/*
 * program - which file a call of exec or posix_spawn means
 *
 * The same one that the C library and the kernel will find: by a path, below
 * an open folder, or in PATH.
 *
 * Callable in a child of vfork() and a signal handler, as image.h is.
 */
#ifndef PRELOAD_PROGRAM_H
#define PRELOAD_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

struct image;

struct program {
	const char *file; /* "" means `folder` itself, which then is a file */
	int folder;	  /* a descriptor: relative names begin there */
	bool search;	  /* in PATH, unless there is a slash in it */
	bool or_shell;	  /* what the kernel does not know, the shell reads */
};

/* Looks at it (image.h).  Returns 0 or the negative errno of the failure. */
int program_look(const struct program *program, struct image *out);

/*
 * Its absolute path; links stay, since the name may say more than the file.
 * False if it does not exist or does not fit.
 */
bool program_name(const struct program *program, char *out, size_t size);

#endif
