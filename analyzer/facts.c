/* SPDX-License-Identifier: MIT */
#include "analyzer/facts.h"

#include <stdlib.h>

#define MOST_SITES 256u /* told apart */

static bool is_out(const struct trace_lease *lease, uint64_t at_ns)
{
	return lease->from_ns <= at_ns && at_ns <= lease->to_ns;
}

static bool counts_as(const struct facts *f, enum fact_kind what,
		      const struct trace_lease *lease)
{
	return what == FACT_LEAKED ? lease->fate == TRACE_LEAKED
				   : demand_is_long(&f->demand, lease);
}

static void find_moment(struct facts *f)
{
	const struct trace *t = f->trace;
	size_t top = 0;

	for (size_t i = 0; i < t->bucket_count; i++)
		if (t->buckets[i].most_demand > t->buckets[top].most_demand)
			top = i;
	if (t->dry.kind) {
		f->at_ns = t->dry.when_ns;
		f->used = t->dry.used;
		f->waiting = t->dry.waiting;
	} else if (t->bucket_count) {
		const struct trace_bucket *b = &t->buckets[top];

		f->at_ns = top * t->bucket_ns + t->bucket_ns / 2;
		if (f->at_ns > t->end_ns)
			f->at_ns = t->end_ns;
		f->used = b->most_used;
		f->waiting = b->most_demand > b->most_used
				     ? b->most_demand - b->most_used
				     : 0;
	}
}

static void count_moment(struct facts *f)
{
	const struct trace *t = f->trace;
	uint32_t known;

	for (size_t i = 0; i < t->lease_count; i++) {
		const struct trace_lease *lease = &t->leases[i];

		f->leaks += lease->fate == TRACE_LEAKED;
		if (!is_out(lease, f->at_ns))
			continue;
		f->leaked += lease->fate == TRACE_LEAKED;
		f->kept += lease->fate == TRACE_KEPT;
		f->held += demand_is_long(&f->demand, lease);
	}
	known = f->leaked + f->held + f->kept;
	f->others = f->used > known ? f->used - known : 0;
}

/*
 * All were held by threads that asked for one more at the same time: from then
 * on none is given, until somebody gives up.
 */
static bool is_stuck(const struct facts *f)
{
	const struct trace *t = f->trace;
	uint32_t rest = t->most_asking;

	for (size_t i = 0; i < t->lease_count; i++)
		rest += t->leases[i].fate == TRACE_KEPT;
	return !t->connections && t->most_asking && f->demand.capacity &&
	       rest >= f->demand.capacity;
}

/* Who fails although slots are free has met something else. */
static bool ran_dry(const struct facts *f)
{
	const struct trace *t = f->trace;

	if (!f->demand.capacity)
		return false;
	if (f->stuck)
		return true;
	for (size_t i = 0; i < t->bucket_count; i++)
		if (t->buckets[i].failures &&
		    t->buckets[i].most_used >= f->demand.capacity)
			return true;
	return f->demand.dry_share > f->thresholds->of[THRESHOLD_DRY_SHARE];
}

/* The last bucket is as wide as time has come. */
static uint64_t width(const struct trace *t, size_t i)
{
	const uint64_t from_ns = i * t->bucket_ns;
	const uint64_t left = t->end_ns > from_ns ? t->end_ns - from_ns : 0;

	return left < t->bucket_ns ? left : t->bucket_ns;
}

bool facts_high(const struct trace *t, double least, double lasts_s,
		uint64_t *ret_from_ns, uint64_t *ret_ns)
{
	uint64_t from_ns = 0, ns = 0;

	for (size_t i = 0; i < t->bucket_count; i++) {
		const uint64_t more = width(t, i);

		if ((double)t->buckets[i].used_ns >= least * (double)more) {
			from_ns = ns ? from_ns : i * t->bucket_ns;
			ns += more;
		} else if (ns && (double)ns >= lasts_s * 1e9) {
			break;
		} else {
			ns = 0;
		}
	}
	*ret_from_ns = from_ns;
	*ret_ns = ns;
	return ns && (double)ns >= lasts_s * 1e9;
}

static void find_high(struct facts *f)
{
	const double *of = f->thresholds->of;

	if (f->demand.capacity >= of[THRESHOLD_UTIL_LEAST])
		f->high = facts_high(
			f->trace, of[THRESHOLD_UTIL] * f->demand.capacity,
			of[THRESHOLD_UTIL_TIME], &f->high_from_ns, &f->high_ns);
}

void facts_find(struct facts *f, struct arena *arena, const struct trace *t,
		const struct thresholds *thresholds)
{
	*f = (struct facts){ .arena = arena,
			     .trace = t,
			     .thresholds = thresholds };
	demand_find(&f->demand, arena, t, thresholds);
	f->stuck = is_stuck(f);
	f->dry = ran_dry(f);
	find_moment(f);
	count_moment(f);
	find_high(f);
}

static int more(const void *a, const void *b)
{
	const struct fact_site *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return (x->site > y->site) - (x->site < y->site);
}

struct fact_site *facts_sites(const struct facts *f, enum fact_kind what,
			      uint64_t at_ns, size_t *ret_count)
{
	const struct trace *t = f->trace;
	struct fact_site *sites = NULL;
	size_t count = 0, n;

	for (size_t i = 0; i < t->lease_count; i++) {
		const struct trace_lease *lease = &t->leases[i];

		if (!counts_as(f, what, lease) || !is_out(lease, at_ns))
			continue;
		for (n = 0; n < count && sites[n].site != lease->site; n++)
			;
		if (n == MOST_SITES)
			continue;
		if (n == count) {
			sites = arena_grow(f->arena, sites, count,
					   sizeof(*sites));
			sites[count++] = (struct fact_site){
				.site = lease->site,
				.oldest_ns = lease->from_ns,
			};
		}
		sites[n].count++;
	}
	if (count)
		qsort(sites, count, sizeof(*sites), more);
	*ret_count = count;
	return sites;
}

const char *facts_where(const struct facts *f, uint32_t site)
{
	const struct trace_site *known = trace_site(f->trace, site);

	return known && known->where ? known->where : "an unknown place";
}

const char *facts_time(struct arena *arena, double seconds)
{
	if (seconds < 1)
		return arena_printf(arena, "%.0f ms", seconds * 1e3);
	if (seconds < 10)
		return arena_printf(arena, "%.1f s", seconds);
	if (seconds < 120)
		return arena_printf(arena, "%.0f s", seconds);
	if (seconds < 7200)
		return arena_printf(arena, "%.0f min", seconds / 60);
	return arena_printf(arena, "%.1f h", seconds / 3600);
}
