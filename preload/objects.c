/* SPDX-License-Identifier: MIT */
#include "preload/objects.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "preload/elf.h"
#include "preload/guard.h"
#include "preload/hash.h"
#include "preload/loader_lock.h"
#include "preload/lock.h"
#include "preload/modules.h"

/*
 * Guarded by LOCK_LIBPQ, but for `deep` and `deep_loads`.
 *   1. `list` has `count` objects in the loader's order, in a mapping of `size`
 *      bytes; behind them `queue` has room for as many.
 *   2. It shows the process as it was at `generation`; while it is not `whole`
 *      there was more that is on its way, and comes without a new generation.
 */
static struct {
	struct object *list, **queue;
	size_t count, size;
	uint64_t generation;
	bool whole;
	_Atomic(bool) deep;
	_Atomic(unsigned) deep_loads; /* under way */
} objects;

const char *objects_base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "";
}

uint64_t objects_file(const char *path)
{
	return hash_text(HASH_SEED, path ? path : "");
}

size_t objects_count(void)
{
	return objects.count;
}

struct object *objects_at(size_t i)
{
	return &objects.list[i];
}

bool objects_has(const struct object *object, const void *address)
{
	return (uintptr_t)address >= object->start &&
	       (uintptr_t)address < object->end;
}

struct object *objects_find(const void *address)
{
	for (size_t i = 0; i < objects.count; i++)
		if (objects_has(&objects.list[i], address))
			return &objects.list[i];
	return NULL;
}

bool objects_whole(void)
{
	return objects.whole;
}

uint64_t objects_generation(void)
{
	return objects.generation;
}

void objects_expect_deep(bool deep)
{
	atomic_store(&objects.deep, deep);
}

void objects_deep_begins(void)
{
	atomic_fetch_add(&objects.deep_loads, 1);
}

void objects_deep_ends(void)
{
	atomic_fetch_sub(&objects.deep_loads, 1);
}

bool objects_may_be_deep(const struct object *object)
{
	return object->deep ||
	       (!object->startup && atomic_load(&objects.deep_loads));
}

static int count_one(struct dl_phdr_info *info, size_t size, void *count)
{
	(void)info;
	(void)size;
	(*(size_t *)count)++;
	return 0;
}

/*
 * Another thread may be in the middle of loading an object.  It has no name of
 * the loader's yet, and its slots are still to be filled: whoever took it for
 * what it will be would not know it again, and would not look at it again.
 */
static int add_one(struct dl_phdr_info *info, size_t size, void *data)
{
	struct object *object = &objects.list[objects.count];
	struct dl_find_object found;

	(void)size;
	(void)data;
	memset(object, 0, sizeof(*object));
	object->info = *info;
	elf_range(info, &object->start, &object->end);
	if (_dl_find_object((void *)object->start, &found)) {
		objects.whole = false;
		return 0;
	}
	object->link_map = found.dlfo_link_map;
	object->start = (uintptr_t)found.dlfo_map_start;
	object->soname = elf_soname(info);
	object->file = objects_file(info->dlpi_name);
	objects.count++;
	return 0;
}

static bool is_same(const struct object *a, const struct object *b)
{
	return a->start == b->start && a->link_map == b->link_map &&
	       a->file == b->file;
}

/*
 * What was known of an object that is still the same.  It may also have been
 * unloaded and be back in its place: then its slots are as they were at first.
 */
static void carry_over(const struct object *old, size_t count,
		       uint64_t generation)
{
	const bool first = !old;
	const bool deep = atomic_exchange(&objects.deep, false);
	const bool unloaded =
		(uint32_t)generation != (uint32_t)objects.generation;

	for (size_t i = 0; i < objects.count; i++) {
		struct object *now = &objects.list[i];
		size_t at = 0;

		while (at < count && !is_same(&old[at], now))
			at++;
		now->since = at < count ? old[at].since : generation;
		now->startup = first || (at < count && old[at].startup);
		now->done = at < count && old[at].done &&
			    (now->startup || !unloaded);
		now->matched = at < count && old[at].matched &&
			       (now->startup || !unloaded);
		now->deep = at < count ? old[at].deep : deep && !first;
	}
}

static bool make_list(uint64_t generation)
{
	struct object *old = objects.list;
	const size_t old_count = objects.count, old_size = objects.size;
	size_t count = 0, size;
	void *memory;

	dl_iterate_phdr(count_one, &count);
	size = count * (sizeof(struct object) + sizeof(struct object *));
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return false;
	objects.list = memory;
	objects.queue = (struct object **)(objects.list + count);
	objects.count = 0;
	objects.whole = true;
	objects.size = size;
	dl_iterate_phdr(add_one, NULL);
	carry_over(old, old ? old_count : 0, generation);
	if (old)
		munmap(old, old_size);
	return true;
}

struct hold {
	void (*job)(void *);
	void *data;
	bool done;
};

/*
 * Within a callback of dl_iterate_phdr the list of the loader stands still, and
 * calling it again is allowed.
 */
static int run(struct dl_phdr_info *info, size_t size, void *data)
{
	struct hold *hold = data;
	const uint64_t generation = modules_generation();

	(void)info;
	(void)size;
	if (!objects.whole || generation != objects.generation) {
		if (!make_list(generation))
			return 1;
		objects.generation = generation;
	}
	hold->job(hold->data);
	hold->done = true;
	return 1;
}

bool objects_hold(void (*job)(void *data), void *data)
{
	struct hold hold = { .job = job, .data = data };
	struct guard guard;

	guard_enter(&guard);
	lock_take(LOCK_LIBPQ);
	loader_lock_notice_child();
	dl_iterate_phdr(run, &hold);
	lock_give(LOCK_LIBPQ);
	guard_leave(&guard);
	return hold.done;
}

static struct object *find_needed(const char *name)
{
	for (size_t i = 0; i < objects.count; i++) {
		struct object *object = &objects.list[i];
		const char *path = object->info.dlpi_name;

		if ((object->soname && !strcmp(object->soname, name)) ||
		    !strcmp(objects_base_name(path), name) ||
		    (path && !strcmp(path, name)))
			return object;
	}
	return NULL;
}

struct object *objects_search(struct object *from,
			      bool (*wanted)(const struct object *, void *),
			      void *data)
{
	size_t first = 0, last = 0;

	for (size_t i = 0; i < objects.count; i++)
		objects.list[i].visited = false;
	from->visited = true;
	objects.queue[last++] = from;
	while (first < last) {
		struct object *at = objects.queue[first++];
		const char *name;

		if (wanted(at, data))
			return at;
		for (unsigned i = 0; (name = elf_needed(&at->info, i)); i++) {
			struct object *needed = find_needed(name);

			if (!needed || needed->visited)
				continue;
			needed->visited = true;
			objects.queue[last++] = needed;
		}
	}
	return NULL;
}

static bool is_object(const struct object *object, void *wanted)
{
	return object == wanted;
}

bool objects_lasts(const struct object *object)
{
	return object->startup &&
	       objects_search(objects_at(0), is_object, (void *)object);
}

/* Other threads may have had a look at it already. */
static bool mark_new(const struct object *object, void *before)
{
	struct object *mine = objects_find((void *)object->start);

	if (object->since > *(uint64_t *)before) {
		mine->deep = true;
		mine->done = false;
	}
	return false;
}

void objects_mark_deep(const void *link_map, uint64_t generation_before)
{
	for (size_t i = 0; i < objects.count; i++)
		if (objects.list[i].link_map == link_map) {
			objects_search(&objects.list[i], mark_new,
				       &generation_before);
			return;
		}
}
