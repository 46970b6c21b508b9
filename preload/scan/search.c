/* SPDX-License-Identifier: MIT */
#include "preload/scan/search.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "preload/scan/clock.h"
#include "preload/scan/heaps.h"
#include "preload/scan/pages.h"

#define POINTER_BITS (~(uintptr_t)0 >> 16) /* of a word with a tag on top */
#define DIGIT	     30u		   /* bits of CPython's digits */
#define HITS	     65536u
#define TO_DO	     ((size_t)1 << 20)	  /* blocks reached, not yet read */
#define MOST_HIDDEN  ((uintptr_t)1 << 30) /* longer takes too long to ask */
#define CHECK_EVERY  1024u /* blocks, between two looks at the clock */

/* A word that is a handle, in memory that is no root by itself. */
struct hit {
	uintptr_t where;
	struct target *target;
};

struct span {
	uintptr_t start, end;
};

/* The search of this process: it has one at a time, in its workspace. */
struct state {
	struct search *s;
	struct regions regions;
	struct heaps heaps;
	uintptr_t low, span;		   /* of all handles' memory */
	uintptr_t digits_low, digits_span; /* of them as CPython's */
	size_t pending;			   /* targets without a root */
	struct hit *hits;
	size_t hit_count;
	struct span *to_do;
	size_t to_do_count;
	unsigned until_check;
	int pagemap;
	bool maybe;	/* from here on a root is one nobody understands */
	bool unaligned; /* words are looked for at every byte */
	bool late, swapped, wiped, overflow;
	/* The root that is being followed. */
	enum record_holder holder;
	uint32_t owner;
	uintptr_t where;
};

static struct state *now;

static uintptr_t word(uintptr_t address)
{
	uintptr_t value;

	memcpy(&value, (const void *)address, sizeof(value));
	return value;
}

static bool expired(void)
{
	if (clock_ns() > now->s->deadline_ns)
		now->late = true;
	return now->late;
}

/* The last target that does not begin behind an address, if it reaches it. */
static struct target *target_at(uintptr_t address)
{
	size_t low = 0, high = now->s->target_count;
	struct target *target;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (now->s->targets[middle].handle <= address)
			low = middle + 1;
		else
			high = middle;
	}
	target = low ? &now->s->targets[low - 1] : NULL;
	return target && address - target->handle < target->size ? target
								 : NULL;
}

static struct target *target_with_digits(uintptr_t digits)
{
	for (size_t i = 0; i < now->s->target_count; i++)
		if (now->s->targets[i].digits == digits)
			return &now->s->targets[i];
	return NULL;
}

/* Whether a word may be a handle: few are, and this is asked of all memory. */
static inline bool may_be_handle(uintptr_t value)
{
	return (value & POINTER_BITS) - now->low < now->span ||
	       value - now->digits_low < now->digits_span;
}

static struct target *target_of(uintptr_t value)
{
	struct target *target = target_at(value & POINTER_BITS);

	return target ? target : target_with_digits(value);
}

/* A certain root ends the search for a target; one of the others does not. */
static void found(struct target *target, const struct block *block,
		  uintptr_t at)
{
	const enum record_answer answer =
		now->maybe ? ANSWER_MAYBE : ANSWER_HELD;

	if (target->answer == ANSWER_HELD || target->answer == answer)
		return;
	target->answer = answer;
	target->holder = now->holder;
	target->owner = now->owner;
	target->where = now->where;
	target->block_size = block ? block->end - block->start : 0;
	target->block_at = block ? at - block->start : 0;
	if (answer == ANSWER_HELD)
		now->pending--;
}

static void note_hit(struct target *target, uintptr_t where)
{
	if (now->hit_count == HITS) {
		target->in_doubt = true;
		now->overflow = true;
		return;
	}
	now->hits[now->hit_count++] = (struct hit){ where, target };
}

static bool is_root(enum region_kind kind)
{
	return kind == REGION_GLOBALS || kind == REGION_STACK ||
	       kind == REGION_THREAD;
}

/* A thread has its storage at the upper end of its stack. */
static bool is_storage(const struct region *region, uintptr_t where)
{
	const struct world *world = now->s->world;
	const uintptr_t pointer = world->threads[region->owner].pointer;

	return pointer >= region->start && pointer < region->end &&
	       where >= pointer - world->static_storage;
}

/* What a root at `where` is called. */
static void set_root(const struct region *region, uintptr_t where)
{
	now->where = where;
	now->owner = region->owner;
	switch (region->kind) {
	case REGION_GLOBALS:
		now->holder = HOLDER_GLOBAL;
		break;
	case REGION_STACK:
		now->holder = is_storage(region, where) ? HOLDER_THREAD
							: HOLDER_STACK;
		break;
	case REGION_THREAD:
		now->holder = HOLDER_THREAD;
		break;
	default:
		now->holder = HOLDER_UNKNOWN;
	}
}

