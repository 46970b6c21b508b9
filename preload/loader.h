/* SPDX-License-Identifier: MIT */
/*
 * loader - what the program finds and loads by name
 *
 * A libpq that comes late is noticed here, at the next call of the program to
 * dlopen or dlsym, where the loader may be asked and where nobody holds a
 * lock of ours: what the shim needs to work is made ready then, and what was
 * bound past it is repaired (slots.h).  libpq's functions by name are thunks.
 */
#ifndef PRELOAD_LOADER_H
#define PRELOAD_LOADER_H

#include "preload/scope.h"

/* Looks at what is loaded, if that has changed; not under a lock. */
void loader_notice(void);

/*
 * Asked by the entries in loader_x86_64.S, which stand before dlopen, dlsym
 * and dlvsym.
 */
struct loader_answer {
	void *value;	   /* to be returned, */
	system_code *jump; /* unless this is not NULL: to be jumped to */
};

struct loader_answer loader_dlopen(const char *file, int flags,
				   const void *unused, const void *caller);
struct loader_answer loader_dlsym(void *handle, const char *name,
				  const void *unused, const void *caller);
struct loader_answer loader_dlvsym(void *handle, const char *name,
				   const char *version, const void *caller);

#endif
