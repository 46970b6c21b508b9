/* SPDX-License-Identifier: MIT */
#include "preload/moments.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "preload/ending.h"
#include "preload/lifecycle.h"
#include "preload/scan/scan.h"
#include "preload/scope.h"

#define EXPORT __attribute__((visibility("default")))

/* Below its own address a frame has the registers that were stored first. */
#define FRAME 64

/* In glibc 2.36's struct pthread. */
#define THREAD_ID      0x2d0
#define THREAD_STATE   0x308
#define THREAD_EXITING 0x10

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

/* Where main has its return address, and what that is; 0: not known. */
uintptr_t moments_main_sp, moments_main_return;

/* The functions that moments_x86_64.S enters. */
void moments_exit(int status, const uintptr_t *registers, uintptr_t sp);
void moments_quick_exit(int status, const uintptr_t *registers, uintptr_t sp);
void moments_raw_exit(int status, const uintptr_t *registers, uintptr_t sp);
void moments_standard_exit(int status, const uintptr_t *registers,
			   uintptr_t sp);
system_code *moments_real_start(void);

static void look(enum record_moment moment, const uintptr_t *registers,
		 uintptr_t sp)
{
	if (lifecycle_has_begun())
		scan_at_end(moment, registers, sp);
}

/*
 * The call of exit() after main has its return address where main had its own:
 * both were called from there.
 */
static bool main_has_returned(void)
{
	return moments_main_sp && gettid() == getpid() &&
	       *(const uintptr_t *)moments_main_sp != moments_main_return;
}

/*
 * Called from deep in the C library.  Its frames, and ours, have the registers
 * of whoever called it, somewhere.
 */
static __attribute__((noinline)) void look_from_here(void)
{
	__builtin_unwind_init();
	look(MOMENT_EXIT, NULL, (uintptr_t)__builtin_frame_address(0) - FRAME);
}

/*
 * pthread_exit() takes the data of the thread's keys before the last thread's
 * end becomes the process's.  Glibc 2.36 has its word for it in struct pthread;
 * where that is not what it is there, nobody knows.
 */
static bool thread_has_ended(void)
{
	const char *self = __builtin_thread_pointer();

	return *(const int *)(self + THREAD_ID) != gettid() ||
	       *(const int *)(self + THREAD_STATE) & THREAD_EXITING;
}

static void first_handler(int status, void *unused)
{
	(void)status;
	(void)unused;
	if (has_destructors || thread_has_ended())
		look(MOMENT_LATE, NULL, (uintptr_t)__builtin_frame_address(0));
	else if (main_has_returned())
		look(MOMENT_MAIN, NULL, moments_main_sp + sizeof(uintptr_t));
	else
		look_from_here();
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

void moments_exit(int status, const uintptr_t *registers, uintptr_t sp)
{
	look(MOMENT_EXIT, registers, sp);
	REAL_SYSTEM(exit)(status);
}

void moments_quick_exit(int status, const uintptr_t *registers, uintptr_t sp)
{
	look(MOMENT_EXIT, registers, sp);
	ending_mark(MARK_QUICK_EXIT, status);
	REAL_SYSTEM(quick_exit)(status);
}

void moments_raw_exit(int status, const uintptr_t *registers, uintptr_t sp)
{
	look(MOMENT_EXIT, registers, sp);
	ending_mark(MARK_RAW_EXIT, status);
	REAL_SYSTEM(_exit)(status);
}

void moments_standard_exit(int status, const uintptr_t *registers, uintptr_t sp)
{
	look(MOMENT_EXIT, registers, sp);
	ending_mark(MARK_RAW_EXIT, status);
	REAL_SYSTEM(_Exit)(status);
}

system_code *moments_real_start(void)
{
	return system_next(SYSTEM___libc_start_main);
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
