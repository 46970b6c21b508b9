/* SPDX-License-Identifier: MIT */
#include "preload/scope.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "preload/elf.h"
#include "preload/guard.h"
#include "preload/lock.h"

/* Where the linker put the shim. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

static const char *const names[SYSTEM_FUNCTIONS] = {
#define SYSTEM(name) #name,
#include "preload/system.def"
};

/* Written once, under LOCK_SCOPE; `found` says that all are there. */
static struct {
	system_code *next[SYSTEM_FUNCTIONS], *own[SYSTEM_FUNCTIONS];
	_Atomic(bool) found;
} scope;

int scope_is_shim(const void *address)
{
	return (const char *)address >= __ehdr_start &&
	       (const char *)address < _end;
}

static void take(const struct dl_phdr_info *object, system_code **functions)
{
	for (int i = 0; i < SYSTEM_FUNCTIONS; i++)
		if (!functions[i])
			*(void **)&functions[i] = elf_symbol(object, names[i]);
}

/* Objects come in the order in which symbols are looked up in them. */
static int look_at(struct dl_phdr_info *object, size_t size, void *data)
{
	bool *past_shim = data;
	uintptr_t start, end;

	(void)size;
	elf_range(object, &start, &end);
	if (scope_is_shim((const void *)start)) {
		*past_shim = true;
		take(object, scope.own);
	} else if (*past_shim) {
		take(object, scope.next);
	}
	return 0;
}

void scope_find(void)
{
	bool past_shim = false;
	struct guard guard;

	guard_enter(&guard);
	lock_take(LOCK_SCOPE);
	if (!atomic_load(&scope.found))
		dl_iterate_phdr(look_at, &past_shim);
	atomic_store_explicit(&scope.found, true, memory_order_release);
	lock_give(LOCK_SCOPE);
	guard_leave(&guard);
}

system_code *system_next(enum system_function function)
{
	if (!atomic_load_explicit(&scope.found, memory_order_acquire))
		scope_find();
	return scope.next[function];
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
