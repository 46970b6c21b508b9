/* SPDX-License-Identifier: MIT */
/*
 * arena - memory that lives as long as the report it belongs to
 *
 * Everything allocated from an arena is freed at once by arena_release();
 * nothing is freed alone.  Allocation does not fail: without memory there is
 * no report, so the arena says so and ends connleak with status 125.
 */
#ifndef ANALYZER_ARENA_H
#define ANALYZER_ARENA_H

#include <stddef.h>

struct arena {
	struct arena_block *blocks;
};

void arena_init(struct arena *a);
void arena_release(struct arena *a);

/* Zeroed, aligned for any type. */
void *arena_alloc(struct arena *a, size_t size);
/* `count` elements of `size`; their product may not overflow. */
void *arena_array(struct arena *a, size_t count, size_t size);
/*
 * An array of `count` elements, with room for one more behind them: the same
 * array, or a copy twice as large.  It must have begun as NULL with none.
 */
void *arena_grow(struct arena *a, void *array, size_t count, size_t size);
/* NULL stays NULL. */
char *arena_strdup(struct arena *a, const char *text);
char *arena_printf(struct arena *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