/* A word that is a handle, at its first sight. */
static void see(const struct region *region, uintptr_t where, uintptr_t value)
{
	struct target *target = target_of(value);

	/* What lies in the handle's own memory holds nothing. */
	if (!target || where - target->handle < target->size)
		return;
	if (!is_root(region->kind)) {
		note_hit(target, where);
		return;
	}
	set_root(region, where);
	found(target, NULL, 0);
}

static void look_at_words(const struct region *region, uintptr_t start,
			  uintptr_t end)
{
	const uintptr_t *at = (const uintptr_t *)((start + 7) & ~7ul);
	const uintptr_t *const stop = (const uintptr_t *)(end & ~7ul);

	for (; at < stop; at++)
		if (may_be_handle(*at))
			see(region, (uintptr_t)at, *at);
}

static void look_between_words(const struct region *region, uintptr_t start,
			       uintptr_t end)
{
	for (uintptr_t at = start; at + sizeof(uintptr_t) <= end; at++)
		if (at % 8 && may_be_handle(word(at)))
			see(region, at, word(at));
}

/* Calls `look` for all that was touched of the regions that are wanted. */
static void each_piece(bool (*wanted)(enum region_kind),
		       void (*look)(const struct region *, uintptr_t,
				    uintptr_t))
{
	static struct pages pages;
	uintptr_t start, end;

	for (size_t i = 0; i < now->regions.count; i++) {
		const struct region *region = &now->regions.list[i];

		if (!wanted(region->kind))
			continue;
		pages_begin(&pages, region, now->pagemap, &now->swapped);
		while (pages_next(&pages, &start, &end)) {
			if (expired() || !now->pending)
				return;
			now->s->bytes += end - start;
			look(region, start, end);
		}
	}
}

static bool is_looked_at(enum region_kind kind)
{
	return kind != REGION_LEFT_OUT && kind != REGION_HIDDEN;
}

static bool is_unknown(enum region_kind kind)
{
	return kind == REGION_UNKNOWN;
}

static bool is_root_now(enum region_kind kind)
{
	return now->maybe ? is_unknown(kind) : is_root(kind);
}

static void look_at_registers(void)
{
	const struct world *world = now->s->world;

	now->holder = HOLDER_REGISTER;
	for (uint32_t i = 0; i < world->thread_count; i++)
		for (unsigned n = 0; n < world->threads[i].register_count;
		     n++) {
			const uintptr_t value = world->threads[i].registers[n];
			struct target *target =
				may_be_handle(value) ? target_of(value) : NULL;

			now->owner = i;
			now->where = 0;
			if (target)
				found(target, NULL, 0);
		}
}

static void look_at_kernel(void)
{
	now->holder = HOLDER_KERNEL;
	now->owner = 0;
	now->where = 0;
	for (size_t i = 0; i < now->s->kernel.count; i++) {
		const uintptr_t value = now->s->kernel.list[i];
		struct target *target =
			may_be_handle(value) ? target_of(value) : NULL;

		if (target)
			found(target, NULL, 0);
	}
}

static void sift(struct hit *hits, size_t at, size_t count)
{
	const struct hit hit = hits[at];

	for (size_t child; (child = 2 * at + 1) < count; at = child) {
		if (child + 1 < count &&
		    hits[child + 1].where > hits[child].where)
			child++;
		if (hits[child].where <= hit.where)
			break;
		hits[at] = hits[child];
	}
	hits[at] = hit;
}

/* By where they are; qsort() may call malloc. */
static void sort(struct hit *hits, size_t count)
{
	for (size_t i = count / 2; i-- > 0;)
		sift(hits, i, count);
	for (size_t i = count; i-- > 1;) {
		const struct hit last = hits[i];

		hits[i] = hits[0];
		hits[0] = last;
		sift(hits, 0, i);
	}
}

/* A block, of a heap or with a mapping of its own. */
static bool block_at(uintptr_t address, struct block *out)
{
	const struct region *region;

	if (heaps_block(&now->heaps, address, out))
		return true;
	region = regions_find(&now->regions, address);
	if (!region || region->kind != REGION_BLOCK ||
	    address < region->start + 16)
		return false;
	out->start = region->start + 16;
	out->end = region->end;
	out->marked = now->heaps.mapped_marked;
	out->holds = now->heaps.mapped_holds;
	out->bit = (size_t)(region - now->regions.list);
	return true;
}

