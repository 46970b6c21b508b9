/* SPDX-License-Identifier: MIT */
/*
 * folder - where the records of a run lie
 *
 * Made by the launcher before the program starts, judged and then kept or
 * removed by it; opened again by `connleak report`.
 *
 * A folder that nobody named lies in the user's state folder and is the
 * user's alone.  Root's lies in /var/tmp, and anybody may add files to it,
 * though not read or list it: root's programs drop their privileges.
 */
#ifndef ANALYZER_FOLDER_H
#define ANALYZER_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include "analyzer/arena.h"

#define FOLDER_KEPT	20  /* runs in the default place; older ones go */
#define FOLDER_PATH_MAX 500 /* what the shim has room for */

struct folder {
	char *path; /* absolute */
	int log;    /* descriptor, close-on-exec; -1: nothing can be kept */
	bool named; /* by the user: never removed */
};

/*
 * Makes a folder for a new run, `name` or (NULL) one in the default place.
 * Returns 0; or a negative errno and one line in `ret_error`.  After
 * -ENOTEMPTY (something else is in it) and -EBUSY (a run that is going on) the
 * folder was not touched; after any other error the program can run, but
 * nothing of it can be kept.
 */
int folder_make(struct folder *f, struct arena *arena, const char *name,
		const char **ret_error) __attribute__((warn_unused_result));

/* Appends a line to the run's log; the newline is added. */
void folder_log(struct folder *f, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Ends the run: keeps the folder, or removes it if it is ours to remove. */
void folder_close(struct folder *f, bool keep);

/* Names in a folder, sorted; -errno if it cannot be read. */
int folder_list(const char *path, struct arena *arena, char ***ret_names,
		size_t *ret_count) __attribute__((warn_unused_result));

bool folder_has_ending(const char *name, const char *ending);

#endif
