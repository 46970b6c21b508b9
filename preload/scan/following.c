/* SPDX-License-Identifier: MIT */
#include "preload/scan/following.h"

#define TO_DO	    ((size_t)1 << 20) /* blocks reached, not yet read */
#define CHECK_EVERY 1024u /* blocks, between two looks at the clock */

/* A block, of a heap or with a mapping of its own. */
static bool block_at(const struct state *now, uintptr_t address,
		     struct block *out)
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

/* Every handle that a block has is held by what holds the block. */
static void found_in(struct state *now, const struct block *block)
{
	const struct hit *const stop = now->hits.list + now->hits.count;
	const struct hit *hit =
		now->hits.list + hits_first(&now->hits, block->start);

	for (; hit < stop && hit->where < block->end; hit++)
		targets_found(&now->targets, hit->target, &now->root, block,
			      hit->where);
}

static void reach(struct state *now, uintptr_t value)
{
	struct block block;

	if (!block_at(now, value & POINTER_BITS, &block) ||
	    heaps_bit(block.marked, block.bit))
		return;
	heaps_set(block.marked, block.bit);
	if (heaps_bit(block.holds, block.bit))
		found_in(now, &block);
	if (now->to_do_count == TO_DO)
		now->overflow = true;
	else
		now->to_do[now->to_do_count++] =
			(struct span){ block.start, block.end };
}

static bool may_reach(const struct state *now, uintptr_t value)
{
	value &= POINTER_BITS;
	return value - now->heaps.low <= now->heaps.high - now->heaps.low;
}

static void reach_from(struct state *now, uintptr_t start, uintptr_t end)
{
	for (uintptr_t at = (start + 7) & ~7ul; at + 8 <= end; at += 8)
		if (may_reach(now, *(const uintptr_t *)at))
			reach(now, *(const uintptr_t *)at);
	if (!now->unaligned)
		return;
	for (uintptr_t at = start; at + 8 <= end; at++)
		if (at % 8 && may_reach(now, state_word(at)))
			reach(now, state_word(at));
}

/* Follows all that was reached and not read yet. */
static void drain(struct state *now)
{
	while (now->to_do_count && now->targets.pending) {
		const struct span span = now->to_do[--now->to_do_count];

		if (!now->until_check--) {
			now->until_check = CHECK_EVERY;
			if (state_expired(now))
				return;
		}
		now->s->bytes += span.end - span.start;
		reach_from(now, span.start, span.end);
	}
	now->to_do_count = 0;
}

static void follow_value(struct state *now, uintptr_t value)
{
	reach(now, value);
	drain(now);
}

/* Root by root, so that the one that holds a handle is known. */
static void follow(struct state *now, const struct region *region,
		   uintptr_t start, uintptr_t end)
{
	const uintptr_t step = now->unaligned ? 1 : 8;

	for (uintptr_t at = (start + step - 1) & ~(step - 1); at + 8 <= end;
	     at += step) {
		const uintptr_t value = state_word(at);

		if (!may_reach(now, value))
			continue;
		state_set_root(now, region, at);
		follow_value(now, value);
	}
}

static bool is_unknown(enum region_kind kind)
{
	return kind == REGION_UNKNOWN;
}

/* Those that are certain come first: they end the search for a handle. */
static void follow_roots(struct state *now)
{
	now->root.maybe = false;
	state_each_value(now, follow_value);
	state_each_piece(now, state_is_root, follow);
	now->root.maybe = true;
	if (now->targets.pending && !now->late)
		state_each_piece(now, is_unknown, follow);
}

/* All blocks that were reached are read once more, at every byte. */
static bool is_marked_block(const struct heap *heap, size_t bit)
{
	return heaps_bit(heap->begins, bit) && heaps_bit(heap->marked, bit);
}

static void follow_from_heap(struct state *now, const struct heap *heap)
{
	const size_t bits = (heap->end - heap->start) / 16;
	struct block block;

	for (size_t bit = 0; bit < bits && !now->late; bit++)
		if (is_marked_block(heap, bit) &&
		    heaps_block(&now->heaps, heap->start + bit * 16 + 16,
				&block)) {
			reach_from(now, block.start, block.end);
			drain(now);
		}
}

static void follow_between_words(struct state *now)
{
	now->unaligned = true;
	now->root.holder = HOLDER_UNKNOWN;
	now->root.maybe = true;
	for (size_t i = 0; i < now->heaps.count; i++)
		follow_from_heap(now, &now->heaps.list[i]);
	state_each_piece(now, state_is_root, follow);
	state_each_piece(now, is_unknown, follow);
}

/* What the hits that are in no block are in; and which blocks have hits. */
static void sort_hits(struct state *now)
{
	size_t kept = 0;

	now->root.maybe = true;
	for (size_t i = 0; i < now->hits.count; i++) {
		const struct hit hit = now->hits.list[i];
		const struct region *region =
			regions_find(&now->regions, hit.where);
		struct block block;

		if (block_at(now, hit.where, &block)) {
			heaps_set(block.holds, block.bit);
			now->hits.list[kept++] = hit;
		} else if (region && is_unknown(region->kind)) {
			state_set_root(now, region, hit.where);
			targets_found(&now->targets, hit.target, &now->root,
				      NULL, 0);
		}
	}
	now->hits.count = kept;
	hits_sort(&now->hits);
}

bool following_begin(struct state *now)
{
	now->to_do = workspace_array(now->s->workspace, struct span, TO_DO);
	return now->to_do;
}

bool following_run(struct state *now)
{
	if (!heaps_find(&now->heaps, &now->regions, now->s->world,
			now->s->workspace, now->s->deadline_ns))
		return false;
	sort_hits(now);
	follow_roots(now);
	if (now->targets.pending && !now->late)
		follow_between_words(now);
	return !now->late;
}
