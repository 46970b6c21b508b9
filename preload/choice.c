/* SPDX-License-Identifier: MIT */
#include "preload/choice.h"

#include <dlfcn.h>
#include <stdatomic.h>

#include "preload/scope.h"

#define BINDINGS 256 /* callers remembered; others are looked at each time */

/* What a caller's object was bound to; all else is written once, before. */
struct binding {
	_Atomic(bool) gone; /* it was unloaded */
	bool lasting;	    /* `known` is */
	const void *object; /* the caller's */
	uintptr_t start, end;
	uint64_t file;
	uint64_t serial; /* of the copy */
	struct choice_known known;
};

/* Filled under LOCK_LIBPQ, read without it. */
static struct {
	struct binding bindings[BINDINGS];
	_Atomic(unsigned) count;
	_Atomic(const struct libpq *) global; /* as dlsym has found it */
} choice;

static bool is_alive(const struct libpq *copy)
{
	return copy && libpq_copy(libpq_number(copy)) == copy;
}

/* To be asked of an object that runs: it stays what it is. */
static uint64_t file_of(const struct dl_find_object *object)
{
	return objects_file(object->dlfo_link_map->l_name);
}

/* Most calls come from the program itself: those cost no more than this. */
const struct choice_known *choice_known(const void *caller)
{
	const unsigned count =
		atomic_load_explicit(&choice.count, memory_order_acquire);

	for (unsigned i = 0; i < count; i++) {
		const struct binding *b = &choice.bindings[i];

		if (b->lasting && (uintptr_t)caller >= b->start &&
		    (uintptr_t)caller < b->end)
			return &b->known;
	}
	return NULL;
}

static const struct libpq *remembered(const struct dl_find_object *caller)
{
	const uint64_t file = file_of(caller);
	unsigned i = atomic_load_explicit(&choice.count, memory_order_acquire);

	while (i--) {
		const struct binding *b = &choice.bindings[i];

		if (!atomic_load(&b->gone) &&
		    b->object == caller->dlfo_link_map &&
		    b->start == (uintptr_t)caller->dlfo_map_start &&
		    b->end == (uintptr_t)caller->dlfo_map_end &&
		    b->file == file)
			return is_alive(b->known.copy) &&
					       b->known.copy->serial ==
						       b->serial
				       ? b->known.copy
				       : NULL;
	}
	return NULL;
}

static bool lasts(const struct dl_find_object *caller)
{
	struct object *object = objects_find(caller->dlfo_map_start);

	return object && objects_lasts(object);
}

/* That a libpq is linked into it may come out later. */
static bool is_program(const struct binding *b)
{
	const void *start = (const void *)b->start;

	return !scope_is_shim(start) && !libpq_holding(start) &&
	       !libpq_is_front(start);
}

static void remember(const struct dl_find_object *caller,
		     const struct libpq *copy)
{
	const unsigned i = choice.count;
	struct binding *b = &choice.bindings[i];

	if (i == BINDINGS)
		return;
	b->object = caller->dlfo_link_map;
	b->start = (uintptr_t)caller->dlfo_map_start;
	b->end = (uintptr_t)caller->dlfo_map_end;
	b->file = file_of(caller);
	b->serial = copy->serial;
	b->known.copy = copy;
	b->known.is_libpq = libpq_is_code(caller->dlfo_map_start);
	b->known.is_program = is_program(b);
	b->known.has_front = libpq_has_front();
	b->lasting = lasts(caller) && copy->lasting;
	atomic_store_explicit(&choice.count, i + 1, memory_order_release);
}

static bool is_there(const struct binding *b)
{
	for (size_t i = 0; i < objects_count(); i++)
		if (objects_at(i)->link_map == b->object &&
		    objects_at(i)->start == b->start &&
		    objects_at(i)->file == b->file)
			return true;
	return false;
}

void choice_refresh(void)
{
	for (unsigned i = 0; i < choice.count; i++) {
		struct binding *b = &choice.bindings[i];

		if (!is_there(b))
			atomic_store(&b->gone, true);
		atomic_store(&b->known.is_program, is_program(b));
	}
}

void choice_set_global(const void *address)
{
	atomic_store(&choice.global, libpq_holding(address));
}

bool choice_is_everybodys(const struct libpq *copy)
{
	return copy == atomic_load(&choice.global);
}

/* What others can see of it. */
static const struct libpq *shown_by(const struct object *object)
{
	const struct libpq *copy = libpq_holding((void *)object->start);

	return copy && !copy->hidden ? copy : NULL;
}

static const struct libpq *first(bool startup)
{
	for (size_t i = 0; i < objects_count(); i++) {
		const struct object *object = objects_at(i);
		const struct libpq *copy = NULL;

		if (object->startup || !startup)
			copy = shown_by(object);
		if (copy)
			return copy;
	}
	return NULL;
}

static bool has_libpq(const struct object *object, void *unused)
{
	(void)unused;
	return shown_by(object) != NULL;
}

static bool is_object(const struct object *object, void *wanted)
{
	return object == wanted;
}

/*
 * A library sees what was loaded together with it: all that is needed by the
 * one that somebody asked for and that needs it, which came before it.
 */
const struct libpq *choice_nearest(const void *caller)
{
	struct object *object = objects_find(caller), *found = NULL;

	for (size_t i = 0; object && !found && i < objects_count(); i++) {
		struct object *root = objects_at(i);

		if ((root == object || !root->startup) &&
		    objects_search(root, is_object, object))
			found = objects_search(root, has_libpq, NULL);
	}
	return found ? shown_by(found) : NULL;
}

const struct libpq *choice_visible(const void *caller)
{
	const struct libpq *copy = choice.global;

	if (!is_alive(copy))
		copy = first(true);
	return copy ? copy : choice_nearest(caller);
}

struct choosing {
	const void *caller;
	const struct dl_find_object *object; /* NULL: unknown code */
	const struct libpq *copy;
};

/* Nobody can be sure in the end; but somebody is called. */
static void choose(void *data)
{
	struct choosing *c = data;

	libpq_refresh();
	choice_refresh();
	c->copy = libpq_only();
	if (!c->copy)
		c->copy = choice_visible(c->caller);
	if (!c->copy)
		c->copy = first(false);
	if (c->copy && c->object)
		remember(c->object, c->copy);
}

void choice_bind(const struct object *object)
{
	struct dl_find_object found;
	const struct libpq *copy;

	if (object->startup || _dl_find_object((void *)object->start, &found) ||
	    remembered(&found))
		return;
	copy = choice_visible((void *)object->start);
	if (copy)
		remember(&found, copy);
}

const struct libpq *choice_made(const void *caller)
{
	struct dl_find_object object;

	return _dl_find_object((void *)caller, &object) ? NULL
							: remembered(&object);
}

const struct libpq *choice_of(const void *caller)
{
	const struct choice_known *known = choice_known(caller);
	struct choosing choosing = { .caller = caller };
	struct dl_find_object object;

	if (known)
		return known->copy;
	if (!_dl_find_object((void *)caller, &object)) {
		choosing.object = &object;
		choosing.copy = remembered(&object);
	}
	if (!choosing.copy)
		objects_hold(choose, &choosing);
	return choosing.copy;
}
