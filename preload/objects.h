/* SPDX-License-Identifier: MIT */
/*
 * objects - what is loaded, and who needs whom, at one moment
 *
 * All of this is for use in a job of objects_hold(): while it runs nothing is
 * loaded or unloaded, so what a library says of itself can be read.  For the
 * same reason a job must not call anything that may wait for the loader: no
 * dl* function, and none of the program's.
 */
#ifndef PRELOAD_OBJECTS_H
#define PRELOAD_OBJECTS_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct object {
	struct dl_phdr_info info;
	uintptr_t start, end;
	const char *soname;   /* NULL if it has none */
	const void *link_map; /* the loader's name for it */
	uint64_t file;	      /* objects_file() of it */
	uint64_t since;	      /* objects_generation() when it was new */
	bool startup;	      /* loaded before the program began */
	bool done;	      /* slots.c has been through it */
	bool matched;	      /* hooked.c has */
	bool deep;	      /* loaded with RTLD_DEEPBIND, as far as we know */
	bool visited;	      /* by the search that is under way */
};

/*
 * Runs `job` under LOCK_LIBPQ, with the list of objects in the order in which
 * symbols are looked up in them.  False if there was no memory for the list;
 * then it was not run.
 */
bool objects_hold(void (*job)(void *data), void *data);

/* Changes when something was loaded or unloaded; in a job. */
uint64_t objects_generation(void);
/* Whether nothing was being loaded by another thread; in a job. */
bool objects_whole(void);

size_t objects_count(void);
struct object *objects_at(size_t i);
struct object *objects_find(const void *address);
bool objects_has(const struct object *object, const void *address);

/*
 * The first that is `wanted` of `from`, what it needs, what that needs ...,
 * level by level, as the loader looks for a symbol in a library that only
 * its own caller sees.
 */
struct object *objects_search(struct object *from,
			      bool (*wanted)(const struct object *, void *),
			      void *data);

/*
 * Whether it is there as long as the process: the program itself, and what it
 * needs, cannot be unloaded.
 */
bool objects_lasts(const struct object *object);

/*
 * What a dlopen with RTLD_DEEPBIND has loaded: what was not there yet of an
 * object, by the loader's name, and of what that needs.  Where this is not
 * known in time, what appears next is taken for it.
 */
void objects_mark_deep(const void *link_map, uint64_t generation_before);
void objects_expect_deep(bool deep);

/*
 * Around such a dlopen; of one that we do not see the end of, only the first.
 * While one is under way, any new object may turn out to be deep.
 */
void objects_deep_begins(void);
void objects_deep_ends(void);
bool objects_may_be_deep(const struct object *object);

/*
 * A hash of what an object is loaded from.  Another one may come where one was,
 * under the same name of the loader's, before anybody looks.
 */
uint64_t objects_file(const char *path);

/* The last part of a path. */
const char *objects_base_name(const char *path);

#endif
