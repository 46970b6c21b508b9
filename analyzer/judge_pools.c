/* SPDX-License-Identifier: MIT */
/* Pools as they are reported, and the sums over all of them. */
#include "analyzer/judge.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/shares.h"

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

/* A damaged record, or a living one, may have more of the part. */
static uint64_t less(uint64_t whole, uint64_t part)
{
	return part < whole ? whole - part : 0;
}

static const char *rule_of(struct arena *arena, const struct reader *reader,
			   uint32_t number)
{
	struct record_rule rule;

	if (!reader_rule(reader, number, &rule))
		return NULL;
	return arena_strdup(arena, reader_string(reader, rule.text));
}

static void fill_waits(const struct record_pool *pool, struct report_pool *out)
{
	uint64_t us[RECORD_HOLD_BUCKETS];

	for (unsigned i = 0; i < RECORD_HOLD_BUCKETS; i++)
		us[i] = pool->wait_us[i];
	out->waits = pool->sums[POOL_WAITS];
	out->wait_s = seconds(pool->sums[POOL_WAIT_NS]);
	out->wait_p95_s = shares_s(us, pool->longest_wait_ns, 0.95);
	out->longest_wait_s = seconds(pool->longest_wait_ns);
	out->connect_s = seconds(pool->sums[POOL_CONNECT_NS]);
}

static void fill_pool(struct arena *arena, const struct reader *reader,
		      const struct record_pool *pool, struct report_pool *out)
{
	out->pid = reader_header(reader)->pid;
	out->rule = rule_of(arena, reader, pool->rule);
	out->capacity = pool->capacity;
	out->used = pool->used;
	out->peak_used = pool->peak_used;
	out->peak_demand = pool->peak_demand;
	out->attempts = pool->sums[POOL_ATTEMPTS];
	out->acquires = pool->sums[POOL_ACQUIRES];
	out->releases = pool->sums[POOL_RELEASES];
	out->nothing = pool->sums[POOL_NOTHING];
	out->errors = pool->sums[POOL_ERRORS];
	out->exceptions = pool->sums[POOL_EXCEPTIONS];
	out->nested = pool->sums[POOL_NESTED];
	out->by_others = pool->sums[POOL_BY_OTHERS];
	out->most_by_one = pool->most_by_thread;
	fill_waits(pool, out);
}

static void add_sums(struct report_totals *t, const struct report_pool *pool)
{
	t->acquires += pool->acquires;
	t->releases += pool->releases;
	t->leases_at_end += less(pool->acquires, pool->releases);
}

static void add_record(struct report *r, const struct pools *pools)
{
	const struct record_header *header = reader_header(pools->reader);
	const uint64_t peak = header->totals[TOTAL_PEAK_LEASES];
	bool any = false;

	for (uint32_t i = 0; i < pools->count; i++) {
		struct report_pool *out;
		struct record_pool pool;

		if (!pools->list[i].name ||
		    !reader_pool(pools->reader, i, &pool))
			continue;
		any = true;
		r->pools = arena_grow(&r->arena, r->pools, r->pool_count,
				      sizeof(*r->pools));
		out = &r->pools[r->pool_count++];
		memset(out, 0, sizeof(*out));
		fill_pool(&r->arena, pools->reader, &pool, out);
		out->name = arena_strdup(&r->arena, pools->list[i].name);
		add_sums(&r->totals, out);
	}
	if (any && peak > r->totals.peak_leases)
		r->totals.peak_leases = peak;
}

static int order(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

/* What somebody must look at comes first. */
static int worse(const void *a, const void *b)
{
	const struct report_pool *x = a, *y = b;
	int n = order(report_pool_failures(x), report_pool_failures(y));

	n = n ? n : order(x->waits, y->waits);
	n = n ? n : order(x->peak_used, y->peak_used);
	n = n ? n : (x->pid > y->pid) - (x->pid < y->pid);
	return n ? n : strcmp(x->name, y->name);
}

void judge_pools(struct report *r, const struct evidence *e,
		 const struct pools *pools)
{
	for (size_t i = 0; i < e->record_count; i++)
		add_record(r, &pools[i]);
	if (r->pool_count)
		qsort(r->pools, r->pool_count, sizeof(*r->pools), worse);
}
