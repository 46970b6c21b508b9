/* SPDX-License-Identifier: MIT */
/*
 * seen - which addresses the log of this process names already
 *
 * A process may connect a million times, and its lines are to be few.  The
 * table is one page that the kernel wipes in children, so that each process
 * begins with none; no lock and no handler of fork() has a part in it.
 *
 * Any thread may call these, a signal handler too.
 */
#ifndef PRELOAD_SEEN_H
#define PRELOAD_SEEN_H

#include <stdbool.h>
#include <stdint.h>

/* Each kind has room of its own: no flood of one hides another. */
enum seen_kind {
	SEEN_PEER,	 /* of a libpq */
	SEEN_POSTGRESQL, /* of something else, and PostgreSQL by its name */
	SEEN_OTHER,	 /* of something else */
	SEEN_KINDS,
};
#define SEEN_MOST 32 /* of a kind */

enum seen_answer {
	SEEN_NEW,
	SEEN_KNOWN,
	SEEN_FULL, /* the first for which there is no room */
};

/* Once; before it, and where there is no memory, children share a table. */
void seen_begin(void);

/* Where it is kept: a page that no child has, and no search need see. */
const void *seen_page(void);

/* Whether it would be known; asked of each connect, it changes nothing. */
bool seen_is_known(enum seen_kind kind, uint64_t hash);
/* From now on it is known. */
enum seen_answer seen_add(enum seen_kind kind, uint64_t hash);

#endif
