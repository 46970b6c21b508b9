/* SPDX-License-Identifier: MIT */
#include "preload/libpq.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

#include "preload/elf.h"
#include "preload/guard.h"
#include "preload/lock.h"

#define COPIES 32 /* mapped at one time */

static const char *const names[LIBPQ_FUNCTIONS] = {
#define ACQUIRE(name, ...) #name,
#define RELEASE(name, ...) #name,
#define ADVANCE(name, ...) #name,
#define RESTART(name, ...) #name,
#define RESET(name, ...)   #name,
#define PASS(name, ...)	   #name,
#include "preload/hooks.def"
#define ASK(name) #name,
	LIBPQ_QUESTIONS(ASK)
#undef ASK
};

/*
 * LOCK_LIBPQ guards the making of `copies`.  One that was made is not changed
 * while it is mapped: a call may be inside it.  `current` is read without the
 * lock, and is right as long as it is mapped.
 */
static struct {
	struct libpq copies[COPIES];
	_Atomic(const struct libpq *) current;
} libpq;

/*
 * Whether the object is still there.  Asked at each call, so without a lock:
 * whoever jumps out of a signal handler would leave that of dl_iterate_phdr
 * taken for ever, and so would a fork at the wrong moment.
 */
static bool is_mapped(const struct libpq *copy)
{
	struct dl_find_object object;

	return copy->object && !_dl_find_object((void *)copy->start, &object) &&
	       object.dlfo_link_map == copy->object &&
	       (uintptr_t)object.dlfo_map_start == copy->start;
}

struct search {
	struct libpq found;
	bool past_shim; /* what comes before it is not what it stands before */
	bool done;
};

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "";
}

/* What answers all our questions is libpq, not something in front of it. */
static bool is_libpq(const struct dl_phdr_info *object)
{
#define ASK(name)                       \
	if (!elf_symbol(object, #name)) \
		return false;
	LIBPQ_QUESTIONS(ASK)
#undef ASK
	return elf_symbol(object, "PQfinish") != NULL;
}

/*
 * Objects come in the order in which symbols are looked up in them.  Another
 * preload may stand between the shim and libpq: the next definition of what
 * the program calls is called, as it would be without us.  Our own questions
 * go to libpq alone, since nobody but us would have asked them.
 */
static void take_functions(const struct dl_phdr_info *object,
			   struct libpq *found, bool final)
{
	for (int i = 0; i < LIBPQ_FUNCTIONS; i++) {
		const bool question = i >= LIBPQ_FIRST_QUESTION;

		if (question ? final : !found->function[i])
			*(void **)&found->function[i] =
				elf_symbol(object, names[i]);
	}
}

static int look_at(struct dl_phdr_info *object, size_t size, void *data)
{
	struct search *search = data;
	struct libpq *found = &search->found;
	struct dl_find_object where;
	uintptr_t start, end;

	(void)size;
	elf_range(object, &start, &end);
	if ((uintptr_t)names >= start && (uintptr_t)names < end) {
		search->past_shim = true;
		return 0;
	}
	if (!search->past_shim)
		return 0;
	search->done = is_libpq(object);
	take_functions(object, found, search->done);
	if (!search->done)
		return 0;
	if (_dl_find_object((void *)start, &where))
		return 0;
	found->object = where.dlfo_link_map;
	found->start = (uintptr_t)where.dlfo_map_start;
	found->end = end;
	found->standalone = !strncmp(base_name(object->dlpi_name), "libpq", 5);
	return 1;
}

/* The same libpq as before is the same copy; one that is gone makes room. */
static const struct libpq *keep(const struct libpq *found)
{
	struct libpq *room = NULL;

	for (int i = COPIES; i-- > 0;) {
		struct libpq *copy = &libpq.copies[i];

		if (!is_mapped(copy))
			room = copy;
		else if (copy->start == found->start)
			return copy;
	}
	if (room)
		*room = *found;
	return room;
}

static const struct libpq *search(void)
{
	const struct libpq *current = NULL;
	struct search search = { .done = false };

	lock_take(LOCK_LIBPQ);
	dl_iterate_phdr(look_at, &search);
	if (search.done)
		current = keep(&search.found);
	atomic_store_explicit(&libpq.current, current, memory_order_release);
	lock_give(LOCK_LIBPQ);
	return current;
}

const struct libpq *libpq_find(void)
{
	const struct libpq *current;
	struct guard guard;

	current = atomic_load_explicit(&libpq.current, memory_order_acquire);
	if (current && is_mapped(current))
		return current;
	guard_enter(&guard);
	current = search();
	guard_leave(&guard);
	return current;
}
