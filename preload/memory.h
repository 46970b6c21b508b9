/* SPDX-License-Identifier: MIT */
/*
 * memory - the shim's own memory, apart from the program's heap
 *
 * The shim allocates inside calls of the program that never did.  Doing so by
 * malloc would enter an allocator that may be the program's own, that may be
 * holding its lock, and whose addresses the program would see move.
 *
 * The caller keeps two threads from allocating at a time.
 */
#ifndef PRELOAD_MEMORY_H
#define PRELOAD_MEMORY_H

#include <stddef.h>

/* Not zeroed, aligned to 16 bytes; NULL when the system has no more. */
void *memory_take(size_t size);
/* `size` as it was taken. */
void memory_give(void *memory, size_t size);
/*
 * Whole pages, zeroed, which nothing else knows of: these need no lock, and
 * also a signal handler or a child of vfork() may take them for a moment.
 */
void *memory_map(size_t size);
void memory_unmap(void *mapped, size_t size);
/*
 * Forgets everything that was taken: in a child of fork(), where another
 * thread of the parent may have been inside memory_take().
 */
void memory_forget(void);

#endif
