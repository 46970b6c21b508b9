/* SPDX-License-Identifier: MIT */
#include "preload/loader.h"

static struct loader_answer as_without_us(enum system_function function)
{
	return (struct loader_answer){ .jump = system_next(function) };
}

struct loader_answer loader_dlopen(const char *file, int flags,
				   const void *unused, const void *caller)
{
	(void)file;
	(void)flags;
	(void)unused;
	(void)caller;
	return as_without_us(SYSTEM_dlopen);
}

struct loader_answer loader_dlsym(void *handle, const char *name,
				  const void *unused, const void *caller)
{
	(void)handle;
	(void)name;
	(void)unused;
	(void)caller;
	return as_without_us(SYSTEM_dlsym);
}

struct loader_answer loader_dlvsym(void *handle, const char *name,
				   const char *version, const void *caller)
{
	(void)handle;
	(void)name;
	(void)version;
	(void)caller;
	return as_without_us(SYSTEM_dlvsym);
}
