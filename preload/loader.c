/* SPDX-License-Identifier: MIT */
#include "preload/loader.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "preload/choice.h"
#include "preload/guard.h"
#include "preload/hooks.h"
#include "preload/lifecycle.h"
#include "preload/modules.h"
#include "preload/slots.h"
#include "preload/stack.h"
#include "preload/tracker.h"

static struct loader_answer as_without_us(enum system_function function)
{
	return (struct loader_answer){ .jump = system_next(function) };
}

static struct loader_answer answer(void *value)
{
	return (struct loader_answer){ .value = value };
}

/* The generation that slots_repair() has been through. */
static _Atomic(uint64_t) repaired;

static void look(void *unused)
{
	(void)unused;
	libpq_refresh();
	slots_repair();
	atomic_store(&repaired, objects_generation());
}

/*
 * Asks the loader which libpq everybody sees, and opens the unwinder.  An
 * error that the loader notes here is not the program's to find.
 */
static void prepare(void)
{
	static _Atomic(bool) begun;

	choice_set_global(REAL_SYSTEM(dlsym)(RTLD_NEXT, "PQfinish"));
	if (!atomic_exchange(&begun, true)) {
		stack_open();
		tracker_begin();
	}
	dlerror();
}

/*
 * Most calls of dlsym find nothing new, and may be many: they pay no system
 * call.  What the guard and our lock keep out could not be survived in the
 * real dlsym either, which holds the loader's lock.
 */
void loader_notice(void)
{
	struct guard guard;

	if (modules_generation() == atomic_load(&repaired))
		return;
	guard_enter(&guard);
	if (objects_hold(look, NULL) && libpq_any())
		prepare();
	guard_leave(&guard);
}

/*
 * A name with a slash means the same whoever asks: such a load is made from
 * here, to look at what came of it before the program goes on.  A module may
 * connect without ever being asked for a symbol.
 */
static bool is_for_anybody(const char *file)
{
	return file && strchr(file, '/') && !strchr(file, '$');
}

struct loader_answer loader_dlopen(const char *file, int flags,
				   const void *unused, const void *caller)
{
	void *handle;

	(void)unused;
	(void)caller;
	if (!lifecycle_ready())
		return as_without_us(SYSTEM_dlopen);
	loader_notice();
	objects_expect_deep(flags & RTLD_DEEPBIND);
	if (!is_for_anybody(file))
		return as_without_us(SYSTEM_dlopen);
	handle = REAL_SYSTEM(dlopen)(file, flags);
	if (handle)
		loader_notice();
	objects_expect_deep(false);
	return answer(handle);
}

/*
 * In place of libpq's own function: our export, where that leads to the same
 * copy (the program may compare it with the address that it was linked to),
 * and a thunk elsewhere.
 */
static void *in_place_of(const struct libpq *copy, enum libpq_function function)
{
	if (choice_is_everybodys(copy))
		return libpq_export(function);
	return hooks_thunk(copy, function);
}

static void *instead(void *found)
{
	const struct libpq *copy = libpq_holding(found);
	const enum libpq_function function =
		copy ? libpq_function_at(copy, found) : LIBPQ_FUNCTIONS;

	return function == LIBPQ_FUNCTIONS ? found
					   : in_place_of(copy, function);
}

struct question {
	const void *caller;
	enum libpq_function function;
	const struct libpq *copy; /* NULL: none has it */
	bool deep;
};

static void ask(void *data)
{
	struct question *q = data;
	const struct object *object = objects_find(q->caller);

	q->deep = object && object->deep;
	q->copy = q->deep ? choice_nearest(q->caller) : NULL;
	if (!q->copy)
		q->copy = choice_visible(q->caller);
	if (q->copy && !q->copy->function[q->function])
		q->copy = NULL;
}

/*
 * The loader would find our export first, but for a caller that was loaded
 * with RTLD_DEEPBIND.  Where nobody behind us has the function, it shall find
 * nothing, and say so.
 */
static struct loader_answer by_scope(void *handle, const char *name,
				     const void *caller)
{
	struct question q = { .caller = caller, .function = libpq_named(name) };

	objects_hold(ask, &q);
	if (q.copy && q.deep && handle == RTLD_DEFAULT)
		return answer(in_place_of(q.copy, q.function));
	if (q.copy || libpq_front(q.function))
		return as_without_us(SYSTEM_dlsym);
	return answer(REAL_SYSTEM(dlsym)(RTLD_NEXT, name));
}

/* An explicit handle means the same whoever asks. */
static struct loader_answer by_handle(void *found, const char *name)
{
	if (found && scope_is_shim(found) &&
	    !REAL_SYSTEM(dlsym)(RTLD_NEXT, name))
		return answer(NULL);
	return answer(instead(found));
}

/*
 * A sanitizer asks before anything else has begun, and while it does it cannot
 * bear to be called: for no name but libpq's the shim begins here.
 */
static bool is_time_for(const char *name)
{
	if (libpq_named(name) == LIBPQ_FUNCTIONS)
		return lifecycle_has_begun();
	return lifecycle_ready();
}

struct loader_answer loader_dlsym(void *handle, const char *name,
				  const void *unused, const void *caller)
{
	(void)unused;
	if (!is_time_for(name))
		return as_without_us(SYSTEM_dlsym);
	loader_notice();
	if (libpq_named(name) == LIBPQ_FUNCTIONS)
		return as_without_us(SYSTEM_dlsym);
	if (handle == RTLD_DEFAULT || handle == RTLD_NEXT)
		return by_scope(handle, name, caller);
	return by_handle(REAL_SYSTEM(dlsym)(handle, name), name);
}

struct loader_answer loader_dlvsym(void *handle, const char *name,
				   const char *version, const void *caller)
{
	(void)caller;
	if (!is_time_for(name))
		return as_without_us(SYSTEM_dlvsym);
	loader_notice();
	if (libpq_named(name) == LIBPQ_FUNCTIONS || handle == RTLD_DEFAULT ||
	    handle == RTLD_NEXT)
		return as_without_us(SYSTEM_dlvsym);
	return by_handle(REAL_SYSTEM(dlvsym)(handle, name, version), name);
}
