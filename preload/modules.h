/* SPDX-License-Identifier: MIT */
/*
 * modules - which files are mapped where, in this process, now
 *
 * A table made by dl_iterate_phdr and made anew when something was loaded or
 * unloaded since.  The caller keeps two threads out of it; what it returns
 * holds until the next modules_refresh().
 */
#ifndef PRELOAD_MODULES_H
#define PRELOAD_MODULES_H

#include <stdbool.h>
#include <stdint.h>
#include "record/format.h"

struct module {
	uintptr_t start, end; /* of all that is mapped of it */
	uintptr_t bias;
	const char *path;
	uint32_t record; /* its number in the record; RECORD_NONE: not yet */
	uint32_t build_id_size;
	unsigned char build_id[RECORD_BUILD_ID_MAX];
};

/*
 * Changes with every load and unload; costs a few nanoseconds.  Its lower half
 * is how many objects were unloaded.
 */
uint64_t modules_generation(void);

/* The program's own path; the loader does not know it. */
void modules_set_program(const char *path);
const char *modules_program(void);

/* False when there is no memory for a table: the old one is gone too. */
bool modules_refresh(void);
struct module *modules_find(uintptr_t address);

/* In a child of fork(): the table may have been half made. */
void modules_forget(void);

#endif
