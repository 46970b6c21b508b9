/* SPDX-License-Identifier: MIT */
#include "analyzer/trace.h"

#include <stdlib.h>
#include <string.h>

/* What no honest record has more of; a damaged one shall not take hours. */
#define MOST_NS	     (UINT64_C(1) << 60) /* 36 years */
#define MOST_ERRORS  4096u
#define MOST_KEEPERS 4096u

struct reading {
	struct trace *t;
	struct arena *arena;
	const struct reader *reader;
	uint32_t number;
	const uint8_t *classes;
	struct record_pool pool;
};

/* Of a time in the record, which may be damaged. */
static uint64_t since_began(const struct reading *r, uint64_t ns)
{
	const uint64_t since =
		ns > r->pool.began_ns ? ns - r->pool.began_ns : 0;

	return since < MOST_NS ? since : MOST_NS;
}

static void read_bucket(const struct reading *r, uint32_t i,
			struct trace_bucket *out)
{
	struct record_bucket b;

	if (!reader_bucket(r->reader, r->pool.first_bucket + i, &b))
		return;
	out->attempts = b.attempts;
	out->acquires = b.acquires;
	out->failures = b.failures;
	out->most_used = b.most_used;
	out->most_waiting = b.most_waiting;
	out->most_demand =
		r->t->timed ? b.most_demand : b.most_used + b.most_waiting;
	out->used_ns = b.used_ns;
	out->waiting_ns = b.waiting_ns;
}

/* Two and two become one, as the writer does it when the last one is full. */
static void fold(struct trace *t)
{
	for (size_t i = 0; i < RECORD_BUCKETS; i++) {
		struct trace_bucket from = t->buckets[i], *to;

		t->buckets[i] = (struct trace_bucket){ 0 };
		to = &t->buckets[i / 2];
		to->attempts += from.attempts;
		to->acquires += from.acquires;
		to->failures += from.failures;
		to->used_ns += from.used_ns;
		to->waiting_ns += from.waiting_ns;
		if (to->most_used < from.most_used)
			to->most_used = from.most_used;
		if (to->most_waiting < from.most_waiting)
			to->most_waiting = from.most_waiting;
		if (to->most_demand < from.most_demand)
			to->most_demand = from.most_demand;
	}
	t->bucket_ns *= 2;
}

/* The program may have gone on for long since the pool was last asked. */
static void read_series(const struct reading *r, uint64_t now_ns)
{
	struct trace *t = r->t;

	t->has_series = r->pool.first_bucket != RECORD_NONE;
	t->bucket_ns = r->pool.bucket_ns;
	if (!t->bucket_ns || t->bucket_ns > MOST_NS / RECORD_BUCKETS)
		t->bucket_ns = RECORD_BUCKET_NS;
	t->cut = !now_ns;
	t->end_ns = since_began(
		r, now_ns > r->pool.changed_ns ? now_ns : r->pool.changed_ns);
	t->still_ns = t->end_ns - since_began(r, r->pool.changed_ns);
	t->buckets = arena_array(r->arena, RECORD_BUCKETS, sizeof(*t->buckets));
	for (uint32_t i = 0; t->has_series && i < RECORD_BUCKETS; i++)
		read_bucket(r, i, &t->buckets[i]);
	while (t->end_ns / t->bucket_ns >= RECORD_BUCKETS)
		fold(t);
	t->bucket_count = (size_t)(t->end_ns / t->bucket_ns) + 1;
}

/*
 * What is out now counts into the series only when it is released: until then
 * `used` leases are out from `changed_ns` on.
 */
static void add_now(const struct reading *r)
{
	struct trace *t = r->t;
	uint64_t at = since_began(r, r->pool.changed_ns);

	while (at < t->end_ns) {
		const size_t i = (size_t)(at / t->bucket_ns);
		uint64_t next = (i + 1) * t->bucket_ns;

		if (next > t->end_ns)
			next = t->end_ns;
		t->buckets[i].used_ns += (next - at) * r->pool.used;
		t->buckets[i].waiting_ns += (next - at) * r->pool.waiting;
		if (t->buckets[i].most_used < r->pool.used)
			t->buckets[i].most_used = r->pool.used;
		if (t->buckets[i].most_waiting < r->pool.waiting)
			t->buckets[i].most_waiting = r->pool.waiting;
		if (t->buckets[i].most_demand < r->pool.used + r->pool.waiting)
			t->buckets[i].most_demand =
				r->pool.used + r->pool.waiting;
		at = next;
	}
}

static struct trace_lease *add_lease(const struct reading *r)
{
	struct trace *t = r->t;