/* The first hit at an address or above it. */
static size_t first_hit(uintptr_t address)
{
	size_t low = 0, high = now->hit_count;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (now->hits[middle].where < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Every handle that a block has is held by what holds the block. */
static void found_in(const struct block *block)
{
	for (size_t i = first_hit(block->start);
	     i < now->hit_count && now->hits[i].where < block->end; i++)
		found(now->hits[i].target, block, now->hits[i].where);
}

static void reach(uintptr_t value)
{
	struct block block;

	if (!block_at(value & POINTER_BITS, &block) ||
	    heaps_bit(block.marked, block.bit))
		return;
	heaps_set(block.marked, block.bit);
	if (heaps_bit(block.holds, block.bit))
		found_in(&block);
	if (now->to_do_count == TO_DO)
		now->overflow = true;
	else
		now->to_do[now->to_do_count++] =
			(struct span){ block.start, block.end };
}

static bool may_reach(uintptr_t value)
{
	value &= POINTER_BITS;
	return value - now->heaps.low <= now->heaps.high - now->heaps.low;
}

static void reach_from(uintptr_t start, uintptr_t end)
{
	for (uintptr_t at = (start + 7) & ~7ul; at + 8 <= end; at += 8)
		if (may_reach(*(const uintptr_t *)at))
			reach(*(const uintptr_t *)at);
	if (!now->unaligned)
		return;
	for (uintptr_t at = start; at + 8 <= end; at++)
		if (at % 8 && may_reach(word(at)))
			reach(word(at));
}

/* Follows all that was reached and not read yet. */
static void drain(void)
{
	while (now->to_do_count && now->pending) {
		const struct span span = now->to_do[--now->to_do_count];

		if (!now->until_check--) {
			now->until_check = CHECK_EVERY;
			if (expired())
				return;
		}
		now->s->bytes += span.end - span.start;
		reach_from(span.start, span.end);
	}
	now->to_do_count = 0;
}

/* Root by root, so that the one that holds a handle is known. */
static void follow(const struct region *region, uintptr_t start, uintptr_t end)
{
	const uintptr_t step = now->unaligned ? 1 : 8;

	for (uintptr_t at = (start + step - 1) & ~(step - 1); at + 8 <= end;
	     at += step) {
		const uintptr_t value = word(at);

		if (!may_reach(value))
			continue;
		set_root(region, at);
		reach(value);
		drain();
	}
}

static void follow_registers(void)
{
	const struct world *world = now->s->world;

	for (uint32_t i = 0; i < world->thread_count; i++)
		for (unsigned n = 0; n < world->threads[i].register_count;
		     n++) {
			now->holder = HOLDER_REGISTER;
			now->owner = i;
			now->where = 0;
			reach(world->threads[i].registers[n]);
			drain();
		}
	for (size_t i = 0; i < now->s->kernel.count; i++) {
		now->holder = HOLDER_KERNEL;
		reach(now->s->kernel.list[i]);
		drain();
	}
}

static void follow_roots(void)
{
	if (!now->maybe)
		follow_registers();
	each_piece(is_root_now, follow);
}

/* All blocks that were reached are read once more, at every byte. */
static bool is_marked_block(const struct heap *heap, size_t bit)
{
	return heaps_bit(heap->begins, bit) && heaps_bit(heap->marked, bit);
}

static void follow_between_words(void)
{
	struct block block;

	now->unaligned = true;
	now->holder = HOLDER_UNKNOWN;
	now->maybe = true;
	for (size_t i = 0; i < now->heaps.count; i++) {
		const struct heap *heap = &now->heaps.list[i];
		const size_t bits = (heap->end - heap->start) / 16;

		for (size_t bit = 0; bit < bits && !now->late; bit++)
			if (is_marked_block(heap, bit) &&
			    heaps_block(&now->heaps,
					heap->start + bit * 16 + 16, &block)) {
				reach_from(block.start, block.end);
				drain();
			}
	}
	each_piece(is_root, follow);
	each_piece(is_unknown, follow);
}

/* What the hits that are in no block are in; and which blocks have hits. */
static void sort_hits(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < now->hit_count; i++) {
		const struct hit hit = now->hits[i];
		const struct region *region =
			regions_find(&now->regions, hit.where);
		struct block block;

		if (block_at(hit.where, &block)) {
			heaps_set(block.holds, block.bit);
			now->hits[kept++] = hit;
		} else if (region && is_unknown(region->kind)) {
			set_root(region, hit.where);
			found(hit.target, NULL, 0);
		}
	}
	now->hit_count = kept;
	sort(now->hits, kept);
}

static bool begin(struct search *s)
{
	now = workspace_take(s->workspace, sizeof(*now));
	if (!now || !s->target_count)
		return false;
	now->s = s;
	now->pending = s->target_count;
	now->low = s->targets[0].handle;
	now->digits_low = UINTPTR_MAX;
	for (size_t i = 0; i < s->target_count; i++) {
		struct target *t = &s->targets[i];
		const uintptr_t end = t->handle + t->size - now->low;

		t->answer = ANSWER_NONE;
		t->digits = (t->handle & ((1u << DIGIT) - 1)) |
			    t->handle >> DIGIT << 32;
		if (end > now->span)
			now->span = end;
		if (t->digits < now->digits_low)
			now->digits_low = t->digits;
		if (t->digits > now->digits_span)
			now->digits_span = t->digits;
	}
	now->digits_span -= now->digits_low - 1;
	return true;
}

static bool prepare(void)
{
	struct workspace *w = now->s->workspace;

	now->hits = workspace_array(w, struct hit, HITS);
	now->to_do = workspace_array(w, struct span, TO_DO);
	now->pagemap =
		(int)syscall(SYS_openat, AT_FDCWD, "/proc/thread-self/pagemap",
			     O_RDONLY | O_CLOEXEC, 0);
	return now->hits && now->to_do &&
	       regions_read(&now->regions, now->s->world, w);
}

/* Who has the handles themselves. */
static void look(void)
{
	look_at_registers();
	look_at_kernel();
	each_piece(is_looked_at, look_at_words);
	if (now->pending && !now->late)
		each_piece(is_looked_at, look_between_words);
}

/* Who has what has the handles; false: it did not come to an end. */
static bool follow_all(void)
{
	if (!heaps_find(&now->heaps, &now->regions, now->s->world,
			now->s->workspace, expired))
		return false;
	now->maybe = true;
	sort_hits();
	now->maybe = false;
	follow_roots();
	now->maybe = true;
	if (now->pending && !now->late)
		follow_roots();
	if (now->pending && !now->late)
		follow_between_words();
	return !now->late;
}

/* Memory that was filled before it was hidden. */
static bool has_hidden(void)
{
	for (size_t i = 0; i < now->regions.count; i++) {
		const struct region *region = &now->regions.list[i];

		if (region->kind == REGION_HIDDEN &&
		    (region->end - region->start > MOST_HIDDEN ||
		     pages_are_touched(now->pagemap, region->start, region->end,
				       PAGES_ANY)))
			return true;
	}
	return false;
}

static bool is_wiped_between(uintptr_t start, uintptr_t end)
{
	return end - start > MOST_HIDDEN ||
	       (!pages_are_touched(now->pagemap, start, end, PAGES_ANY) &&
		pages_are_touched(now->s->world->pagemap, start, end,
				  PAGES_OWN));
}

/*
 * The program may ask the kernel to copy some memory empty.  To be asked before
 * anything is read, which is a touch.
 */
static bool is_wiped(void)
{
	const struct world *world = now->s->world;

	for (size_t i = 0; i < world->mapping_count; i++) {
		uintptr_t at = world->mappings[i].start;
		const uintptr_t end = world->mappings[i].end;
		const struct region *region = regions_find(&now->regions, at);

		for (; region && at < end && region->kind == REGION_LEFT_OUT;
		     region = regions_find(&now->regions, at))
			at = region->end;
		if (region && at < end && region->anonymous &&
		    is_wiped_between(at, end))
			return true;
	}
	return false;
}

/* Whether some memory could not be looked at. */
static bool in_doubt(void)
{
	return now->swapped || now->overflow || !now->regions.whole ||
	       !regions_are_remembered(&now->regions, now->s->world) ||
	       now->wiped || has_hidden();
}

static bool is_any_left(void)
{
	for (size_t i = 0; i < now->s->target_count; i++)
		if (now->s->targets[i].answer == ANSWER_NONE)
			return true;
	return false;
}

/* What nothing has led to.  False if there was no time for it. */
static bool conclude(bool complete)
{
	const bool may_be = complete && now->s->may_be_lost;
	bool certain;

	now->s->doubt = may_be && is_any_left() && in_doubt();
	certain = may_be && !now->s->doubt;
	complete = complete && !expired();
	for (size_t i = 0; i < now->s->target_count; i++) {
		struct target *target = &now->s->targets[i];

		if (target->answer != ANSWER_NONE)
			continue;
		if (complete && certain && !target->in_doubt)
			target->answer = ANSWER_LOST;
		else if (complete)
			target->answer = ANSWER_MAYBE;
	}
	return complete;
}

bool search_run(struct search *s)
{
	bool complete;

	if (!begin(s) || !prepare())
		return false;
	now->wiped = is_wiped();
	look();
	complete = !now->late;
	if (complete && now->pending && now->hit_count)
		complete = follow_all();
	complete = conclude(complete);
	if (now->pagemap >= 0)
		syscall(SYS_close, now->pagemap);
	return complete;
}
