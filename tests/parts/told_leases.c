/* SPDX-License-Identifier: MIT */
/*
 * told_leases - stands where leases are kept, and writes down what it is told
 *
 * Linked into a shim before the real one (--allow-multiple-definition): a line
 * for each event, in the order of the calls, into the file that TOLD names.
 * Handles are written as numbers, so a test's pool hands out small ones.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "preload/leases.h"
#include "preload/recording.h"

static const char *const ends[] = {
	[LEASE_ACQUIRED] = "acquired",
	[LEASE_NOTHING] = "nothing",
	[LEASE_ERROR] = "error",
	[LEASE_EXCEPTION] = "exception",
};

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
	const char *path = getenv("TOLD");
	char line[256];
	va_list arguments;
	int fd, length;

	if (!path || (fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
				0600)) < 0)
		return;
	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (write(fd, line, (size_t)length) != length)
		abort();
	close(fd);
}

uint64_t lease_key(uint64_t first, uint64_t second, bool pair)
{
	return pair ? first * 1000 + second : first;
}

void leases_try(struct lease_try *try, const struct lease_pool *pool)
{
	recording_lock(); /* the first one makes the record */
	recording_unlock();
	try->pool = (void *)(uintptr_t)pool->object;
	tell("try %s\n", pool->function);
}

void leases_tried(struct lease_try *try, enum lease_end end, uint64_t handle,
		  const char *function, const void *caller)
{
	(void)caller;
	if (end == LEASE_ACQUIRED)
		tell("acquired %s %lu of %lu\n", function, handle,
		     (uint64_t)(uintptr_t)try->pool);
	else
		tell("%s %s\n", ends[end], function);
}

void leases_releasing(const struct lease_pool *pool, uint64_t handle,
		      const char *function, const void *caller)
{
	(void)caller;
	tell("releasing %s %lu of %lu\n", function, handle,
	     (uint64_t)(uintptr_t)pool->object);
}

void leases_capacity(const struct lease_pool *pool, uint64_t n)
{
	tell("capacity %lu of %lu\n", n, (uint64_t)(uintptr_t)pool->object);
}

static _Thread_local int inside;

void leases_enter(void)
{
	inside++;
}

void leases_leave(void)
{
	if (--inside < 0)
		abort();
}

bool leases_inside(void)
{
	return inside;
}