	t->leases = arena_grow(r->arena, t->leases, t->lease_count,
			       sizeof(*t->leases));
	return &t->leases[t->lease_count++];
}

/* Not after the end, nor before it began. */
static uint64_t until(const struct reading *r, uint64_t from_ns, uint64_t to_ns)
{
	const uint64_t end_ns = to_ns < r->t->end_ns ? to_ns : r->t->end_ns;

	return end_ns > from_ns ? end_ns : from_ns;
}

/* Not more than there is. */
static void fill_split(struct trace_lease *lease, uint64_t query_ns,
		       uint64_t transaction_ns)
{
	const uint64_t held = lease->to_ns - lease->from_ns;

	lease->query_ns = query_ns < held ? query_ns : held;
	lease->transaction_ns = transaction_ns < held - lease->query_ns
					? transaction_ns
					: held - lease->query_ns;
}

static void read_holds(const struct reading *r)
{
	struct record_hold hold;

	for (uint32_t i = 0; i < reader_count(r->reader, RECORD_HOLDS); i++) {
		struct trace_lease *lease;

		if (!reader_hold(r->reader, i, &hold) || hold.pool != r->number)
			continue;
		lease = add_lease(r);
		lease->site = hold.site;
		lease->from_ns = since_began(r, hold.acquired_ns);
		lease->to_ns =
			until(r, lease->from_ns, lease->from_ns + hold.held_ns);
		lease->error = hold.error;
		lease->tid = hold.tid;
		lease->split = r->pool.flags & POOL_SPLIT &&
			       hold.query_ns != RECORD_UNKNOWN;
		if (lease->split)
			fill_split(lease, hold.query_ns, hold.transaction_ns);
	}
}

static enum trace_fate fate_of(uint8_t class)
{
	switch (class) {
	case CLASS_LOST:
	case CLASS_GROWING:
		return TRACE_LEAKED;
	case CLASS_BY_DESIGN:
		return TRACE_KEPT;
	default:
		return TRACE_OUT;
	}
}

/* What it has done since then goes on. */
static void split(struct trace_lease *lease, uint64_t since_ns, uint32_t calls,
		  uint32_t doing)
{
	const uint64_t since =
		since_ns > lease->from_ns ? since_ns : lease->from_ns;
	const uint64_t lasts = lease->to_ns > since ? lease->to_ns - since : 0;
	const uint32_t transaction = doing % CONNECTION_LISTENS;

	lease->split = true;
	if (calls || transaction == TRANSACTION_ACTIVE)
		lease->query_ns += lasts;
	else if (transaction == TRANSACTION_OPEN ||
		 transaction == TRANSACTION_FAILED)
		lease->transaction_ns += lasts;
}

/*
 * The queries of a lease are those of its connection, which has no error when
 * it is acquired.
 */
static void used_by(const struct reading *r, const struct record_slot *slot,
		    struct record_slot *ret)
{
	if (slot->kind != HANDLE_LEASE ||
	    !reader_slot(r->reader, slot->partner, ret) ||
	    ret->state == SLOT_FREE)
		*ret = *slot;
}

/* Sums, and what goes on now; `used` is its connection, or the slot itself. */
static void split_by_sums(const struct reading *r,
			  const struct record_slot *slot,
			  const struct record_slot *used,
			  struct trace_lease *lease)
{
	if (slot->kind == HANDLE_LEASE && !slot->turned_ns)
		return; /* it never had a connection that is known */
	fill_split(lease, slot->query_ns, slot->transaction_ns);
	if (used->kind != slot->kind) {
		lease->query_ns += used->query_ns;
		lease->transaction_ns += used->transaction_ns;
	}
	split(lease, since_began(r, used->turned_ns), used->calls, used->doing);
	fill_split(lease, lease->query_ns, lease->transaction_ns);
}

/* Without sums what is known is what it has done since its last query ended. */
static void split_slot(const struct reading *r, const struct record_slot *slot,
		       const struct record_slot *used,
		       struct trace_lease *lease)
{
	if (r->pool.flags & POOL_SPLIT)
		split_by_sums(r, slot, used, lease);
	else
		split(lease, since_began(r, used->used_ns), used->calls,
		      used->doing);
}

static bool is_of_pool(const struct reading *r, const struct record_slot *slot)
{
	if (slot->state == SLOT_FREE)
		return false;
	if (r->pool.flags & POOL_CONNECTIONS)
		return slot->kind == HANDLE_CONNECTION;
	return slot->kind == HANDLE_LEASE && slot->pool == r->number;
}

