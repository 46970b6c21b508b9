/* SPDX-License-Identifier: MIT */
/*
 * loader - what the program loads
 *
 * A libpq that comes late is noticed here, at the next call of the program to
 * dlopen or dlsym, where the loader may be asked and where nobody holds a
 * lock of ours: what the shim needs to work is made ready then, and what was
 * bound past it is repaired (slots.h).
 */
#ifndef PRELOAD_LOADER_H
#define PRELOAD_LOADER_H

#include "preload/scope.h"

/* Looks at what is loaded, if that has changed; not under a lock. */
void loader_notice(void);
/* A libpq was found that had been there: the next look is to be made. */
void loader_look_again(void);

/*
 * The same in a call to libpq, where it may be done only if this thread is
 * inside a dlopen itself: what connects then is the constructor of a plugin.
 * Another thread might hold the loader's lock and wait for this one.
 */
void loader_catch_up(void);

/*
 * What the entries in loader_x86_64.S, which stand before dlopen, dlsym and
 * dlvsym, are told to do.
 */
struct loader_answer {
	void *value;	   /* to be returned, */
	system_code *jump; /* unless this is not NULL: to be jumped to */
};

/* As without us. */
static inline struct loader_answer loader_jump(enum system_function function)
{
	return (struct loader_answer){ .jump = system_next(function) };
}

struct loader_answer loader_dlopen(const char *file, int flags,
				   const void *unused, const void *caller);
#endif
