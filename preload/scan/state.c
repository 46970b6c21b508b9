/* SPDX-License-Identifier: MIT */
#include "preload/scan/state.h"

#include "preload/scan/clock.h"
#include "preload/scan/pages.h"

bool state_expired(struct state *now)
{
	if (clock_ns() > now->s->deadline_ns)
		now->late = true;
	return now->late;
}

bool state_is_root(enum region_kind kind)
{
	return kind == REGION_GLOBALS || kind == REGION_STACK ||
	       kind == REGION_THREAD;
}

/* A thread has its storage at the upper end of its stack. */
static bool is_storage(const struct world *world, const struct region *region,
		       uintptr_t where)
{
	const uintptr_t pointer = world->threads[region->owner].pointer;

	return pointer >= region->start && pointer < region->end &&
	       where >= pointer - world->static_storage;
}

static enum record_holder holder_at(const struct world *world,
				    const struct region *region,
				    uintptr_t where)
{
	switch (region->kind) {
	case REGION_GLOBALS:
		return HOLDER_GLOBAL;
	case REGION_STACK:
		return is_storage(world, region, where) ? HOLDER_THREAD
							: HOLDER_STACK;
	case REGION_THREAD:
		return HOLDER_THREAD;
	default:
		return HOLDER_UNKNOWN;
	}
}

void state_set_root(struct state *now, const struct region *region,
		    uintptr_t where)
{
	now->root.where = where;
	now->root.owner = region->owner;
	now->root.holder = holder_at(now->s->world, region, where);
}

void state_each_piece(struct state *now, bool (*wanted)(enum region_kind),
		      state_look *look)
{
	static struct pages pages;
	uintptr_t start, end;

	for (size_t i = 0; i < now->regions.count; i++) {
		const struct region *region = &now->regions.list[i];

		if (!wanted(region->kind))
			continue;
		pages_begin(&pages, region, now->pagemap, &now->swapped);
		while (pages_next(&pages, &start, &end)) {
			if (state_expired(now) || !now->targets.pending)
				return;
			now->s->bytes += end - start;
			look(now, region, start, end);
		}
	}
}

static void each_register(struct state *now, uint32_t owner,
			  void (*see)(struct state *, uintptr_t))
{
	const struct world_thread *thread = &now->s->world->threads[owner];

	for (unsigned n = 0; n < thread->register_count; n++) {
		now->root.holder = HOLDER_REGISTER;
		now->root.owner = owner;
		now->root.where = 0;
		see(now, thread->registers[n]);
	}
}

void state_each_value(struct state *now,
		      void (*see)(struct state *now, uintptr_t value))
{
	for (uint32_t i = 0; i < now->s->world->thread_count; i++)
		each_register(now, i, see);
	for (size_t i = 0; i < now->s->kernel.count; i++) {
		now->root.holder = HOLDER_KERNEL;
		now->root.owner = 0;
		now->root.where = 0;
		see(now, now->s->kernel.list[i]);
	}
}