static void read_slot(const struct reading *r, uint32_t i,
		      const struct record_slot *slot)
{
	struct trace_lease *lease = add_lease(r);
	struct record_slot used;

	used_by(r, slot, &used);
	lease->site = slot->site;
	lease->fate = fate_of(r->classes[i]);
	lease->from_ns = since_began(r, slot->acquired_ns);
	lease->to_ns =
		r->t->end_ns > lease->from_ns ? r->t->end_ns : lease->from_ns;
	lease->tid = slot->kind == HANDLE_LEASE && slot->used_by ? slot->used_by
								 : slot->tid;
	if (used.error_ns + RECORD_ROUGH_NS >= slot->acquired_ns)
		lease->error = used.error;
	split_slot(r, slot, &used, lease);
}

static int earlier(const void *a, const void *b)
{
	const struct trace_lease *x = a, *y = b;

	return (x->from_ns > y->from_ns) - (x->from_ns < y->from_ns);
}

static void read_leases(const struct reading *r)
{
	struct record_slot slot;

	read_holds(r);
	for (uint32_t i = 0; i < reader_count(r->reader, RECORD_SLOTS); i++)
		if (reader_slot(r->reader, i, &slot) && is_of_pool(r, &slot) &&
		    r->classes[i] != CLASSES)
			read_slot(r, i, &slot);
	if (r->t->lease_count)
		qsort(r->t->leases, r->t->lease_count, sizeof(*r->t->leases),
		      earlier);
}

static bool site_is_of_pool(const struct reading *r,
			    const struct record_site *site)
{
	if (r->pool.flags & POOL_CONNECTIONS)
		return site->kind == HANDLE_CONNECTION;
	return site->kind == HANDLE_LEASE && site->pool == r->number;
}

static void read_sites(const struct reading *r)
{
	struct trace *t = r->t;
	struct record_site site;

	for (uint32_t i = 0; i < reader_count(r->reader, RECORD_SITES); i++) {
		struct trace_site *out;

		if (!reader_site(r->reader, i, &site) ||
		    !site_is_of_pool(r, &site))
			continue;
		t->sites = arena_grow(r->arena, t->sites, t->site_count,
				      sizeof(*t->sites));
		out = &t->sites[t->site_count++];
		out->number = i;
		out->acquired = site.acquired;
		out->released = site.released;
		out->failed = site.failed;
		out->longest_ns = site.longest_ns;
		for (size_t n = 0; n < RECORD_HOLD_BUCKETS; n++)
			out->hold_us[n] = site.hold_us[n];
	}
}

/* NULL: there are too many. */
static struct trace_error *error_of(const struct reading *r, uint32_t site,
				    uint32_t error)
{
	struct trace *t = r->t;

	for (size_t i = 0; i < t->error_count; i++)
		if (t->errors[i].site == site && t->errors[i].error == error)
			return &t->errors[i];
	if (t->error_count == MOST_ERRORS)
		return NULL;
	t->errors = arena_grow(r->arena, t->errors, t->error_count,
			       sizeof(*t->errors));
	t->errors[t->error_count] =
		(struct trace_error){ .site = site, .error = error };
	return &t->errors[t->error_count++];
}

static void add_error(const struct reading *r, uint32_t site, uint32_t error,
		      uint64_t released, uint64_t leaked)
{
	struct trace_error *out = error_of(r, site, error);

	if (!out)
		return;
	out->released += released;
	out->leaked += leaked;
}

/* What was released without any error is the rest. */
static void take_off(const struct reading *r, uint32_t site, uint64_t released)
{
	struct trace_error *without = error_of(r, site, 0);

	if (without)
		without->released -= released < without->released
					     ? released
					     : without->released;
}

static void read_errors(const struct reading *r)
{
	const struct trace *t = r->t;
	struct record_error error;

	for (size_t i = 0; i < t->site_count; i++)
		add_error(r, t->sites[i].number, 0, t->sites[i].released, 0);
	for (uint32_t i = 0; i < reader_count(r->reader, RECORD_ERRORS); i++) {
		if (!reader_error(r->reader, i, &error) || !error.error ||
		    !trace_site(t, error.site))
			continue;
		add_error(r, error.site, error.error, error.released, 0);
		take_off(r, error.site, error.released);
	}
	for (size_t i = 0; i < t->lease_count; i++)
		if (t->leases[i].fate == TRACE_LEAKED)
			add_error(r, t->leases[i].site, t->leases[i].error, 0,
				  1);
}

/* A hold that ended later, of which it was seen then what it was out for. */
static void split_as_then(const struct reading *r,
			  const struct record_keeper *keeper)
{
	const uint64_t from_ns = since_began(r, keeper->acquired_ns);

	for (size_t i = 0; i < r->t->lease_count; i++) {
		struct trace_lease *lease = &r->t->leases[i];

		if (!lease->split && lease->site == keeper->site &&
		    lease->from_ns == from_ns)
			split(lease, since_began(r, keeper->used_ns),
			      keeper->calls, keeper->doing);
	}
}

