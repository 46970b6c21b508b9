/* SPDX-License-Identifier: MIT */
#include "preload/nesting.h"

#include "preload/counters.h"
#include "preload/owners.h"

/* The newest of a thread.  One that leaks shall not take longer and longer. */
#define LOOKED_AT 16u

static void set_flag(struct record_slot *slot, uint16_t flag, bool on)
{
	writer_slot_begin(slot);
	slot->flags = (uint16_t)(on ? slot->flags | flag : slot->flags & ~flag);
	writer_slot_end(slot);
}

static void let_ask(struct lease *lease, bool asks)
{
	struct pool *pool = lease->pool;

	if (asks == !!(lease->slot->flags & SLOT_ASKS))
		return;
	set_flag(lease->slot, SLOT_ASKS, asks);
	pool->asking += asks ? 1u : -1u;
	counter_raise32(&pool->stored->most_asking, pool->asking);
}

void nesting_asks(struct pool *pool, int32_t tid)
{
	struct lease *lease = owners_any(tid);

	for (unsigned i = 0; lease && i < LOOKED_AT; i++, lease = lease->next)
		if (lease->pool == pool && !(lease->slot->flags & SLOT_PASSED))
			let_ask(lease, true);
}

uint32_t nesting_asked(struct pool *pool, int32_t tid, uint32_t site,
		       bool given)
{
	struct lease *lease = owners_any(tid);
	uint32_t needed = 0;

	for (unsigned i = 0; lease && i < LOOKED_AT; i++, lease = lease->next) {
		const bool passed = lease->slot->site == site;

		if (lease->pool != pool)
			continue;
		if (passed)
			set_flag(lease->slot, SLOT_PASSED, true);
		if (passed || given)
			let_ask(lease, false);
		needed += !(lease->slot->flags & SLOT_PASSED);
	}
	return needed;
}

static void content(struct pool *pool, int32_t tid)
{
	struct lease *lease = owners_any(tid);

	for (unsigned i = 0; lease && i < LOOKED_AT; i++, lease = lease->next)
		if (lease->pool == pool)
			let_ask(lease, false);
}

void nesting_leaves(struct lease *lease)
{
	let_ask(lease, false);
	if (lease->pool->asking && lease->owner)
		content(lease->pool, lease->slot->used_by);
}

void nesting_comes(const struct lease *lease)
{
	if (lease->pool->asking)
		content(lease->pool, lease->slot->used_by);
}
