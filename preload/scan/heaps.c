/* SPDX-License-Identifier: MIT */
#include "preload/scan/heaps.h"

#include <string.h>

#include "preload/scan/clock.h"

/* glibc 2.36 on x86-64: malloc_chunk, malloc_state, heap_info, tcache. */
#define GRANULE	     ((uintptr_t)16)
#define CHUNK_HEADER 16u
#define CHUNK_SIZE   8u /* where a chunk has its size and flags */
#define CHUNK_LEAST  32u
#define PREV_IN_USE  1u
#define IS_MAPPED    2u
#define FLAGS	     7u
#define STATE_SIZE   0x898u
#define STATE_FAST   0x10u /* fastbinsY, ten lists */
#define STATE_TOP    0x60u
#define STATE_BINS   0x70u
#define FAST_LISTS   10u
#define INFO_SIZE    0x30u /* heap_info of an arena that is not the first */
#define INFO_STEP    ((uintptr_t)64 << 20) /* they begin at multiples of it */
#define CACHE_CHUNK  0x290u
#define CACHE_LISTS  64u
#define CACHE_MOST   65535u
#define PAGE	     ((uintptr_t)4096)
#define HEAPS	     4096u
#define CHECK_EVERY  65536u /* chunks, between two looks at the clock */

struct finding {
	struct heaps *heaps;
	struct regions *regions;
	struct workspace *workspace;
	uint64_t deadline_ns;
	bool failed; /* no room, or no time */
};

static uintptr_t word(uintptr_t address)
{
	return *(const uintptr_t *)address;
}

static size_t bit_of(const struct heap *heap, uintptr_t chunk)
{
	return (chunk - heap->start) / GRANULE;
}

static uint64_t *map_of(struct finding *f, const struct heap *heap)
{
	const size_t words = bit_of(heap, heap->end) / 64 + 1;

	return workspace_array(f->workspace, uint64_t, words);
}

static bool has_maps(struct finding *f, struct heap *heap)
{
	heap->begins = map_of(f, heap);
	heap->free = map_of(f, heap);
	heap->marked = map_of(f, heap);
	heap->holds = map_of(f, heap);
	if (!heap->begins || !heap->free || !heap->marked || !heap->holds)
		f->failed = true;
	return !f->failed;
}

/* What malloc writes at the end of a heap that goes on elsewhere. */
static bool is_fence(const struct heap *heap, uintptr_t chunk, size_t size)
{
	return size <= CHUNK_HEADER && heap->end - chunk <= 2 * CHUNK_LEAST;
}

/*
 * From chunk to chunk, up to exactly the end.  Returns the last one, which is
 * the top of a heap that can grow; 0 if these are no chunks.
 */
static uintptr_t walk(struct finding *f, const struct heap *heap)
{
	uintptr_t chunk = heap->start, last = 0;

	for (unsigned n = 0; chunk < heap->end; n++) {
		const uintptr_t field = word(chunk + CHUNK_SIZE);
		const size_t size = field & ~(uintptr_t)FLAGS;

		if (is_fence(heap, chunk, size))
			return last;
		if (n % CHECK_EVERY == 0 && clock_ns() > f->deadline_ns) {
			f->failed = true;
			return 0;
		}
		if (size < CHUNK_LEAST || size % GRANULE || field & IS_MAPPED ||
		    size > heap->end - chunk)
			return 0;
		if (last && !(field & PREV_IN_USE))
			heaps_set(heap->free, bit_of(heap, last));
		heaps_set(heap->begins, bit_of(heap, chunk));
		last = chunk;
		chunk += size;
	}
	return last;
}

static struct heap *heap_at(const struct heaps *h, uintptr_t address)
{
	size_t low = 0, high = h->count;

	if (address < h->low || address >= h->high)
		return NULL;
	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (address < h->list[middle].start)
			high = middle;
		else if (address >= h->list[middle].end)
			low = middle + 1;
		else
			return &h->list[middle];
	}
	return NULL;
}

/* Whether a chunk begins there, of that size; 0: of any. */
static struct heap *chunk_at(const struct heaps *h, uintptr_t chunk,
			     size_t size)
{
	struct heap *heap = heap_at(h, chunk);

	if (!heap || chunk % GRANULE ||
	    !heaps_bit(heap->begins, bit_of(heap, chunk)))
		return NULL;
	if (size && (word(chunk + CHUNK_SIZE) & ~(uintptr_t)FLAGS) != size)
		return NULL;
	return heap;
}