/* Whoever got nothing has asked, wherever it acquired what it has. */
static void read_keepers(const struct reading *r,
			 const struct record_exhaustion *e)
{
	struct trace_dry *dry = &r->t->dry;
	struct record_keeper keeper;

	for (uint32_t i = 0; i < e->keeper_count && i < MOST_KEEPERS; i++) {
		if (!reader_keeper(r->reader, e->first_keeper + i, &keeper))
			return;
		dry->asking += keeper.flags & SLOT_ASKS || keeper.tid == e->tid;
		if (!(r->pool.flags & POOL_SPLIT))
			split_as_then(r, &keeper);
	}
}

static void read_dry(const struct reading *r)
{
	const uint32_t count = reader_count(r->reader, RECORD_EXHAUSTIONS);
	struct record_exhaustion e;

	for (uint32_t i = 0; i < count; i++) {
		if (!reader_exhaustion(r->reader, i, &e) || e.pool != r->number)
			continue;
		r->t->dry = (struct trace_dry){ .kind = e.kind,
						.when_ns = since_began(
							r, e.when_ns),
						.used = e.used,
						.waiting = e.waiting };
		read_keepers(r, &e);
		return;
	}
}

static void read_pool(const struct reading *r)
{
	const struct record_header *header = reader_header(r->reader);
	struct trace *t = r->t;

	t->name = reader_string(r->reader, r->pool.function);
	t->pid = header->pid;
	t->connections = r->pool.flags & POOL_CONNECTIONS;
	t->timed = r->pool.flags & POOL_TIMED;
	t->capacity =
		r->pool.capacity < UINT32_MAX ? (uint32_t)r->pool.capacity : 0;
	t->processes = 1;
	t->began_ns = header->started_ns + r->pool.began_ns;
	for (size_t i = 0; i < POOL_SUMS; i++)
		t->sums[i] = r->pool.sums[i];
	t->peak_used = r->pool.peak_used;
	t->peak_waiting = r->pool.peak_waiting;
	t->peak_demand = r->pool.peak_demand;
	t->most_by_thread = r->pool.most_by_thread;
	t->most_needed = r->pool.most_needed;
	t->most_asking = r->pool.most_asking;
	t->threads = r->pool.threads;
	t->waiting = r->pool.waiting;
	t->longest_wait_ns = r->pool.longest_wait_ns;
}

bool trace_read(struct trace *t, struct arena *arena,
		const struct reader *reader, uint32_t number,
		const uint8_t *classes, uint64_t now_ns)
{
	struct reading r = { .t = t,
			     .arena = arena,
			     .reader = reader,
			     .number = number,
			     .classes = classes };

	*t = (struct trace){ .processes = 1 };
	if (!reader_pool(reader, number, &r.pool) ||
	    !r.pool.sums[POOL_ATTEMPTS])
		return false;
	read_pool(&r);
	read_series(&r, now_ns);
	add_now(&r);
	read_leases(&r);
	read_sites(&r);
	read_errors(&r);
	read_dry(&r);
	return true;
}

uint64_t trace_failures(const struct trace *t)
{
	return t->sums[POOL_NOTHING] + t->sums[POOL_ERRORS] +
	       t->sums[POOL_EXCEPTIONS];
}

const struct trace_site *trace_site(const struct trace *t, uint32_t number)
{
	for (size_t i = 0; i < t->site_count; i++)
		if (t->sites[i].number == number)
			return &t->sites[i];
	return NULL;
}

/* Holds of 2^(n-1) to 2^n microseconds: three quarters of that. */
static uint64_t middle_ns(size_t n)
{
	return n ? (UINT64_C(750) << n) : 500;
}

uint64_t trace_hold_ns(const struct trace *t, double share)
{
	uint64_t counts[RECORD_HOLD_BUCKETS] = { 0 }, total = 0, below = 0;

	for (size_t i = 0; i < t->site_count; i++)
		for (size_t n = 0; n < RECORD_HOLD_BUCKETS; n++)
			counts[n] += t->sites[i].hold_us[n];
	for (size_t n = 0; n < RECORD_HOLD_BUCKETS; n++)
		total += counts[n];
	for (size_t n = 0; n < RECORD_HOLD_BUCKETS; n++) {
		below += counts[n];
		if (total && (double)below >= share * (double)total)
			return middle_ns(n);
	}
	return 0;
}

uint64_t trace_median_ns(const struct trace *t)
{
	return trace_hold_ns(t, 0.5);
}
