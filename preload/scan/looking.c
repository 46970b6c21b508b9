/* SPDX-License-Identifier: MIT */
#include "preload/scan/looking.h"

static void see_value(struct state *now, uintptr_t value)
{
	struct target *target = targets_may_have(&now->targets, value)
					? targets_of(&now->targets, value)
					: NULL;

	if (target)
		targets_found(&now->targets, target, &now->root, NULL, 0);
}

/* A word that is a handle, at its first sight. */
static void see(struct state *now, const struct region *region, uintptr_t where,
		uintptr_t value)
{
	struct target *target = targets_of(&now->targets, value);

	/* What lies in the handle's own memory holds nothing. */
	if (!target || where - target->handle < target->size)
		return;
	if (!state_is_root(region->kind)) {
		hits_note(&now->hits, target, where);
		return;
	}
	state_set_root(now, region, where);
	targets_found(&now->targets, target, &now->root, NULL, 0);
}

static void look_at_words(struct state *now, const struct region *region,
			  uintptr_t start, uintptr_t end)
{
	const uintptr_t *at = (const uintptr_t *)((start + 7) & ~7ul);
	const uintptr_t *const stop = (const uintptr_t *)(end & ~7ul);

	for (; at < stop; at++)
		if (targets_may_have(&now->targets, *at))
			see(now, region, (uintptr_t)at, *at);
}

static void look_between_words(struct state *now, const struct region *region,
			       uintptr_t start, uintptr_t end)
{
	for (uintptr_t at = start; at + sizeof(uintptr_t) <= end; at++)
		if (at % 8 && targets_may_have(&now->targets, state_word(at)))
			see(now, region, at, state_word(at));
}

static bool is_looked_at(enum region_kind kind)
{
	return kind != REGION_LEFT_OUT && kind != REGION_HIDDEN;
}

void looking_run(struct state *now)
{
	state_each_value(now, see_value);
	state_each_piece(now, is_looked_at, look_at_words);
	if (now->targets.pending && !now->late)
		state_each_piece(now, is_looked_at, look_between_words);
}
