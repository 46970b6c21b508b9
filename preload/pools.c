/* SPDX-License-Identifier: MIT */
#include "preload/pools.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/counters.h"
#include "preload/recording.h"
#include "preload/series.h"
#include "preload/sites.h"

#define SERIES_MOST   256u /* pools with a series: 10 MiB of the record */
#define KEEPERS_LEAST 16u  /* what a record has room for, from the beginning */
#define KEEPERS_MOST  4096u
#define ASKED	      8u /* pools that a thread remembers */

/*
 * Guarded by recording_lock().
 *   1. `connections` is the first pool in the record, or there is none.
 *   2. `leases` are out of proven pools.
 */
static struct {
	struct pool *by_key;
	struct pool connections;
	bool has_begun; /* whether that could be kept or not */
	uint32_t series;
	uint64_t leases;
	uint64_t unnamed_capacity[2]; /* by built_in; no object, no rule */
	uint32_t failed_site;	      /* of the last connect that failed */
	int32_t failed_tid;
} pools;

static uint64_t key_of(const struct lease_pool *which)
{
	const uint64_t hash = hash_word(HASH_SEED, which->object != NULL);

	if (which->object)
		return hash_word(hash, record_handle(which->object));
	return hash_word(hash, which->rule);
}

/*
 * Without this the report lacks a graph.  A disk that has no room for it may
 * have some for what is worth more.
 */
static uint32_t reserve(struct writer *record, enum record_type type,
			uint32_t count)
{
	const uint32_t refused = record->refused;
	const uint32_t number = writer_reserve(record, type, count);

	if (number == RECORD_NONE)
		record->refused = refused;
	return number;
}

static void add_series(struct writer *record, struct pool *pool, uint64_t now)
{
	uint32_t first;

	pool->stored->first_bucket = RECORD_NONE;
	if (pools.series == SERIES_MOST)
		return;
	first = reserve(record, RECORD_SERIES, RECORD_BUCKETS);
	if (first == RECORD_NONE)
		return;
	pools.series++;
	pool->stored->flags |= POOL_TIMED;
	pool->buckets = writer_at(record, RECORD_SERIES, first);
	series_begin(pool->stored, now);
	writer_publish(record, RECORD_SERIES, first, RECORD_BUCKETS);
	pool->stored->first_bucket = first;
}

/* Fills and publishes it; `number` was reserved. */
static void store(struct writer *record, struct pool *pool, uint32_t number,
		  const struct record_pool *what)
{
	pool->number = number;
	pool->stored = writer_at(record, RECORD_POOLS, number);
	*pool->stored = *what;
	add_series(record, pool, recording_now(record));
	writer_publish(record, RECORD_POOLS, number, 1);
}

struct pool *pools_connections(struct writer *record)
{
	const struct record_pool what = {
		.rule = RECORD_NONE,
		.flags = POOL_CONNECTIONS | POOL_PROVEN | POOL_SPLIT,
	};
	uint32_t number;

	if (!pools.has_begun) {
		pools.has_begun = true;
		number = reserve(record, RECORD_POOLS, 1);
		if (number != RECORD_NONE)
			store(record, &pools.connections, number, &what);
	}
	return pools.connections.stored ? &pools.connections : NULL;
}

static struct pool *find(uint64_t key)
{
	struct pool *pool;

	HASH_FIND_BYHASHVALUE(hh, pools.by_key, &key, sizeof(key),
			      (unsigned)key, pool);
	return pool;
}

struct pool *pools_find(const struct lease_pool *which)
{
	struct pool *pool = find(key_of(which));

	return pool && pool->stored ? pool : NULL;
}

/* In memory only. */
static struct pool *find_or_note(uint64_t key)
{
	struct pool *pool = find(key);

	if (pool)
		return pool;
	pool = memory_take(sizeof(*pool));
	if (!pool)
		return NULL;
	memset(pool, 0, sizeof(*pool));
	pool->key = key;
	pool->number = RECORD_NONE;
	HASH_ADD_BYHASHVALUE(hh, pools.by_key, key, sizeof(pool->key),
			     (unsigned)key, pool);
	if (pool->hh.tbl)
		return pool;
	memory_give(pool, sizeof(*pool));
	return NULL;
}

static uint32_t flags_of(const struct lease_pool *which)
{
	if (which->built_in)
		return POOL_SPLIT | POOL_BUILT_IN;
	if (which->rule != RECORD_NONE)
		return POOL_SPLIT | POOL_PROVEN;
	return POOL_SPLIT | POOL_PROVEN | POOL_ANNOTATED;
}

