/* SPDX-License-Identifier: MIT */
#include "preload/static_libpq.h"

#include <string.h>

#include "preload/guard.h"
#include "preload/hooks.h"
#include "preload/libpq.h"
#include "preload/line.h"
#include "preload/loader.h"
#include "preload/patch.h"
#include "preload/linked.h"
#include "preload/recording.h"

/* Six arguments come in registers; hooks.def knows functions with eight. */
#define ON_STACK(...)				      ON_STACK_(__VA_ARGS__, 2, 1, 0, 0, 0, 0, 0, 0, )
#define ON_STACK_(a, b, c, d, e, f, g, h, words, ...) words
#define OPEN(...)				      __VA_ARGS__

#define ROW(name, result, params) \
	[LIBPQ_##name] = { PATCH_RETURNS_##result, ON_STACK params },
#define ACQUIRE(name, returns, params, ...) ROW(name, WORD, params)
#define RELEASE(name, returns, params, ...) ROW(name, NOTHING, params)
#define ADVANCE(name, returns, params, ...) ROW(name, WORD, params)
#define RESTART(name, returns, params, ...) ROW(name, WORD, params)
#define RESET(name, returns, params, ...)   ROW(name, NOTHING, params)
#define PASS(name, returns, params, ...)    ROW(name, WORD, params)
#define USE(name, returns, params, ...)	    ROW(name, WORD, params)

static const struct {
	enum patch_result result;
	unsigned stack_words;
} shapes[LIBPQ_HOOKS] = {
#include "preload/hooks.def"
};

/* All that is known of it while it is being hooked. */
struct static_libpq {
	struct linked_function found[LIBPQ_FUNCTIONS];
	struct dl_phdr_info program;
	struct patch patches[LIBPQ_HOOKS];
	struct patch_near near;
	enum libpq_function patched[LIBPQ_HOOKS]; /* by the patches */
	size_t count;				  /* of these */
	libpq_code *function[LIBPQ_FUNCTIONS];
	const struct libpq *copy;
	char why[256];
};

static bool is_acquire(enum libpq_function function)
{
	switch (function) {
#define ACQUIRE(name, ...) \
	case LIBPQ_##name: \
		return true;
#define RELEASE(...)
#define ADVANCE(...)
#define RESTART(...)
#define RESET(...)
#define PASS(...)
#define USE(...)
#include "preload/hooks.def"
	default:
		return false;
	}
}

/* Whether the program can make a connection with a libpq of its own. */
static bool is_inside(struct static_libpq *s)
{
	bool acquires = false;

	for (int f = 0; f < LIBPQ_FUNCTIONS; f++)
		s->found[f].name = libpq_name((enum libpq_function)f);
	if (!linked_find(s->found, LIBPQ_FUNCTIONS))
		return false;
	for (int f = 0; f < LIBPQ_HOOKS; f++)
		acquires |= s->found[f].address &&
			    is_acquire((enum libpq_function)f);
	return acquires;
}

static bool refuse(struct static_libpq *s, enum libpq_function function,
		   const char *why)
{
	strcpy(s->why, libpq_name(function));
	strcat(s->why, ": ");
	strncat(s->why, why, sizeof(s->why) - strlen(s->why) - 1);
	return false;
}

/*
 * Optimization at link time leaves local what was global, and calls of it that
 * nobody sees: they are part of the caller.
 */
static const char *why_unsure(const struct linked_function *found, bool hooked)
{
	if (found->twice)
		return "several functions have this name";
	if (found->address && found->local && hooked)
		return "it is local, and may have been inlined by the linker";
	return NULL;
}

static bool is_complete(struct static_libpq *s)
{
	for (int f = 0; f < LIBPQ_FUNCTIONS; f++) {
		const char *why = why_unsure(&s->found[f], f < LIBPQ_HOOKS);

		if (why)
			return refuse(s, (enum libpq_function)f, why);
	}
	if (!s->found[LIBPQ_PQstatus].address)
		return refuse(s, LIBPQ_PQstatus, "it is not there");
	return true;
}

static bool prepare(struct static_libpq *s)
{
	const char *why = NULL;
	size_t prepared;

	for (int f = 0; f < LIBPQ_HOOKS; f++)
		if (s->found[f].address) {
			s->patched[s->count] = (enum libpq_function)f;
			s->patches[s->count++] = (struct patch){
				.function = s->found[f].address,
				.size = s->found[f].size,
				.result = shapes[f].result,
				.stack_words = shapes[f].stack_words,
			};
		}
	if (!patch_open(&why))
		return refuse(s, s->patched[0], why);
	linked_program(&s->program);
	prepared = patch_prepare(s->patches, s->count, &s->program, &s->near);
	patch_close();
	if (prepared == s->count)
		return true;
	for (size_t i = 0; i < s->count; i++)
		if (s->patches[i].why)
			return refuse(s, s->patched[i], s->patches[i].why);
	return false;
}

static void *nobody_answers(const PGconn *conn)
{
	(void)conn;
	return NULL;
}

static void take_functions(struct static_libpq *s)
{
	for (int f = LIBPQ_HOOKS; f < LIBPQ_FUNCTIONS; f++)
		if (s->found[f].address)
			*(void **)&s->function[f] = s->found[f].address;
		else if (f < LIBPQ_PQtransactionStatus)
			s->function[f] = (libpq_code *)nobody_answers;
	for (size_t i = 0; i < s->count; i++)
		s->function[s->patched[i]] = s->patches[i].original;
}

static void add_copy(void *data)
{
	struct static_libpq *s = data;
	const struct object *program =
		objects_find(s->found[LIBPQ_PQstatus].address);

	if (program)
		s->copy = libpq_add(program, s->function);
}

/* From its first jump on, a function may be called: all else is ready then. */
static bool apply(struct static_libpq *s)
{
	take_functions(s);
	objects_hold(add_copy, s);
	if (!s->copy || !hooks_thunk(s->copy, s->patched[0]))
		return refuse(s, s->patched[0], "too many libpqs are loaded");
	for (size_t i = 0; i < s->count; i++)
		*(void **)&s->patches[i].hook =
			hooks_thunk(s->copy, s->patched[i]);
	if (!patch_apply(s->patches, s->count, &s->near))
		return refuse(s, s->patched[0], s->patches[0].why);
	loader_look_again();
	return true;
}

static void say_why(const struct static_libpq *s)
{
	struct line line;

	line_begin(&line, "static");
	line_word(&line, s->why);
	line_log(&line, recording_folder());
}

void static_libpq_hook(void)
{
	static struct static_libpq inside;
	struct guard guard;

	guard_enter(&guard);
	if (is_inside(&inside) &&
	    (!is_complete(&inside) || !prepare(&inside) || !apply(&inside)))
		say_why(&inside);
	guard_leave(&guard);
}
