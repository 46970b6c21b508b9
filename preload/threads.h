/* SPDX-License-Identifier: MIT */
/*
 * threads - the other threads of this process, as the kernel tells of them
 *
 * Inside a guard.
 */
#ifndef PRELOAD_THREADS_H
#define PRELOAD_THREADS_H

#include <stdbool.h>
#include <stddef.h>

/* Whether this thread is sure to be the only one. */
bool threads_is_only(void);

/*
 * Whether another one is known to be at an instruction behind the first byte
 * of that code: what waits in the kernel says where; what runs does not.
 */
bool threads_any_in(const void *code, size_t size);

#endif
