/* SPDX-License-Identifier: MIT */
/*
 * byname - what the program finds by name
 *
 * dlsym and dlvsym yield thunks or our exports in place of libpq's functions,
 * nothing where no libpq has them, and for all other names what they would
 * without us.
 *
 * Asked by the entries in loader_x86_64.S.
 */
#ifndef PRELOAD_BYNAME_H
#define PRELOAD_BYNAME_H

#include "preload/loader.h"

struct loader_answer byname_dlsym(void *handle, const char *name,
				  const void *unused, const void *caller);
struct loader_answer byname_dlvsym(void *handle, const char *name,
				   const char *version, const void *caller);

#endif
