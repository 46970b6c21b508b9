/* SPDX-License-Identifier: MIT */
#include "preload/byname.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "preload/choice.h"
#include "preload/hooks.h"
#include "preload/lifecycle.h"

static struct loader_answer answer(void *value)
{
	return (struct loader_answer){ .value = value };
}

#define UNDEFINED ": undefined symbol: "

/* In this thread: what dlerror() shall say instead of naming the shim. */
static _Thread_local char missing[512];

static void add(char *out, size_t size, const char *text)
{
	const size_t length = strlen(out);

	strncpy(out + length, text, size - length - 1);
}

struct naming {
	const void *code;
	char *out;
	size_t size;
};

static void add_name(void *data)
{
	const struct naming *naming = data;
	const struct object *object =
		naming->code ? objects_find(naming->code) : NULL;
	const char *name = object ? object->info.dlpi_name : NULL;

	add(naming->out, naming->size,
	    name && name[0] ? name : program_invocation_name);
}

/* What the loader says of it has the words that it has for the caller. */
static void is_missing(const void *caller, const char *name)
{
	struct naming naming = { .code = caller,
				 .out = missing,
				 .size = sizeof(missing) };

	memset(missing, 0, sizeof(missing));
	objects_hold(add_name, &naming);
	add(missing, sizeof(missing), UNDEFINED);
	add(missing, sizeof(missing), name);
}

__attribute__((visibility("default"))) char *dlerror(void)
{
	char *text = REAL_SYSTEM(dlerror)();

	if (text && missing[0] && strstr(text, "libconnleak.so" UNDEFINED))
		return missing;
	return text;
}

/* The real function, if there is no thunk left. */
static void *thunk_of(const struct libpq *copy, enum libpq_function function)
{
	void *thunk = hooks_thunk(copy, function);

	return thunk ? thunk : *(void *const *)&copy->function[function];
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
	return thunk_of(copy, function);
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
	const struct libpq *made; /* the caller's choice for its own calls */
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
	q->made = choice_made(q->caller);
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
	/* Names are looked up anew; by our export it would be called as ever.
	 */
	if (q.copy && q.made && q.copy != q.made && handle == RTLD_DEFAULT)
		return answer(thunk_of(q.copy, q.function));
	if (q.copy && q.deep && handle == RTLD_DEFAULT)
		return answer(in_place_of(q.copy, q.function));
	if (q.copy || libpq_front(q.function))
		return loader_jump(SYSTEM_dlsym);
	is_missing(caller, name);
	return answer(REAL_SYSTEM(dlsym)(RTLD_NEXT, name));
}

/* An explicit handle means the same whoever asks. */
static struct loader_answer by_handle(void *found, const char *name)
{
	if (!found || !scope_is_shim(found) || LIBC(dlsym)(RTLD_NEXT, name))
		return answer(instead(found));
	is_missing(NULL, name);
	return answer(NULL);
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

struct loader_answer byname_dlsym(void *handle, const char *name,
				  const void *unused, const void *caller)
{
	(void)unused;
	if (!is_time_for(name))
		return loader_jump(SYSTEM_dlsym);
	loader_notice();
	if (libpq_named(name) == LIBPQ_FUNCTIONS)
		return loader_jump(SYSTEM_dlsym);
	if (handle == RTLD_DEFAULT || handle == RTLD_NEXT)
		return by_scope(handle, name, caller);
	return by_handle(REAL_SYSTEM(dlsym)(handle, name), name);
}

struct before {
	const void *caller;
	bool is;
};

static void look_who_is_first(void *data)
{
	struct before *before = data;
	const struct object *object = objects_find(before->caller);

	for (size_t i = 0; i < objects_count(); i++) {
		if (scope_is_shim((void *)objects_at(i)->start))
			return;
		before->is |= objects_at(i) == object;
	}
}

/*
 * Our exports have no versions, so who asks for one is led past them, to the
 * C library: as a program does that has a dlsym of its own and looks for the
 * next.  Standing before us, it shall find us.
 */
static bool is_hidden_from(const void *caller, const char *name,
			   const char *version)
{
	struct before before = { .caller = caller };
	void *own = scope_export(name);

	if (!own ||
	    scope_export_of(LIBC(dlvsym)(RTLD_NEXT, name, version)) != own)
		return false;
	objects_hold(look_who_is_first, &before);
	return before.is;
}

struct loader_answer byname_dlvsym(void *handle, const char *name,
				   const char *version, const void *caller)
{
	if (!is_time_for(name))
		return loader_jump(SYSTEM_dlvsym);
	loader_notice();
	if ((handle == RTLD_NEXT || handle == RTLD_DEFAULT) &&
	    is_hidden_from(caller, name, version))
		return answer(scope_export(name));
	if (libpq_named(name) == LIBPQ_FUNCTIONS || handle == RTLD_DEFAULT ||
	    handle == RTLD_NEXT)
		return loader_jump(SYSTEM_dlvsym);
	return by_handle(REAL_SYSTEM(dlvsym)(handle, name, version), name);
}
