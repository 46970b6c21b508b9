/* SPDX-License-Identifier: MIT */
#include "preload/libpq.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

#include "preload/elf.h"
#include "preload/preloads.h"
#include "preload/scope.h"

#define FRONTS 8 /* other preloads that stand before libpq, as we do */

static const char *const names[LIBPQ_FUNCTIONS] = {
#define ACQUIRE(name, ...) #name,
#define RELEASE(name, ...) #name,
#define ADVANCE(name, ...) #name,
#define RESTART(name, ...) #name,
#define RESET(name, ...)   #name,
#define PASS(name, ...)	   #name,
#define USE(name, ...)	   #name,
#include "preload/hooks.def"
#define ASK(name) #name,
	LIBPQ_QUESTIONS(ASK) LIBPQ_OPTIONS(ASK) LIBPQ_OUTCOMES(ASK)
#undef ASK
};

/*
 * Changed under LOCK_LIBPQ only, read without it: a place in `alive` is set
 * when its copy is whole, and a copy is not changed while it is mapped: a call
 * may be inside it.  The fronts are found once, before the program begins.
 */
static struct {
	struct libpq copies[LIBPQ_COPIES];
	_Atomic(const struct libpq *) alive[LIBPQ_COPIES];
	libpq_code *front[LIBPQ_HOOKS];
	void *export[LIBPQ_HOOKS];
	struct {
		uintptr_t start, end;
	} fronts[FRONTS];
	unsigned front_count;
	_Atomic(unsigned) used; /* places that ever had a copy */
	uint64_t serial;
	bool begun, comes_first;
} libpq;

/*
 * Whether the object is still there.  Asked at each call, so without a lock:
 * whoever jumps out of a signal handler would leave that of dl_iterate_phdr
 * taken for ever, and so would a fork at the wrong moment.
 */
static bool is_mapped(const struct libpq *copy)
{
	struct dl_find_object object;

	return !_dl_find_object((void *)copy->start, &object) &&
	       object.dlfo_link_map == copy->object &&
	       (uintptr_t)object.dlfo_map_start == copy->start;
}

/* What cannot go need not be asked for: that takes longer than all else. */
static bool is_there(const struct libpq *copy)
{
	return copy->lasting || is_mapped(copy);
}

const struct libpq *libpq_copy(unsigned i)
{
	const struct libpq *copy =
		atomic_load_explicit(&libpq.alive[i], memory_order_acquire);

	return copy && is_there(copy) ? copy : NULL;
}

unsigned libpq_number(const struct libpq *copy)
{
	return (unsigned)(copy - libpq.copies);
}

bool libpq_any(void)
{
	for (unsigned i = 0; i < libpq.used; i++)
		if (libpq_copy(i))
			return true;
	return false;
}

const struct libpq *libpq_only(void)
{
	const struct libpq *only = NULL;

	for (unsigned i = 0; i < libpq.used; i++) {
		const struct libpq *copy = libpq_copy(i);

		if (!copy || copy->hidden)
			continue;
		if (only)
			return NULL;
		only = copy;
	}
	return only;
}

bool libpq_comes_first(void)
{
	return libpq.comes_first;
}

const struct libpq *libpq_holding(const void *address)
{
	for (unsigned i = 0; i < libpq.used; i++) {
		const struct libpq *copy = atomic_load_explicit(
			&libpq.alive[i], memory_order_acquire);

		if (copy && (uintptr_t)address >= copy->start &&
		    (uintptr_t)address < copy->end && is_there(copy))
			return copy;
	}
	return NULL;
}

bool libpq_is_code(const void *address)
{
	const struct libpq *copy = libpq_holding(address);

	return copy && copy->standalone;
}

const char *libpq_name(enum libpq_function function)
{
	return names[function];
}

enum libpq_function libpq_named(const char *name)
{
	if (name[0] == 'P' && name[1] == 'Q')
		for (int i = 0; i < LIBPQ_HOOKS; i++)
			if (!strcmp(names[i], name))
				return (enum libpq_function)i;
	return LIBPQ_FUNCTIONS;
}

enum libpq_function libpq_function_at(const struct libpq *copy,
				      const void *address)
{
	for (int i = 0; i < LIBPQ_HOOKS; i++)
		if (address && *(void *const *)&copy->function[i] == address)
			return (enum libpq_function)i;
	return LIBPQ_FUNCTIONS;
}

libpq_code *libpq_front(enum libpq_function function)
{
	return libpq.front[function];
}

bool libpq_has_front(void)
{
	return libpq.front_count;
}

