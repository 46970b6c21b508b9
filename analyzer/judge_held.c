/* SPDX-License-Identifier: MIT */
/*
 * Leases that were kept far beyond what their place usually takes: those that
 * are still out and not known to be lost, and those that came back late.
 */
#include "analyzer/judge.h"

#include <math.h>

#include "analyzer/held.h"

static double limit_s(const struct place *place,
		      const struct thresholds *thresholds)
{
	return held_limit_s(place->hold_us, place->longest_ns,
			    place->longest_query_ns, thresholds);
}

static bool is_too_long(const struct report_handle *handle, double limit)
{
	return (isnan(handle->age_s) ? handle->least_age_s : handle->age_s) >
	       limit;
}

/* Who waits for an answer is busy.  What gave up on one has its class. */
static bool is_busy(const struct report_use *use)
{
	return use->in_query || !isnan(use->query_s);
}

/*
 * What leaked has its finding; what is meant needs none, nor does what a pool
 * keeps.
 */
static void add_out(struct places *places, struct place *place,
		    enum kind_id kind, double limit)
{
	static const enum class_id open[] = { CLASS_HELD, CLASS_UNDECIDED };

	for (size_t n = 0; n < sizeof(open) / sizeof(open[0]); n++) {
		const struct place_group *group = &place->groups[kind][open[n]];

		for (size_t i = 0; i < group->handle_count; i++)
			if (!group->handles[i].pooled &&
			    !is_busy(&group->handles[i].use) &&
			    is_too_long(&group->handles[i], limit))
				places_add_long(places, place,
						&group->handles[i]);
	}
}

static void add_late(struct report *r, struct places *places,
		     const struct pools *pools, const struct record_hold *hold,
		     const struct thresholds *thresholds)
{
	const struct record_header *header = reader_header(pools->reader);
	struct place *place = places_find(places, pools->reader, hold->site);
	struct report_handle handle = {
		.pid = header->pid,
		.tid = hold->tid,
		.process = SIZE_MAX,
		.returned = true,
		.acquired_at = header->started_ns + hold->acquired_ns,
		.age_s = (double)hold->held_ns / 1e9,
		.use = { .idle_s = NAN, .query_s = NAN },
	};

	if (!is_too_long(&handle, limit_s(place, thresholds)))
		return;
	handle.pool = arena_strdup(&r->arena, pools_name(pools, hold->pool));
	places_add_long(places, place, &handle);
}

void judge_held(struct report *r, struct places *places,
		const struct evidence *e, const struct pools *pools,
		const struct thresholds *thresholds)
{
	struct place **all = places_all(places);
	struct record_hold hold;

	for (size_t i = 0; i < places->count; i++) {
		struct place *place = all[i];

		if (place->kind == HANDLE_LEASE)
			add_out(places, place, KIND_LEAKED_LEASE,
				limit_s(place, thresholds));
		else if (place->kind == HANDLE_CONNECTION && thresholds->held_s)
			add_out(places, place, KIND_LEAKED_CONNECTION,
				thresholds->held_s);
	}
	for (size_t i = 0; i < e->record_count; i++)
		for (uint32_t n = 0;
		     n < reader_count(pools[i].reader, RECORD_HOLDS); n++)
			if (reader_hold(pools[i].reader, n, &hold) &&
			    pools_name(&pools[i], hold.pool))
				add_late(r, places, &pools[i], &hold,
					 thresholds);
}
