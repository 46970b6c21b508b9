/* SPDX-License-Identifier: MIT */
#include "preload/loader.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "preload/choice.h"
#include "preload/elf.h"
#include "preload/guard.h"
#include "preload/hooked.h"
#include "preload/lifecycle.h"
#include "preload/modules.h"
#include "preload/moments.h"
#include "preload/slots.h"
#include "preload/stack.h"
#include "preload/tracker.h"

/* The generation that slots_repair() has been through; 0: not the whole. */
static _Atomic(uint64_t) repaired;
/* Something may be seen by everybody now that was loaded before. */
static _Atomic(bool) promoted;

static void look(void *unused)
{
	(void)unused;
	libpq_refresh();
	choice_refresh();
	slots_repair();
	atomic_store(&repaired, objects_whole() ? objects_generation() : 0);
}

/*
 * Opens the unwinder.  An error that the loader notes here is not the
 * program's to find.
 */
static void prepare_for_handles(void)
{
	static _Atomic(bool) begun;

	if (!atomic_exchange(&begun, true)) {
		stack_open();
		moments_watch();
	}
	LIBC(dlerror)();
}

/* Asks the loader which libpq everybody sees. */
static void prepare_for_libpq(void)
{
	static _Atomic(bool) begun;

	choice_set_global(LIBC(dlsym)(RTLD_NEXT, "PQfinish"));
	prepare_for_handles();
	if (!atomic_exchange(&begun, true))
		tracker_begin();
}

static void prepare(bool looked)
{
	if (looked && libpq_any())
		prepare_for_libpq();
	if (hooked_notice())
		prepare_for_handles();
}

/*
 * Most calls of dlsym find nothing new, and may be many: they pay no system
 * call.  What the guard and our lock keep out could not be survived in the
 * real dlsym either, which holds the loader's lock.
 */
void loader_notice(void)
{
	struct guard guard;

	if (modules_generation() == atomic_load(&repaired) &&
	    !atomic_load(&promoted))
		return;
	atomic_store(&promoted, false);
	guard_enter(&guard);
	prepare(objects_hold(look, NULL));
	guard_leave(&guard);
}

/* One dlopen with RTLD_DEEPBIND, that has returned. */
struct deep_load {
	const void *handle;
	uint64_t before; /* the generation */
};

static void look_deep(void *data)
{
	const struct deep_load *load = data;

	objects_mark_deep(load->handle, load->before);
	look(NULL);
}

static void notice_deep(const void *handle, uint64_t before)
{
	struct deep_load load = { .handle = handle, .before = before };
	struct guard guard;

	guard_enter(&guard);
	prepare(objects_hold(look_deep, &load));
	guard_leave(&guard);
}

void loader_look_again(void)
{
	atomic_store(&promoted, true);
}

/* How many dlopens of its own each thread is in, by way of us. */
static _Thread_local unsigned loading;

void loader_catch_up(void)
{
	if (loading)
		loader_notice();
}

struct search {
	const char *file;
	const void *caller;
	bool for_anybody;
};

/* Whether a search that begins there goes where all others go. */
static void look_for_paths(void *data)
{
	struct search *search = data;
	const struct object *from = objects_find(search->caller);

	if (!from)
		from = objects_at(0);
	search->for_anybody =
		!elf_dynamic_value(&from->info, DT_RUNPATH) &&
		!(elf_dynamic_value(&from->info, DT_FLAGS_1) & DF_1_NODEFLIB);
	for (size_t i = 0; i < objects_count(); i++)
		if (elf_dynamic_value(&objects_at(i)->info, DT_RPATH))
			search->for_anybody = false;
}

/*
 * What means the same whoever asks is loaded from here, to look at what came
 * of it before the program goes on: a module may connect without ever being
 * asked for a symbol.  A name without a slash is looked for in the folders
 * that the caller names, if it does.
 */
static bool is_for_anybody(const char *file, const void *caller)
{
	struct search search = { .caller = caller };

	if (!file || strchr(file, '$'))
		return false;
	if (strchr(file, '/'))
		return true;
	return objects_hold(look_for_paths, &search) && search.for_anybody;
}

struct loader_answer loader_dlopen(const char *file, int flags,
				   const void *unused, const void *caller)
{
	const bool deep = flags & RTLD_DEEPBIND;
	uint64_t before;
	void *handle;

	(void)unused;
	if (!lifecycle_ready())
		return loader_jump(SYSTEM_dlopen);
	loader_notice();
	if (flags & RTLD_GLOBAL)
		atomic_store(&promoted, true);
	if (!is_for_anybody(file, caller)) {
		objects_expect_deep(deep);
		if (deep)
			objects_deep_begins();
		return loader_jump(SYSTEM_dlopen);
	}
	before = modules_generation();
	if (deep)
		objects_deep_begins();
	loading++;
	handle = REAL_SYSTEM(dlopen)(file, flags);
	loading--;
	if (handle && deep)
		notice_deep(handle, before);
	else if (handle)
		loader_notice();
	if (deep)
		objects_deep_ends();
	return (struct loader_answer){ .value = handle };
}
