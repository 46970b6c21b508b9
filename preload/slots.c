/* SPDX-License-Identifier: MIT */
#include "preload/slots.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "preload/choice.h"
#include "preload/hooks.h"
#include "preload/relocations.h"
#include "preload/scope.h"

/* Guarded by LOCK_LIBPQ: for which copies all objects have been visited. */
static uint64_t repaired_for[LIBPQ_COPIES];

static void write_slot(const struct object *object,
		       const struct relocation *relocation, void *value)
{
	relocations_write(&object->info, relocation->slot, (uintptr_t)value);
}

/* A copy that has no thunks is called past us. */
static void write_thunk(const struct object *object,
			const struct relocation *relocation,
			const struct libpq *copy, enum libpq_function function)
{
	void *thunk = hooks_thunk(copy, function);

	if (thunk)
		write_slot(object, relocation, thunk);
}

/* Bound to a libpq, not to us. */
static bool repair_bound(const struct object *object,
			 const struct relocation *relocation)
{
	void *value = (void *)*relocation->slot;
	const struct libpq *copy = libpq_holding(value);
	const enum libpq_function function =
		copy ? libpq_function_at(copy, value) : LIBPQ_FUNCTIONS;

	if (function == LIBPQ_FUNCTIONS)
		return false;
	write_thunk(object, relocation, copy, function);
	return true;
}

/*
 * What the loader would find.  Whether it has loaded an object deep is known
 * when dlopen returns, and other threads may use it before: then what is found
 * either way, or nothing.
 */
static const struct libpq *bound_to(const struct object *object)
{
	const void *where = (void *)object->start;
	const struct libpq *visible;

	if (object->deep)
		return choice_nearest(where);
	visible = choice_visible(where);
	if (!libpq_comes_first() && visible != choice_nearest(where))
		return NULL;
	return visible;
}

/*
 * Not bound yet, and its first call would go past us: to the libpq that a
 * library with RTLD_DEEPBIND sees first, or to one that stands before us in
 * LD_PRELOAD.  The loader would find that then; we do now.
 */
static void bind_early(const struct object *object,
		       const struct relocation *relocation)
{
	const enum libpq_function function = libpq_named(relocation->name);
	void *system = object->deep ? scope_export(relocation->name) : NULL;
	const struct libpq *copy;

	if (system)
		write_slot(object, relocation, system);
	if (function == LIBPQ_FUNCTIONS)
		return;
	copy = bound_to(object);
	if (copy && copy->function[function])
		write_thunk(object, relocation, copy, function);
}

/* Bound to us where the program would see NULL. */
static void repair_weak(const struct object *object,
			const struct relocation *relocation)
{
	const enum libpq_function function = libpq_named(relocation->name);
	const struct libpq *copy;

	if (function == LIBPQ_FUNCTIONS || libpq_front(function))
		return;
	copy = choice_visible((void *)object->start);
	if (!copy || !copy->function[function])
		write_slot(object, relocation, NULL);
}

static bool is_unbound(const struct object *object,
		       const struct relocation *relocation)
{
	return relocation->jump &&
	       objects_has(object, (void *)*relocation->slot);
}

/* Bound to the C library, not to us. */
static void repair_system(const struct relocation *relocation, void *data)
{
	void *system = scope_export_of((void *)*relocation->slot);

	if (system)
		write_slot(data, relocation, system);
}

/* Bound to us, as it should be: to one libpq from now on. */
static void note_bound(const struct object *object,
		       const struct relocation *relocation)
{
	if (libpq_named(relocation->name) != LIBPQ_FUNCTIONS)
		choice_bind(object);
}

/* A libpq's own calls of itself are its own affair. */
static void repair_libpq(const struct relocation *relocation, void *data)
{
	if (scope_is_shim((void *)*relocation->slot))
		note_bound(data, relocation);
	else
		repair_system(relocation, data);
}

static void repair(const struct relocation *relocation, void *data)
{
	const struct object *object = data;

	if (scope_is_shim((void *)*relocation->slot)) {
		if (relocation->weak)
			repair_weak(object, relocation);
		note_bound(object, relocation);
	} else if ((objects_may_be_deep(object) || libpq_comes_first()) &&
		   is_unbound(object, relocation)) {
		bind_early(object, relocation);
	} else if (!repair_bound(object, relocation)) {
		repair_system(relocation, data);
	}
}

/* The C library's own calls stay as they are, and ours. */
static bool is_to_be_left(const struct object *object)
{
	for (int i = 0; i < SYSTEM_FUNCTIONS; i++)
		if (objects_has(object, scope_real((enum system_function)i)))
			return true;
	return scope_is_shim((void *)object->start);
}

static void repair_object(struct object *object)
{
	const bool itself = libpq_is_code((void *)object->start);

	object->done = true;
	if (!is_to_be_left(object))
		relocations_each(&object->info, itself ? repair_libpq : repair,
				 object);
}

static bool any_new_copy(void)
{
	bool any = false;

	for (unsigned i = 0; i < LIBPQ_COPIES; i++) {
		const struct libpq *copy = libpq_copy(i);
		const uint64_t serial = copy ? copy->serial : 0;

		any |= serial && serial != repaired_for[i];
		repaired_for[i] = serial;
	}
	return any;
}

void slots_repair(void)
{
	const bool all = any_new_copy();

	for (size_t i = 0; i < objects_count(); i++) {
		struct object *object = objects_at(i);

		if (all || !object->done)
			repair_object(object);
	}
}
