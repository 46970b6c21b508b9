/* SPDX-License-Identifier: MIT */
#include "preload/moments.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "preload/lifecycle.h"
#include "preload/scan/scan.h"
#include "preload/scope.h"

#define EXPORT __attribute__((visibility("default")))

/* The C++ runtime's ways to register a destructor; no header has them. */
int __cxa_atexit(void (*function)(void *), void *argument, void *object);
int __cxa_thread_atexit_impl(void (*function)(void *), void *argument,
			     void *object);

static _Atomic(bool) watching;

/*
 * Objects in thread-local storage are destroyed before the first exit handler
 * runs: what they held looks lost by then.
 */
static _Thread_local bool has_destructors;

/*
 * Registers that the caller need not have stored are stored in this frame, and
 * the search begins below it.
 */
static __attribute__((noinline)) void look(enum record_moment moment)
{
	__builtin_unwind_init();
	if (lifecycle_has_begun())
		scan_at_end(moment);
}

static void first_handler(int status, void *unused)
{
	(void)status;
	(void)unused;
	look(has_destructors ? MOMENT_LATE : MOMENT_MAIN);
}

static void stay_first(void)
{
	const int error = errno;

	if (atomic_load_explicit(&watching, memory_order_relaxed))
		REAL_SYSTEM(on_exit)(first_handler, NULL);
	errno = error;
}

void moments_watch(void)
{
	if (!atomic_exchange(&watching, true))
		stay_first();
}

void moments_ends(void)
{
	look(MOMENT_EXIT);
}

EXPORT void exit(int status)
{
	look(MOMENT_EXIT);
	REAL_SYSTEM(exit)(status);
}

EXPORT int __cxa_atexit(void (*function)(void *), void *argument, void *object)
{
	const int result =
		REAL_SYSTEM(__cxa_atexit)(function, argument, object);

	stay_first();
	return result;
}

EXPORT int on_exit(void (*function)(int, void *), void *argument)
{
	const int result = REAL_SYSTEM(on_exit)(function, argument);

	stay_first();
	return result;
}

EXPORT int __cxa_thread_atexit_impl(void (*function)(void *), void *argument,
				    void *object)
{
	has_destructors = true;
	return REAL_SYSTEM(__cxa_thread_atexit_impl)(function, argument,
						     object);
}
