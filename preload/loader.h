/* SPDX-License-Identifier: MIT */
/*
 * loader - what the program finds and loads by name
 *
 * The three functions below are asked by the entries in loader_x86_64.S.
 */
#ifndef PRELOAD_LOADER_H
#define PRELOAD_LOADER_H

#include "preload/scope.h"

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