static void set_free(const struct heap *heap, uintptr_t chunk)
{
	heaps_set(heap->free, bit_of(heap, chunk));
}

/* A list of free blocks as malloc hides its pointers. */
static uintptr_t next_hidden(uintptr_t where)
{
	return word(where) ^ where >> 12;
}

/* Malloc marks what it has cached by a number of its own. */
static bool is_key(const struct world *world, uintptr_t key)
{
	uintptr_t at = (world->libc.start + 7) & ~(uintptr_t)7;

	while (key && at + 8 <= world->libc.end && word(at) != key)
		at += 8;
	return key && at + 8 <= world->libc.end;
}

/*
 * Whether the block is a thread's cache: 64 numbers and as many lists, and a
 * list that is not empty begins with a chunk of its size.  A program may have
 * the like; but not with malloc's mark.
 */
static bool is_cache(const struct heaps *h, const struct world *world,
		     uintptr_t block)
{
	const uint16_t *counts = (const uint16_t *)block;
	const uintptr_t *lists = (const uintptr_t *)(block + 2 * CACHE_LISTS);
	uintptr_t key = 0;

	for (unsigned i = 0; i < CACHE_LISTS; i++) {
		if (!counts[i] != !lists[i])
			return false;
		if (!lists[i])
			continue;
		if (!chunk_at(h, lists[i] - CHUNK_HEADER, (i + 2) * GRANULE) ||
		    (key && word(lists[i] + 8) != key))
			return false;
		key = word(lists[i] + 8);
	}
	return is_key(world, key);
}

static void free_cached(const struct heaps *h, uintptr_t block)
{
	const uint16_t *counts = (const uint16_t *)block;
	const uintptr_t *lists = (const uintptr_t *)(block + 2 * CACHE_LISTS);

	for (unsigned i = 0; i < CACHE_LISTS; i++) {
		uintptr_t at = lists[i];

		for (unsigned n = 0; n < counts[i] && n < CACHE_MOST; n++) {
			const struct heap *heap = chunk_at(h, at - CHUNK_HEADER,
							   (i + 2) * GRANULE);

			if (!heap)
				break;
			set_free(heap, at - CHUNK_HEADER);
			at = next_hidden(at);
		}
	}
}

/* A cache is where malloc looks, not the program: nothing is held by it. */
static void find_caches(const struct heaps *h, const struct world *world,
			const struct heap *heap)
{
	const size_t bits = bit_of(heap, heap->end);

	for (size_t i = 0; i < bits / 64 + 1; i++)
		for (uint64_t left = heap->begins[i]; left; left &= left - 1) {
			const size_t bit =
				i * 64 + (size_t)__builtin_ctzll(left);
			const uintptr_t chunk = heap->start + bit * GRANULE;

			if ((word(chunk + CHUNK_SIZE) & ~(uintptr_t)FLAGS) !=
				    CACHE_CHUNK ||
			    !is_cache(h, world, chunk + CHUNK_HEADER))
				continue;
			free_cached(h, chunk + CHUNK_HEADER);
			set_free(heap, chunk);
		}
}

/* An empty bin points to itself, any other into a heap. */
static bool is_state(const struct heaps *h, uintptr_t state)
{
	for (unsigned i = 0; i < FAST_LISTS; i++) {
		const uintptr_t at = word(state + STATE_FAST + 8 * i);

		if (at && !chunk_at(h, at, 0))
			return false;
	}
	for (unsigned i = 0; i < 2 * 126; i += 2) {
		const uintptr_t bin = state + STATE_BINS + 8 * i;

		if (word(bin) != bin - CHUNK_HEADER &&
		    !chunk_at(h, word(bin), 0))
			return false;
	}
	return true;
}

static void free_fast(const struct heaps *h, uintptr_t state)
{
	for (unsigned i = 0; i < FAST_LISTS; i++) {
		uintptr_t chunk = word(state + STATE_FAST + 8 * i);
		const struct heap *heap;

		for (unsigned n = 0; (heap = chunk_at(h, chunk, 0)); n++) {
			if (heaps_bit(heap->free, bit_of(heap, chunk)))
				break;
			set_free(heap, chunk);
			chunk = next_hidden(chunk + CHUNK_HEADER);
		}
	}
}

