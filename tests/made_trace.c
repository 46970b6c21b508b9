/* SPDX-License-Identifier: MIT */
#include "tests/made_trace.h"

#include <math.h>

static struct arena *memory;

static uint64_t ns(double seconds)
{
	return (uint64_t)llround(seconds * 1e9);
}

void made_trace(struct trace *t, struct arena *arena, uint32_t capacity,
		double seconds)
{
	memory = arena;
	*t = (struct trace){ .name = "db_take",
			     .pid = 4711,
			     .timed = true,
			     .capacity = capacity,
			     .processes = 1,
			     .bucket_ns = RECORD_BUCKET_NS,
			     .end_ns = ns(seconds),
			     .most_by_thread = 1 };
	while (t->end_ns / t->bucket_ns > RECORD_BUCKETS)
		t->bucket_ns *= 2;
	t->bucket_count = (size_t)(t->end_ns / t->bucket_ns);
	t->buckets = arena_array(arena, t->bucket_count, sizeof(*t->buckets));
}

static size_t bucket_at(const struct trace *t, double at)
{
	const size_t i = (size_t)(ns(at) / t->bucket_ns);

	return i < t->bucket_count ? i : t->bucket_count;
}

void made_time(struct trace *t, double from, double to, double rate,
	       uint32_t used, uint32_t waiting)
{
	const double each = rate * (double)t->bucket_ns / 1e9;
	double due = 0;

	for (size_t i = bucket_at(t, from); i < bucket_at(t, to); i++) {
		struct trace_bucket *b = &t->buckets[i];

		due += each;
		b->attempts = b->acquires = (uint64_t)due;
		due -= (double)b->attempts;
		b->most_used = used;
		b->most_waiting = waiting;
		b->most_demand = used + waiting;
		b->used_ns = used * t->bucket_ns;
		b->waiting_ns = waiting * t->bucket_ns;
	}
}

void made_failures(struct trace *t, double from, double to, uint64_t count)
{
	const size_t begin = bucket_at(t, from), end = bucket_at(t, to);

	if (!t->dry.kind)
		t->dry = (struct trace_dry){
			.kind = EXHAUSTION_NOTHING,
			.when_ns = ns(from),
			.used = t->buckets[begin].most_used,
			.waiting = t->buckets[begin].most_waiting,
		};
	for (uint64_t i = 0; i < count; i++) {
		struct trace_bucket *b = &t->buckets[begin + i % (end - begin)];

		b->failures++;
		b->acquires -= b->acquires > 0;
	}
	t->sums[POOL_NOTHING] += count;
}

void made_site(struct trace *t, const char *where, uint64_t acquired,
	       double hold_ms)
{
	struct trace_site *site;
	size_t n = 0;

	t->sites =
		arena_grow(memory, t->sites, t->site_count, sizeof(*t->sites));
	site = &t->sites[t->site_count];
	site->number = (uint32_t)t->site_count++;
	site->where = where;
	site->acquired = site->released = acquired;
	while (hold_ms * 1e3 > ldexp(1, (int)n))
		n++;
	site->hold_us[n] = (uint32_t)acquired;
	site->longest_ns = ns(hold_ms / 1e3);
}

struct trace_lease *made_lease(struct trace *t, uint32_t site,
			       enum trace_fate fate, double from, double to)
{
	struct trace_lease *lease;

	t->leases = arena_grow(memory, t->leases, t->lease_count,
			       sizeof(*t->leases));
	lease = &t->leases[t->lease_count++];
	*lease = (struct trace_lease){
		.site = site, .fate = fate, .from_ns = ns(from), .to_ns = ns(to)
	};
	return lease;
}

void made_done(struct trace *t)
{
	for (size_t i = 0; i < t->bucket_count; i++) {
		const struct trace_bucket *b = &t->buckets[i];

		t->sums[POOL_ATTEMPTS] += b->attempts;
		t->sums[POOL_ACQUIRES] += b->acquires;
		if (b->most_used > t->peak_used)
			t->peak_used = b->most_used;
		if (b->most_waiting > t->peak_waiting)
			t->peak_waiting = b->most_waiting;
		if (b->most_demand > t->peak_demand)
			t->peak_demand = b->most_demand;
	}
}
