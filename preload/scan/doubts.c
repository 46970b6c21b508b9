/* SPDX-License-Identifier: MIT */
#include "preload/scan/doubts.h"

#include "preload/scan/pages.h"

#define MOST_HIDDEN ((uintptr_t)1 << 30) /* longer takes too long to ask */

/* Memory that was filled before it was hidden. */
static bool has_hidden(const struct state *now)
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

static bool is_wiped_between(const struct state *now, uintptr_t start,
			     uintptr_t end)
{
	return end - start > MOST_HIDDEN ||
	       (!pages_are_touched(now->pagemap, start, end, PAGES_ANY) &&
		pages_are_touched(now->s->world->pagemap, start, end,
				  PAGES_OWN));
}

/* The program may ask the kernel to copy some memory empty. */
bool doubts_is_wiped(const struct state *now)
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
		    is_wiped_between(now, at, end))
			return true;
	}
	return false;
}

bool doubts_any(const struct state *now)
{
	return now->swapped || now->overflow || now->hits.overflow ||
	       !now->regions.whole ||
	       !regions_are_remembered(&now->regions, now->s->world) ||
	       now->wiped || has_hidden(now);
}