static struct heap *add_heap(struct finding *f, uintptr_t start, uintptr_t end)
{
	struct heaps *h = f->heaps;
	struct heap heap = { .start = start, .end = end };
	size_t at = h->count;

	if (h->count == HEAPS)
		return NULL;
	if (!has_maps(f, &heap))
		return NULL;
	while (at && h->list[at - 1].start > start)
		at--;
	memmove(&h->list[at + 1], &h->list[at],
		(h->count++ - at) * sizeof(heap));
	h->list[at] = heap;
	if (start < h->low)
		h->low = start;
	if (end > h->high)
		h->high = end;
	return &h->list[at];
}

static void drop_heap(struct finding *f, const struct heap *heap)
{
	struct heaps *h = f->heaps;
	const size_t at = (size_t)(heap - h->list);

	memmove(&h->list[at], &h->list[at + 1],
		(--h->count - at) * sizeof(*heap));
}

/*
 * The first arena has no place of its own but libc's data, where it is known
 * by its top; and what it points to is free.
 */
static bool find_main_state(struct finding *f, const struct world *world,
			    uintptr_t top)
{
	struct heaps *h = f->heaps;
	uintptr_t at = (world->libc.start + 7) & ~(uintptr_t)7;

	for (; at + STATE_SIZE - STATE_TOP <= world->libc.end; at += 8) {
		const uintptr_t state = at - STATE_TOP;

		if (word(at) != top || state < world->libc.start ||
		    !is_state(h, state))
			continue;
		free_fast(h, state);
		return regions_cut(f->regions, state, state + STATE_SIZE,
				   REGION_LEFT_OUT);
	}
	return false;
}

static void take_main_heap(struct finding *f, struct region *region,
			   const struct world *world)
{
	const uintptr_t start = (region->start + 15) & ~(uintptr_t)15;
	struct heap *heap = add_heap(f, start, region->end);
	uintptr_t top = heap ? walk(f, heap) : 0;

	if (top && find_main_state(f, world, top)) {
		set_free(heap, top);
		return;
	}
	if (heap)
		drop_heap(f, heap);
	region->kind = REGION_UNKNOWN;
}

/* What is written at the beginning of each heap of another arena. */
struct info {
	uintptr_t state, previous, size, writable, page;
};

static bool is_info(const struct info *info, uintptr_t start, uintptr_t end)
{
	return info->size >= PAGE && info->size <= INFO_STEP &&
	       info->size % PAGE == 0 && info->writable >= info->size &&
	       info->size <= end - start && info->state % GRANULE == 0 &&
	       info->state % INFO_STEP == INFO_SIZE &&
	       info->previous % INFO_STEP == 0;
}

/*
 * One heap of an arena.  What malloc has written before its first chunk holds
 * nothing for the program.
 */
static void take_heap(struct finding *f, uintptr_t start)
{
	const struct info *info = (const struct info *)start;
	const bool first = info->state == start + INFO_SIZE;
	const uintptr_t end = start + info->size;
	const uintptr_t begin =
		start + INFO_SIZE + (first ? STATE_SIZE + 8 : 0);
	struct heap *heap = add_heap(f, begin, end);
	const uintptr_t last = heap ? walk(f, heap) : 0;

	if (!last) {
		if (heap)
			drop_heap(f, heap);
		return;
	}
	heap->state = first ? info->state : 0;
	if (first && word(info->state + STATE_TOP) == last)
		set_free(heap, last);
	if (!regions_cut(f->regions, start, begin, REGION_LEFT_OUT) ||
	    !regions_cut(f->regions, begin, end, REGION_HEAP))
		f->failed = true;
}

/* Once all heaps are known: an arena may have chunks in several. */
static void free_arenas(struct heaps *h)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->list[i].state && is_state(h, h->list[i].state))
			free_fast(h, h->list[i].state);
}

