/* SPDX-License-Identifier: MIT */
/*
 * loader_cache - /etc/ld.so.cache, where glibc's loader looks libraries up
 */
#ifndef ANALYZER_LOADER_CACHE_H
#define ANALYZER_LOADER_CACHE_H

#include <stddef.h>
#include "analyzer/arena.h"

struct loader_cache {
	const char *bytes; /* NULL: there is none, or it is of no known form */
	size_t size;
	size_t entries;
};

void loader_cache_read(struct loader_cache *cache, struct arena *arena,
		       const char *path);

/*
 * The n-th file of this name: there is one for each machine and more.  NULL
 * if there are not so many.
 */
const char *loader_cache_find(const struct loader_cache *cache,
			      const char *name, size_t n);

#endif
