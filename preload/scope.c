/* SPDX-License-Identifier: MIT */
#include "preload/scope.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

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
	system_code *next[SYSTEM_FUNCTIONS];
	_Atomic(bool) found;
} scope;

int scope_is_shim(const void *address)
{
	return (const char *)address >= __ehdr_start &&
	       (const char *)address < _end;
}

/* Objects come in the order in which symbols are looked up in them. */
static int take_next(struct dl_phdr_info *object, size_t size, void *data)
{
	bool *past_shim = data;
	uintptr_t start, end;

	(void)size;
	elf_range(object, &start, &end);
	if (scope_is_shim((const void *)start))
		*past_shim = true;
	else if (*past_shim)
		for (int i = 0; i < SYSTEM_FUNCTIONS; i++)
			if (!scope.next[i])
				*(void **)&scope.next[i] =
					elf_symbol(object, names[i]);
	return 0;
}

static void find_all(void)
{
	bool past_shim = false;
	struct guard guard;

	guard_enter(&guard);
	lock_take(LOCK_SCOPE);
	if (!atomic_load(&scope.found))
		dl_iterate_phdr(take_next, &past_shim);
	atomic_store_explicit(&scope.found, true, memory_order_release);
	lock_give(LOCK_SCOPE);
	guard_leave(&guard);
}

system_code *system_next(enum system_function function)
{
	if (!atomic_load_explicit(&scope.found, memory_order_acquire))
		find_all();
	return scope.next[function];
}