bool libpq_is_front(const void *address)
{
	for (unsigned i = 0; i < libpq.front_count; i++)
		if ((uintptr_t)address >= libpq.fronts[i].start &&
		    (uintptr_t)address < libpq.fronts[i].end)
			return true;
	return false;
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

/* libpq.so.5, or libpq-1a2b3c4d.so.5 as a wheel has it; not libpq_plugin.so. */
static bool is_standalone(const struct object *object)
{
	const char *name = objects_base_name(object->info.dlpi_name);

	return !strncmp(name, "libpq", 5) && (name[5] == '.' || name[5] == '-');
}

static bool lies_in(const struct libpq *copy, const struct object *object)
{
	return copy->object == object->link_map &&
	       copy->start == object->start && copy->file == object->file;
}

/* The same libpq as before is the same copy. */
static struct libpq *known(const struct object *object)
{
	for (unsigned i = 0; i < libpq.used; i++)
		if (libpq_copy(i) && lies_in(&libpq.copies[i], object))
			return &libpq.copies[i];
	return NULL;
}

static bool has_outcomes(libpq_code *const *function)
{
#define ASK(name)                    \
	if (!function[LIBPQ_##name]) \
		return false;
	LIBPQ_OUTCOMES(ASK)
#undef ASK
	return true;
}

/* In a place whose copy is gone. */
static const struct libpq *add(const struct object *object,
			       libpq_code *const *function)
{
	unsigned i = 0;
	struct libpq *copy;

	while (i < LIBPQ_COPIES && libpq_copy(i))
		i++;
	if (i == LIBPQ_COPIES)
		return NULL;
	atomic_store(&libpq.alive[i], NULL);
	copy = &libpq.copies[i];
	copy->serial = ++libpq.serial;
	copy->object = object->link_map;
	copy->file = object->file;
	copy->start = object->start;
	copy->end = object->end;
	copy->standalone = is_standalone(object);
	copy->startup = object->startup;
	copy->lasting = objects_lasts(object);
	copy->hidden = !is_libpq(&object->info);
	copy->outcomes = has_outcomes(function);
	memcpy(copy->function, function, sizeof(copy->function));
	atomic_store_explicit(&libpq.alive[i], copy, memory_order_release);
	if (i >= libpq.used)
		libpq.used = i + 1;
	return copy;
}

static void add_exported(const struct object *object)
{
	libpq_code *function[LIBPQ_FUNCTIONS];

	for (int f = 0; f < LIBPQ_FUNCTIONS; f++)
		*(void **)&function[f] = elf_symbol(&object->info, names[f]);
	add(object, function);
}

/* Of a copy that is in use, either function does: it is not patched yet. */
const struct libpq *libpq_add(const struct object *object,
			      libpq_code *const function[LIBPQ_FUNCTIONS])
{
	struct libpq *copy = known(object);

	if (!copy)
		return add(object, function);
	for (int f = 0; f < LIBPQ_FUNCTIONS; f++)
		copy->function[f] = function[f];
	return copy;
}

/* It passes on what it is called with, and would have to guess what for. */
static bool is_other_shim(const struct object *object)
{
	return !strcmp(objects_base_name(object->info.dlpi_name),
		       PRELOADS_SHIM);
}

/*
 * An object that defines what we hook and is no libpq.  One behind the shim is
 * what the program would call without us; but if a libpq comes before it, that
 * is.
 */
static void add_front(const struct object *object, bool reachable)
{
	bool defines = false;

	if (is_other_shim(object))
		return;
	for (int f = 0; f < LIBPQ_HOOKS; f++) {
		void *address = elf_symbol(&object->info, names[f]);

		defines |= address != NULL;
		if (address && reachable && !libpq.front[f])
			*(void **)&libpq.front[f] = address;
	}
	if (!defines || libpq.front_count == FRONTS)
		return;
	libpq.fronts[libpq.front_count].start = object->start;
	libpq.fronts[libpq.front_count++].end = object->end;
}

static void take_exports(const struct object *shim)
{
	for (int f = 0; f < LIBPQ_HOOKS && !libpq.begun; f++)
		libpq.export[f] = elf_symbol(&shim->info, names[f]);
}

void *libpq_export(enum libpq_function function)
{
	return libpq.export[function];
}

static bool is_loaded(const struct libpq *copy)
{
	for (size_t i = 0; i < objects_count(); i++)
		if (lies_in(copy, objects_at(i)))
			return true;
	return false;
}

/* Another one may come in its place: it would look like the same. */
static void drop_gone(void)
{
	for (unsigned i = 0; i < libpq.used; i++)
		if (!libpq_copy(i) || !is_loaded(&libpq.copies[i]))
			atomic_store(&libpq.alive[i], NULL);
}

void libpq_refresh(void)
{
	bool past_shim = false, past_libpq = false;

	drop_gone();
	for (size_t i = 0; i < objects_count(); i++) {
		const struct object *object = objects_at(i);

		if (scope_is_shim((void *)object->start)) {
			past_shim = true;
			take_exports(object);
		} else if (is_libpq(&object->info)) {
			past_libpq |= past_shim;
			libpq.comes_first |= !past_shim;
			if (!known(object))
				add_exported(object);
		} else if (!libpq.begun) {
			add_front(object, past_shim && !past_libpq);
		}
	}
	libpq.begun = true;
}
