/* SPDX-License-Identifier: MIT */
#include "preload/scope.h"

#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "preload/elf.h"
#include "preload/objects.h"
#include "preload/preloads.h"

/* Where the linker put the shim. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

static const char *const names[SYSTEM_FUNCTIONS] = {
#define SYSTEM(name) #name,
#include "preload/system.def"
};

/* Written once; `found` says that all are there. */
static struct {
	system_code *next[SYSTEM_FUNCTIONS], *own[SYSTEM_FUNCTIONS];
	system_code *libc[SYSTEM_FUNCTIONS];
	_Atomic(bool) found;
} scope;

int scope_is_shim(const void *address)
{
	return (const char *)address >= __ehdr_start &&
	       (const char *)address < _end;
}

void scope_range(uintptr_t *ret_start, uintptr_t *ret_end)
{
	*ret_start = (uintptr_t)__ehdr_start;
	*ret_end = ((uintptr_t)_end + 4095) & ~(uintptr_t)4095;
}

static void take(const struct link_map *object, system_code **functions)
{
	for (int i = 0; i < SYSTEM_FUNCTIONS; i++)
		if (!functions[i])
			*(void **)&functions[i] = elf_symbol_of(
				object->l_addr, object->l_ld, names[i]);
}

static bool is_libc(const struct link_map *object)
{
	return elf_symbol_of(object->l_addr, object->l_ld,
			     "gnu_get_libc_version");
}

/*
 * Objects come in the order in which symbols are looked up in them.  Without
 * a lock: two that come at a time write the same.
 */
void scope_find(void)
{
	struct dl_find_object shim;
	const struct link_map *object;

	if (_dl_find_object((void *)__ehdr_start, &shim))
		return;
	take(shim.dlfo_link_map, scope.own);
	for (object = shim.dlfo_link_map->l_next; object;
	     object = object->l_next) {
		take(object, scope.next);
		if (is_libc(object))
			take(object, scope.libc);
	}
	atomic_store_explicit(&scope.found, true, memory_order_release);
}

/* Another file with the same name: a link to the same one is loaded once. */
bool scope_is_second(void)
{
	struct dl_find_object shim;
	const struct link_map *object;

	if (_dl_find_object((void *)__ehdr_start, &shim))
		return false;
	for (object = shim.dlfo_link_map->l_prev; object;
	     object = object->l_prev)
		if (!strcmp(objects_base_name(object->l_name), PRELOADS_SHIM))
			return true;
	return false;
}

system_code *system_next(enum system_function function)
{
	if (!atomic_load_explicit(&scope.found, memory_order_acquire))
		scope_find();
	return scope.next[function];
}

system_code *system_libc(enum system_function function)
{
	return system_next(function) ? scope.libc[function] : NULL;
}

void *scope_real(enum system_function function)
{
	return *(void **)&scope.next[function];
}

void *scope_export(const char *name)
{
	for (int i = 0; i < SYSTEM_FUNCTIONS; i++)
		if (!strcmp(names[i], name))
			return *(void **)&scope.own[i];
	return NULL;
}

void *scope_export_of(const void *real)
{
	for (int i = 0; i < SYSTEM_FUNCTIONS; i++)
		if (real && *(void **)&scope.next[i] == real)
			return *(void **)&scope.own[i];
	return NULL;
}