static void find_arenas(struct finding *f)
{
	for (size_t i = 0; i < f->regions->count && !f->failed; i++) {
		const struct region *region = &f->regions->list[i];
		uintptr_t at =
			(region->start + INFO_STEP - 1) & ~(INFO_STEP - 1);

		if (region->kind != REGION_UNKNOWN || !region->anonymous ||
		    at >= region->end || region->end - at < PAGE)
			continue;
		if (is_info((const struct info *)at, at, region->end))
			take_heap(f, at);
	}
}

/* A block with a mapping of its own says so, and where it ends. */
static bool is_mapped_chunk(uintptr_t start, uintptr_t end)
{
	const uintptr_t field = word(start + CHUNK_SIZE);
	const uintptr_t size = field & ~(uintptr_t)FLAGS;

	return end - start >= PAGE && !word(start) &&
	       (field & FLAGS) == IS_MAPPED && size && size % PAGE == 0 &&
	       size <= end - start;
}

static bool take_mapped_chunk(struct finding *f, uintptr_t start)
{
	const uintptr_t end =
		start + (word(start + CHUNK_SIZE) & ~(uintptr_t)FLAGS);

	if (start < f->heaps->low)
		f->heaps->low = start;
	if (end > f->heaps->high)
		f->heaps->high = end;
	return regions_cut(f->regions, start, end, REGION_BLOCK);
}

/* Several lie side by side where the kernel made one mapping of them. */
static void find_mapped_chunks(struct finding *f)
{
	for (size_t i = 0; i < f->regions->count && !f->failed; i++) {
		const struct region *region = &f->regions->list[i];

		if (region->kind == REGION_UNKNOWN && region->anonymous &&
		    region->start % PAGE == 0 &&
		    is_mapped_chunk(region->start, region->end))
			f->failed = !take_mapped_chunk(f, region->start);
	}
}

static void find_main_heap(struct finding *f, const struct world *world)
{
	for (size_t i = 0; i < f->regions->count && !f->failed; i++) {
		struct region *region = &f->regions->list[i];

		if (region->kind != REGION_HEAP)
			continue;
		if (world->malloc_is_libcs)
			take_main_heap(f, region, world);
		else
			region->kind = REGION_UNKNOWN;
	}
}

bool heaps_find(struct heaps *h, struct regions *r, const struct world *world,
		struct workspace *w, uint64_t deadline_ns)
{
	struct finding f = { h, r, w, deadline_ns, false };

	h->list = workspace_array(w, struct heap, HEAPS);
	h->mapped_marked = workspace_array(w, uint64_t, r->room / 64 + 1);
	h->mapped_holds = workspace_array(w, uint64_t, r->room / 64 + 1);
	h->count = 0;
	h->low = UINTPTR_MAX;
	h->high = 0;
	if (!h->list || !h->mapped_marked || !h->mapped_holds)
		return false;
	find_main_heap(&f, world);
	if (!world->malloc_is_libcs || f.failed)
		return !f.failed;
	find_arenas(&f);
	free_arenas(h);
	find_mapped_chunks(&f);
	for (size_t i = 0; i < h->count && !f.failed; i++)
		find_caches(h, world, &h->list[i]);
	return !f.failed;
}

/* The last chunk that begins at this bit or before it. */
static bool begin_before(const struct heap *heap, size_t bit, size_t *ret)
{
	size_t i = bit / 64;
	uint64_t left = heap->begins[i] & (~(uint64_t)0 >> (63 - bit % 64));

	while (!left && i)
		left = heap->begins[--i];
	if (left)
		*ret = i * 64 + 63 - (size_t)__builtin_clzll(left);
	return left;
}

/*
 * What the program was given of a chunk goes on into the first field of the
 * next one.
 */
bool heaps_block(const struct heaps *h, uintptr_t address, struct block *out)
{
	const struct heap *heap = heap_at(h, address - CHUNK_SIZE);
	uintptr_t chunk;

	if (!heap ||
	    !begin_before(heap, bit_of(heap, address - CHUNK_SIZE), &out->bit))
		return false;
	chunk = heap->start + out->bit * GRANULE;
	out->start = chunk + CHUNK_HEADER;
	out->end = chunk + (word(chunk + CHUNK_SIZE) & ~(uintptr_t)FLAGS) +
		   CHUNK_SIZE;
	out->marked = heap->marked;
	out->holds = heap->holds;
	return address >= out->start && !heaps_bit(heap->free, out->bit);
}
