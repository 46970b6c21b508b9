/* SPDX-License-Identifier: MIT */
#include "analyzer/pools.h"

#include <stdlib.h>
#include <string.h>

struct named {
	const char *name;
	uint32_t pool;
};

static bool counts(const struct record_pool *pool)
{
	return !(pool->flags & POOL_BUILT_IN) || pool->flags & POOL_PROVEN;
}

static int by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	const int order = strcmp(x->name, y->name);

	return order ? order : (x->pool > y->pool) - (x->pool < y->pool);
}

static bool is_alone(const struct named *all, size_t count, size_t i)
{
	return (!i || strcmp(all[i - 1].name, all[i].name) != 0) &&
	       (i + 1 == count || strcmp(all[i + 1].name, all[i].name) != 0);
}

/* Those that do not count take no number. */
static void name_all(struct pools *p, struct arena *arena, struct named *named,
		     size_t count)
{
	unsigned number = 0;

	if (count)
		qsort(named, count, sizeof(*named), by_name);
	for (size_t i = 0; i < count; i++) {
		struct pool *pool = &p->list[named[i].pool];

		if (!i || strcmp(named[i - 1].name, named[i].name) != 0)
			number = 0;
		pool->name = is_alone(named, count, i)
				     ? named[i].name
				     : arena_printf(arena, "%s #%u",
						    named[i].name, ++number);
	}
}

void pools_read(struct pools *p, struct arena *arena,
		const struct reader *reader)
{
	const uint32_t count = reader_count(reader, RECORD_POOLS);
	struct named *named = arena_array(arena, count, sizeof(*named));
	struct record_pool pool;
	size_t names = 0;

	p->reader = reader;
	p->count = count;
	p->list = arena_array(arena, count, sizeof(*p->list));
	for (uint32_t i = 0; i < count; i++) {
		const char *name;

		if (!reader_pool(reader, i, &pool) || !counts(&pool))
			continue;
		p->list[i].counts = true;
		if (pool.flags & POOL_CONNECTIONS)
			continue;
		name = reader_string(reader, pool.function);
		named[names].name = name && *name ? name : "?";
		named[names++].pool = i;
	}
	name_all(p, arena, named, names);
}

struct pools *pools_of_all(struct arena *arena, const struct evidence *e)
{
	struct pools *all = arena_array(arena, e->record_count, sizeof(*all));

	for (size_t i = 0; i < e->record_count; i++)
		pools_read(&all[i], arena, e->records[i].reader);
	return all;
}

const char *pools_name(const struct pools *p, uint32_t pool)
{
	return pool < p->count ? p->list[pool].name : NULL;
}

bool pools_counts(const struct pools *p, uint32_t pool)
{
	return pool >= p->count || p->list[pool].counts;
}

bool pools_counts_slot(const struct pools *p, const struct record_slot *slot)
{
	return slot->kind != HANDLE_LEASE || pools_counts(p, slot->pool);
}

bool pools_counts_site(const struct pools *p, const struct record_site *site)
{
	return site->kind != HANDLE_LEASE || pools_counts(p, site->pool);
}

bool pools_partner(const struct reader *reader, uint32_t number,
		   const struct record_slot *lease, struct record_slot *ret)
{
	return lease->kind == HANDLE_LEASE && lease->state != SLOT_FREE &&
	       reader_slot(reader, lease->partner, ret) &&
	       ret->kind == HANDLE_CONNECTION && ret->state != SLOT_FREE &&
	       ret->partner == number;
}