static bool add(struct writer *record, struct pool *pool,
		const struct lease_pool *which)
{
	const struct record_pool what = {
		.object = which->object ? record_handle(which->object) : 0,
		.rule = which->rule,
		.function = sites_name(record, which->function),
		.flags = flags_of(which),
		.capacity = pool->capacity || which->object
				    ? pool->capacity
				    : pools.unnamed_capacity[which->built_in],
	};
	uint32_t number;

	pools_connections(record); /* comes first */
	number = writer_reserve(record, RECORD_POOLS, 1);
	if (number != RECORD_NONE)
		store(record, pool, number, &what);
	return number != RECORD_NONE;
}

struct pool *pools_find_or_add(struct writer *record,
			       const struct lease_pool *which)
{
	struct pool *pool = find_or_note(key_of(which));

	if (!pool || (!pool->stored && !add(record, pool, which))) {
		recording_lost(record, LOSS_POOL);
		return NULL;
	}
	return pool;
}

/* The bucket of a moment; one that is nowhere if there is no series. */
static struct record_bucket *bucket_at(struct pool *pool, uint64_t now)
{
	static struct record_bucket none;

	if (!pool->buckets)
		return &none;
	return series_now(pool->stored, pool->buckets, now);
}

static struct record_bucket *bucket_now(struct writer *record,
					struct pool *pool)
{
	return bucket_at(pool, recording_now(record));
}

/*
 * One more thread, unless it is among those pools that this thread has asked
 * last.
 */
static void count_thread(struct pool *pool)
{
	static _Thread_local struct {
		const struct pool *pools[ASKED];
		unsigned generation, next;
	} asked;

	if (asked.generation != recording_generation())
		memset(&asked, 0, sizeof(asked));
	asked.generation = recording_generation();
	for (unsigned i = 0; i < ASKED; i++)
		if (asked.pools[i] == pool)
			return;
	asked.pools[asked.next++ % ASKED] = pool;
	counter_add32(&pool->stored->threads, 1);
}

/*
 * Who has all when there is nothing left is written at a moment when the file
 * cannot be opened, if it is descriptors that are missing: so there is room for
 * it before.
 */
static void make_room_for_keepers(struct writer *record, uint32_t used)
{
	if (used >= KEEPERS_LEAST && used <= KEEPERS_MOST &&
	    !(used & (used - 1)))
		reserve(record, RECORD_KEEPERS, 2 * used);
}

static void set_levels(struct pool *pool, struct record_bucket *bucket,
		       uint32_t used, uint32_t waiting)
{
	struct record_pool *stored = pool->stored;

	counter_set32(&stored->used, used);
	counter_set32(&stored->waiting, waiting);
	counter_raise32(&stored->peak_used, used);
	counter_raise32(&stored->peak_waiting, waiting);
	counter_raise32(&stored->peak_demand, used + waiting);
	series_level(stored, bucket);
}

uint64_t pools_attempted(struct writer *record, struct pool *pool)
{
	const uint64_t now = recording_now(record);
	struct record_bucket *bucket = bucket_at(pool, now);
	struct record_pool *stored = pool->stored;

	counter_add(&stored->sums[POOL_ATTEMPTS], 1);
	counter_add32(&bucket->attempts, 1);
	set_levels(pool, bucket, stored->used, stored->waiting + 1);
	count_thread(pool);
	return now;
}

static bool counts(const struct pool *pool)
{
	return pool != &pools.connections && pool->stored->flags & POOL_PROVEN;
}

static void raise_peak(struct writer *record)
{
	counter_raise(&record->header->totals[TOTAL_PEAK_LEASES], pools.leases);
}

void pools_acquired(struct writer *record, struct pool *pool)
{
	struct record_bucket *bucket = bucket_now(record, pool);
	struct record_pool *stored = pool->stored;

	counter_add(&stored->sums[POOL_ACQUIRES], 1);
	counter_add32(&bucket->acquires, 1);
	set_levels(pool, bucket, stored->used + 1, stored->waiting - 1);
	if (counts(pool)) {
		pools.leases++;
		raise_peak(record);
	}
	make_room_for_keepers(record, stored->used);
}

void pools_failed(struct writer *record, struct pool *pool,
		  enum record_pool_sum how)
{
	struct record_bucket *bucket = bucket_now(record, pool);
	struct record_pool *stored = pool->stored;

	counter_add(&stored->sums[how], 1);
	counter_add32(&bucket->failures, 1);
	set_levels(pool, bucket, stored->used, stored->waiting - 1);
}

void pools_released(struct writer *record, struct pool *pool)
{
	struct record_bucket *bucket = bucket_now(record, pool);
	struct record_pool *stored = pool->stored;

	counter_add(&stored->sums[POOL_RELEASES], 1);
	set_levels(pool, bucket, stored->used - 1, stored->waiting);
	pools.leases -= counts(pool);
}

