/* SPDX-License-Identifier: MIT */
#include "preload/series.h"

#include <string.h>

#include "preload/counters.h"

void series_begin(struct record_pool *pool, uint64_t now)
{
	pool->began_ns = now;
	counter_set(&pool->changed_ns, now);
	counter_set(&pool->bucket_ns, RECORD_BUCKET_NS);
}

void series_level(const struct record_pool *pool, struct record_bucket *bucket)
{
	const uint32_t used = counter_get32(&pool->used);
	const uint32_t waiting = counter_get32(&pool->waiting);

	counter_raise32(&bucket->most_used, used);
	counter_raise32(&bucket->most_waiting, waiting);
	counter_raise32(&bucket->most_demand, used + waiting);
}

/* The second of two comes after the first. */
static void add_bucket(struct record_bucket *to,
		       const struct record_bucket *second)
{
	counter_add32(&to->attempts, second->attempts);
	counter_add32(&to->acquires, second->acquires);
	counter_add32(&to->failures, second->failures);
	counter_raise32(&to->most_used, second->most_used);
	counter_raise32(&to->most_waiting, second->most_waiting);
	counter_raise32(&to->most_demand, second->most_demand);
	counter_add(&to->used_ns, second->used_ns);
	counter_add(&to->waiting_ns, second->waiting_ns);
}

/* Killed in between, it is half done: a matter of microseconds. */
static void double_width(struct record_pool *pool,
			 struct record_bucket *buckets)
{
	const unsigned half = RECORD_BUCKETS / 2;

	for (unsigned i = 0; i < half; i++) {
		memmove(&buckets[i], &buckets[2 * i], sizeof(*buckets));
		add_bucket(&buckets[i], &buckets[2 * i + 1]);
	}
	memset(&buckets[half], 0, half * sizeof(*buckets));
	counter_set(&pool->bucket_ns, 2 * counter_get(&pool->bucket_ns));
}

/* Nothing has changed in it between these two. */
static void fill(struct record_pool *pool, struct record_bucket *bucket,
		 uint64_t since, uint64_t until)
{
	series_level(pool, bucket);
	counter_add(&bucket->used_ns,
		    counter_get32(&pool->used) * (until - since));
	counter_add(&bucket->waiting_ns,
		    counter_get32(&pool->waiting) * (until - since));
}

struct record_bucket *series_now(struct record_pool *pool,
				 struct record_bucket *buckets, uint64_t now)
{
	uint64_t since = counter_get(&pool->changed_ns), width, n, last;

	while ((now - pool->began_ns) / counter_get(&pool->bucket_ns) >=
	       RECORD_BUCKETS)
		double_width(pool, buckets);
	width = counter_get(&pool->bucket_ns);
	last = (now - pool->began_ns) / width;
	for (n = (since - pool->began_ns) / width; n < last; n++) {
		const uint64_t end = pool->began_ns + (n + 1) * width;

		fill(pool, &buckets[n], since, end);
		since = end;
	}
	fill(pool, &buckets[last], since, now);
	counter_set(&pool->changed_ns, now);
	return &buckets[last];
}

/* In all of its time one more has waited. */
static void one_more(struct record_pool *pool, struct record_bucket *bucket)
{
	counter_add32(&bucket->most_waiting, 1);
	counter_add32(&bucket->most_demand, 1);
	counter_raise32(&pool->peak_waiting, bucket->most_waiting);
	counter_raise32(&pool->peak_demand, bucket->most_demand);
}

void series_goes_on(struct record_pool *pool, struct record_bucket *buckets,
		    uint64_t since, uint64_t until)
{
	const uint64_t width = counter_get(&pool->bucket_ns);
	const uint64_t last = (until - pool->began_ns) / width;
	uint64_t n, end;

	for (n = (since - pool->began_ns) / width; n <= last; n++) {
		end = pool->began_ns + (n + 1) * width;
		if (end > until)
			end = until;
		counter_add(&buckets[n].waiting_ns, end - since);
		if (end - since == width)
			one_more(pool, &buckets[n]);
		since = end;
	}
	counter_add32(&buckets[last].attempts, UINT32_MAX);
}
