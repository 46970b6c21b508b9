/* SPDX-License-Identifier: MIT */
/*
 * The cells are painted from the last range to the first, each cell once:
 * `next` leads over those that are painted already, so that the whole is
 * hardly more than the sorting of the bounds, however the ranges overlap.
 */
#include "analyzer/spans.h"

#include <stdbool.h>
#include <string.h>
#include "analyzer/arena.h"

/* An end of range `of / 2`: its low one if `of` is even. */
struct bound {
	uint64_t at;
	size_t of;
};

struct canvas {
	uint64_t *bounds; /* sorted, each once; cell i begins at bounds[i] */
	uint32_t *values;
	size_t *next;  /* the first unpainted cell that is not before i */
	size_t count;  /* of these three */
	size_t *cells; /* which cell begins at each end of each range */
};

void span_list_add(struct span_list *list, struct arena *arena, uint64_t low,
		   uint64_t high, uint32_t value)
{
	if (low >= high)
		return;
	list->at = arena_grow(arena, list->at, list->count, sizeof(*list->at));
	list->at[list->count++] = (struct span){ low, high, value };
}

/*
 * Sorts by the byte at `shift`, keeping the order of equals; false, and
 * nothing done, if all have the same there.
 */
static bool sort_by_byte(const struct bound *from, struct bound *to,
			 size_t count, unsigned shift)
{
	size_t starts[257] = { 0 }, i;

	for (i = 0; i < count; i++)
		starts[(from[i].at >> shift & 0xff) + 1]++;
	if (starts[(from[0].at >> shift & 0xff) + 1] == count)
		return false;
	for (i = 1; i < 257; i++)
		starts[i] += starts[i - 1];
	for (i = 0; i < count; i++)
		to[starts[from[i].at >> shift & 0xff]++] = from[i];
	return true;
}

/* Addresses differ in few of their bytes: this is faster than qsort(). */
static struct bound *sort_bounds(struct bound *bounds, struct bound *spare,
				 size_t count)
{
	unsigned shift;

	for (shift = 0; shift < 64; shift += 8) {
		struct bound *sorted = spare;

		if (!sort_by_byte(bounds, spare, count, shift))
			continue;
		spare = bounds;
		bounds = sorted;
	}
	return bounds;
}

static struct bound *list_bounds(struct arena *arena,
				 const struct span_list *list)
{
	const size_t count = 2 * list->count;
	struct bound *bounds = arena_array(arena, count, sizeof(*bounds));
	struct bound *spare = arena_array(arena, count, sizeof(*spare));
	size_t i;

	for (i = 0; i < list->count; i++) {
		bounds[2 * i] = (struct bound){ list->at[i].low, 2 * i };
		bounds[2 * i + 1] =
			(struct bound){ list->at[i].high, 2 * i + 1 };
	}
	return sort_bounds(bounds, spare, count);
}

static void stretch(struct canvas *canvas, struct arena *arena,
		    const struct span_list *list)
{
	const struct bound *bounds = list_bounds(arena, list);
	const size_t count = 2 * list->count;
	size_t i;

	canvas->bounds = arena_array(arena, count, sizeof(uint64_t));
	canvas->values = arena_array(arena, count, sizeof(uint32_t));
	canvas->next = arena_array(arena, count, sizeof(size_t));
	canvas->cells = arena_array(arena, count, sizeof(size_t));
	for (i = 0; i < count; i++) {
		if (!i || bounds[i].at != bounds[i - 1].at)
			canvas->bounds[canvas->count++] = bounds[i].at;
		canvas->cells[bounds[i].of] = canvas->count - 1;
	}
	for (i = 0; i < canvas->count; i++) {
		canvas->values[i] = SPANS_NONE;
		canvas->next[i] = i;
	}
}

static size_t unpainted(struct canvas *canvas, size_t cell)
{
	size_t *next = canvas->next;

	while (next[cell] != cell) {
		next[cell] = next[next[cell]];
		cell = next[cell];
	}
	return cell;
}

/* The last bound ends the last range, so no range covers the last cell. */
static void paint(struct canvas *canvas, size_t index, uint32_t value)
{
	const size_t end = canvas->cells[2 * index + 1];
	size_t cell = canvas->cells[2 * index];

	while ((cell = unpainted(canvas, cell)) < end) {
		canvas->values[cell] = value;
		canvas->next[cell] = cell + 1;
	}
}

/* Neighbours of one value become one cell. */
static void keep_cells(struct spans *spans, struct arena *arena,
		       const struct canvas *canvas)
{
	size_t i;

	spans->starts = arena_array(arena, canvas->count, sizeof(uint64_t));
	spans->values = arena_array(arena, canvas->count, sizeof(uint32_t));
	for (i = 0; i < canvas->count; i++) {
		if (spans->count &&
		    spans->values[spans->count - 1] == canvas->values[i])
			continue;
		spans->starts[spans->count] = canvas->bounds[i];
		spans->values[spans->count++] = canvas->values[i];
	}
}

void spans_build(struct spans *spans, struct arena *arena,
		 const struct span_list *list)
{
	struct canvas canvas = { 0 };
	struct arena scratch;
	size_t i;

	*spans = (struct spans){ 0 };
	if (!list->count)
		return;
	arena_init(&scratch);
	stretch(&canvas, &scratch, list);
	for (i = list->count; i-- > 0;)
		paint(&canvas, i, list->at[i].value);
	keep_cells(spans, arena, &canvas);
	arena_release(&scratch);
}

/* The last of `count` sorted numbers, at least one, that is not above. */
static size_t last_not_above(const uint64_t *sorted, size_t count,
			     uint64_t number)
{
	size_t low = 0, high = count;

	while (high - low > 1) {
		const size_t middle = low + (high - low) / 2;

		if (sorted[middle] <= number)
			low = middle;
		else
			high = middle;
	}
	return low;
}

uint32_t spans_find(const struct spans *spans, uint64_t number,
		    uint64_t *ret_low)
{
	size_t cell;

	if (!spans->count || number < spans->starts[0])
		return SPANS_NONE;
	cell = last_not_above(spans->starts, spans->count, number);
	if (ret_low)
		*ret_low = spans->starts[cell];
	return spans->values[cell];
}