void pools_waited(struct pool *pool, uint64_t ns, uint64_t connect_ns)
{
	struct record_pool *stored = pool->stored;

	counter_add(&stored->sums[POOL_WAITS], ns >= RECORD_WAIT_NS);
	counter_add(&stored->sums[POOL_WAIT_NS], ns);
	counter_add(&stored->sums[POOL_CONNECT_NS], connect_ns);
	counter_add32(&stored->wait_us[sites_bucket(ns)], 1);
	counter_raise(&stored->longest_wait_ns, ns);
}

void pools_wait_goes_on(struct pool *pool, uint64_t ns, uint64_t own_ns,
			uint64_t connect_ns)
{
	struct record_pool *stored = pool->stored;

	counter_add(&stored->sums[POOL_WAITS],
		    -(uint64_t)(ns >= RECORD_WAIT_NS));
	counter_add(&stored->sums[POOL_WAIT_NS], -ns);
	counter_add(&stored->sums[POOL_CONNECT_NS], -connect_ns);
	counter_add32(&stored->wait_us[sites_bucket(ns)], UINT32_MAX);
	counter_add32(&stored->wait_us[sites_bucket(own_ns)], 1);
}

void pools_waited_between(struct pool *pool, uint64_t since, uint64_t until)
{
	if (pool->buckets)
		series_goes_on(pool->stored, pool->buckets, since, until);
}

void pools_prove(struct writer *record, struct pool *pool)
{
	if (pool->stored->flags & POOL_PROVEN)
		return;
	pool->stored->flags |= POOL_PROVEN;
	pools.leases += pool->stored->used;
	raise_peak(record);
}

static void set_capacity(struct pool *pool, uint64_t n)
{
	pool->capacity = n;
	if (pool->stored)
		counter_set(&pool->stored->capacity, n);
}

/* A rule without an object: it is meant for those that have none either. */
static void set_unnamed_capacity(bool built_in, uint64_t n)
{
	struct pool *pool, *next;

	pools.unnamed_capacity[built_in] = n;
	HASH_ITER(hh, pools.by_key, pool, next)
	{
		if (pool->stored && !pool->stored->object &&
		    !(pool->stored->flags & POOL_BUILT_IN) == !built_in)
			set_capacity(pool, n);
	}
}

void pools_capacity(const struct lease_pool *which, uint64_t n)
{
	struct pool *pool;

	if (!which->object) {
		set_unnamed_capacity(which->built_in, n);
		return;
	}
	pool = find_or_note(key_of(which));
	if (pool)
		set_capacity(pool, n);
}

static void connect_failed(struct writer *record, struct pool *pool,
			   const struct record_slot *slot)
{
	pools_failed(record, pool, POOL_ERRORS);
	pools.failed_site = slot->site;
	pools.failed_tid = (int32_t)syscall(SYS_gettid);
}

uint32_t pools_failed_site(void)
{
	return pools.failed_tid == (int32_t)syscall(SYS_gettid)
		       ? pools.failed_site
		       : RECORD_NONE;
}

void pools_connection(struct writer *record, const struct record_slot *slot,
		      enum record_slot_state from)
{
	struct pool *pool = pools_connections(record);
	const enum record_slot_state to = slot->state;

	if (!pool || from == to)
		return;
	if (from == SLOT_ESTABLISHED)
		pools_released(record, pool);
	if (from != SLOT_CONNECTING && to != SLOT_FREE)
		pools_attempted(record, pool);
	if (to == SLOT_ESTABLISHED)
		pools_acquired(record, pool);
	else if (to == SLOT_FAILED)
		connect_failed(record, pool, slot);
	else if (to == SLOT_FREE && from == SLOT_CONNECTING)
		pools_failed(record, pool, POOL_NOTHING);
}

/* Where the pools are the same ones, so is what they may have. */
void pools_forget(void)
{
	struct pool *pool, *next;
	struct pool *const inherited = pools.by_key;
	const uint64_t by_user = pools.unnamed_capacity[false];
	const uint64_t by_library = pools.unnamed_capacity[true];

	memset(&pools, 0, sizeof(pools));
	if (recording_is_torn())
		return;
	pools.by_key = inherited;
	pools.unnamed_capacity[false] = by_user;
	pools.unnamed_capacity[true] = by_library;
	HASH_ITER(hh, pools.by_key, pool, next)
	{
		pool->number = RECORD_NONE;
		pool->stored = NULL;
		pool->buckets = NULL;
		pool->is_exhausted = false;
		pool->asking = 0;
	}
}
