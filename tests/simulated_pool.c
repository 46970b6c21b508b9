/* SPDX-License-Identifier: MIT */
#include "tests/simulated_pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_MET "40001"
#define EVENTS	  262144 /* to come, at once */

enum event_kind { ARRIVES, ASKS, RELEASES, GIVES_UP };

struct event {
	double at;
	uint64_t order; /* of events at one moment */
	enum event_kind kind;
	uint32_t client, crowd;
	uint64_t try; /* GIVES_UP: of this try; it may have another by now */
};

struct client {
	uint32_t crowd;
	bool waits, leaks, failed;
	uint64_t tries;
	double asked, acquired;
};

struct game {
	const struct simulation *s;
	struct trace *t;
	struct arena *arena;
	uint64_t random;
	double now, changed;
	struct event *heap;
	size_t heap_count;
	uint64_t orders;
	struct client *clients;
	size_t client_count;
	uint32_t *queue; /* who waits, first come first */
	size_t queue_begin, queue_end;
	uint32_t used, waiting;
	uint64_t *with_error; /* of each crowd: released after one */
};

/* xorshift64*; in (0, 1). */
static double chance(struct game *g)
{
	g->random ^= g->random >> 12;
	g->random ^= g->random << 25;
	g->random ^= g->random >> 27;
	return ((double)((g->random * UINT64_C(2685821657736338717)) >> 11) +
		0.5) /
	       9007199254740992.0;
}

static double exponential(struct game *g, double mean)
{
	return -mean * log(chance(g));
}

static bool is_before(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void push(struct game *g, struct event event)
{
	size_t i;

	if (g->heap_count == EVENTS)
		abort();
	event.order = g->orders++;
	for (i = g->heap_count++; i; i = (i - 1) / 2) {
		if (!is_before(&event, &g->heap[(i - 1) / 2]))
			break;
		g->heap[i] = g->heap[(i - 1) / 2];
	}
	g->heap[i] = event;
}

static struct event pop(struct game *g)
{
	const struct event first = g->heap[0];
	const struct event last = g->heap[--g->heap_count];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < g->heap_count) {
		if (child + 1 < g->heap_count &&
		    is_before(&g->heap[child + 1], &g->heap[child]))
			child++;
		if (!is_before(&g->heap[child], &last))
			break;
		g->heap[i] = g->heap[child];
		i = child;
	}
	g->heap[i] = last;
	return first;
}

static uint64_t ns(double seconds)
{
	return (uint64_t)(seconds * 1e9);
}

static void fold(struct trace *t)
{
	for (size_t i = 0; i < RECORD_BUCKETS; i++) {
		const struct trace_bucket from = t->buckets[i];
		struct trace_bucket *to = &t->buckets[i / 2];

		memset(&t->buckets[i], 0, sizeof(from));
		to->attempts += from.attempts;
		to->acquires += from.acquires;
		to->failures += from.failures;
		to->used_ns += from.used_ns;
		to->waiting_ns += from.waiting_ns;
		to->most_used = to->most_used > from.most_used ? to->most_used
							       : from.most_used;
		to->most_waiting = to->most_waiting > from.most_waiting
					   ? to->most_waiting
					   : from.most_waiting;
		to->most_demand = to->most_demand > from.most_demand
					  ? to->most_demand
					  : from.most_demand;
	}
	t->bucket_ns *= 2;
}

static struct trace_bucket *bucket(struct game *g, uint64_t at)
{
	struct trace *t = g->t;

	while (at / t->bucket_ns >= RECORD_BUCKETS)
		fold(t);
	return &t->buckets[at / t->bucket_ns];
}

static void note_most(struct game *g, struct trace_bucket *b)
{
	if (b->most_used < g->used)
		b->most_used = g->used;
	if (b->most_waiting < g->waiting)
		b->most_waiting = g->waiting;
	if (b->most_demand < g->used + g->waiting)
		b->most_demand = g->used + g->waiting;
}

/* What was so since the last change, up to now. */
static void account(struct game *g)
{
	uint64_t at = ns(g->changed), end = ns(g->now);

	while (at < end) {
		struct trace_bucket *b = bucket(g, at);
		uint64_t next = (at / g->t->bucket_ns + 1) * g->t->bucket_ns;

		if (next > end)
			next = end;
		b->used_ns += (next - at) * g->used;
		b->waiting_ns += (next - at) * g->waiting;
		note_most(g, b);
		at = next;
	}
	g->changed = g->now;
}

static void change(struct game *g, int used, int waiting)
{
	struct trace *t = g->t;

	account(g);
	g->used += (uint32_t)used;
	g->waiting += (uint32_t)waiting;
	note_most(g, bucket(g, ns(g->now)));
	if (t->peak_used < g->used)
		t->peak_used = g->used;
	if (t->peak_waiting < g->waiting)
		t->peak_waiting = g->waiting;
	if (t->peak_demand < g->used + g->waiting)
		t->peak_demand = g->used + g->waiting;
}

static const struct crowd *crowd_of(const struct game *g,
				    const struct client *c)
{
	return &g->s->crowds[c->crowd];
}

static void add_lease(struct game *g, const struct client *c,
		      enum trace_fate fate)
{
	const struct crowd *crowd = crowd_of(g, c);
	struct trace *t = g->t;
	const double held = g->now - c->acquired;

	t->leases = arena_grow(g->arena, t->leases, t->lease_count,
			       sizeof(*t->leases));
	t->leases[t->lease_count++] = (struct trace_lease){
		.site = c->crowd,
		.fate = fate,
		.from_ns = ns(c->acquired),
		.to_ns = ns(g->now),
		.error = c->failed ? record_sqlstate(ERROR_MET) : 0,
		.tid = (int32_t)(c - g->clients) + 1,
		.split = !g->s->untimed,
		.query_ns = c->leaks ? 0 : ns(held * crowd->query),
		.transaction_ns = c->leaks ? 0 : ns(held * crowd->transaction),
	};
}

static void think(struct game *g, uint32_t client)
{
	const struct crowd *crowd = crowd_of(g, &g->clients[client]);

	if (crowd->threads)
		push(g, (struct event){ .at = g->now +
					      exponential(g, crowd->think),
					.kind = ASKS,
					.client = client });
}

static void acquire(struct game *g, uint32_t client)
{
	struct client *c = &g->clients[client];
	const struct crowd *crowd = crowd_of(g, c);
	const double waited = g->now - c->asked;
	double hold = crowd->hold_least +
		      exponential(g, crowd->hold - crowd->hold_least);

	change(g, 1, c->waits ? -1 : 0);
	c->waits = false;
	c->acquired = g->now;
	bucket(g, ns(g->now))->acquires++;
	g->t->sums[POOL_ACQUIRES]++;
	g->t->sums[POOL_WAITS] += waited > RECORD_WAIT_NS / 1e9;
	g->t->sums[POOL_WAIT_NS] += ns(waited);
	if (g->t->longest_wait_ns < ns(waited))
		g->t->longest_wait_ns = ns(waited);
	g->t->sites[c->crowd].acquired++;
	c->failed = chance(g) < crowd->errors;
	c->leaks = c->failed && chance(g) < crowd->leaks;
	if (g->now < g->s->stuck_to && g->now + hold > g->s->stuck_from)
		hold = g->s->stuck_to - g->now + 0.01 * chance(g);
	push(g, (struct event){ .at = g->now + hold,
				.kind = RELEASES,
				.client = client });
}

static void fail(struct game *g, struct client *c)
{
	struct trace *t = g->t;

	bucket(g, ns(g->now))->failures++;
	t->sums[POOL_NOTHING]++;
	t->sites[c->crowd].failed++;
	if (!t->dry.kind)
		t->dry = (struct trace_dry){ .kind = EXHAUSTION_NOTHING,
					     .when_ns = ns(g->now),
					     .used = g->used,
					     .waiting = g->waiting };
	if (c->waits)
		change(g, 0, -1);
	c->waits = false;
	think(g, (uint32_t)(c - g->clients));
}

static void ask(struct game *g, uint32_t client)
{
	struct client *c = &g->clients[client];

	bucket(g, ns(g->now))->attempts++;
	g->t->sums[POOL_ATTEMPTS]++;
	g->t->threads += !c->tries++;
	c->asked = g->now;
	if (g->used < g->s->size) {
		acquire(g, client);
		return;
	}
	if (g->s->patience <= 0) {
		fail(g, c);
		return;
	}
	change(g, 0, 1);
	c->waits = true;
	g->queue =
		arena_grow(g->arena, g->queue, g->queue_end, sizeof(*g->queue));
	g->queue[g->queue_end++] = client;
	if (g->s->patience < FOREVER)
		push(g, (struct event){ .at = g->now + g->s->patience,
					.kind = GIVES_UP,
					.client = client,
					.try = c->tries });
}

static void count_hold(struct game *g, const struct client *c)
{
	struct trace_site *site = &g->t->sites[c->crowd];
	const double us = (g->now - c->acquired) * 1e6;
	size_t n = 0;

	while (n + 1 < RECORD_HOLD_BUCKETS && us > ldexp(1, (int)n))
		n++;
	site->hold_us[n]++;
	site->released++;
	g->with_error[c->crowd] += c->failed;
	if (site->longest_ns < ns(us / 1e6))
		site->longest_ns = ns(us / 1e6);
	g->t->sums[POOL_RELEASES]++;
	if (us >= RECORD_HOLD_NS / 1e3)
		add_lease(g, c, TRACE_RETURNED);
}

/* Its thread goes on without it. */
static void release(struct game *g, uint32_t client)
{
	struct client *c = &g->clients[client];

	if (c->leaks) {
		struct client *heir;

		/* The lease stays with this one; the thread is another now. */
		g->clients = arena_grow(g->arena, g->clients, g->client_count,
					sizeof(*g->clients));
		c = &g->clients[client];
		heir = &g->clients[g->client_count];
		*heir = (struct client){ .crowd = c->crowd, .tries = 1 };
		think(g, (uint32_t)g->client_count++);
		return;
	}
	count_hold(g, c);
	change(g, -1, 0);
	think(g, client);
	c->acquired = -1;
	while (g->queue_begin < g->queue_end) {
		const uint32_t next = g->queue[g->queue_begin++];

		if (g->clients[next].waits) {
			acquire(g, next);
			return;
		}
	}
}

static uint32_t add_client(struct game *g, uint32_t crowd)
{
	g->clients = arena_grow(g->arena, g->clients, g->client_count,
				sizeof(*g->clients));
	g->clients[g->client_count] =
		(struct client){ .crowd = crowd, .acquired = -1 };
	return (uint32_t)g->client_count++;
}

/* By thinning: at the highest rate, and some of them do not come. */
static void arrive(struct game *g, uint32_t number)
{
	const struct crowd *crowd = &g->s->crowds[number];
	const double rush = crowd->rush > 1 ? crowd->rush : 1;
	const bool on = g->now >= crowd->rush_from && g->now < crowd->rush_to;

	if (on || chance(g) < 1 / rush)
		ask(g, add_client(g, number));
	push(g, (struct event){ .at = g->now +
				      exponential(g, 1 / (crowd->rate * rush)),
				.kind = ARRIVES,
				.crowd = number });
}

static void happen(struct game *g, const struct event *event)
{
	struct client *c;

	switch (event->kind) {
	case ARRIVES:
		arrive(g, event->crowd);
		break;
	case ASKS:
		ask(g, event->client);
		break;
	case RELEASES:
		release(g, event->client);
		break;
	case GIVES_UP:
		c = &g->clients[event->client];
		if (c->waits && c->tries == event->try)
			fail(g, c);
		break;
	}
}

static void begin(struct game *g)
{
	const struct simulation *s = g->s;

	for (uint32_t i = 0; s->crowds[i].where; i++) {
		struct trace_site *site;

		g->t->sites =
			arena_grow(g->arena, g->t->sites, g->t->site_count,
				   sizeof(*g->t->sites));
		site = &g->t->sites[g->t->site_count++];
		site->number = i;
		site->where = s->crowds[i].where;
		for (unsigned n = 0; n < s->crowds[i].threads; n++)
			think(g, add_client(g, i));
		if (!s->crowds[i].threads)
			push(g, (struct event){ .kind = ARRIVES, .crowd = i });
	}
	change(g, (int)s->listeners, 0);
	for (unsigned i = 0; i < s->listeners; i++) {
		const uint32_t client = add_client(g, 0);

		g->clients[client].acquired = 0;
		add_lease(g, &g->clients[client], TRACE_KEPT);
	}
}

/* By the rule of the class `growing`, as far as it needs no queries. */
static enum trace_fate fate_of(const struct game *g, const struct client *c)
{
	const struct trace_site *site = &g->t->sites[c->crowd];
	unsigned left = 0;

	for (size_t i = 0; i < g->client_count; i++)
		left += g->clients[i].leaks && g->clients[i].acquired >= 0 &&
			g->clients[i].crowd == c->crowd;
	if (c->leaks && left >= 3 &&
	    ns(g->now - c->acquired) > site->longest_ns)
		return TRACE_LEAKED;
	return TRACE_OUT;
}

static int earlier(const void *a, const void *b)
{
	const struct trace_lease *x = a, *y = b;

	return (x->from_ns > y->from_ns) - (x->from_ns < y->from_ns);
}

static struct trace_error *add_error(struct game *g, uint32_t site,
				     uint32_t error)
{
	struct trace *t = g->t;

	t->errors = arena_grow(g->arena, t->errors, t->error_count,
			       sizeof(*t->errors));
	t->errors[t->error_count] =
		(struct trace_error){ .site = site, .error = error };
	return &t->errors[t->error_count++];
}

static void end(struct game *g)
{
	const size_t listeners = g->s->listeners;
	struct trace *t = g->t;

	g->now = g->s->seconds;
	account(g);
	for (size_t i = 0; i < listeners; i++)
		t->leases[i].to_ns = ns(g->now);
	for (size_t i = 0; i < g->client_count; i++) {
		const struct client *c = &g->clients[i];

		if (c->acquired > 0 && !c->waits)
			add_lease(g, c, fate_of(g, c));
	}
	for (uint32_t i = 0; i < t->site_count; i++) {
		struct trace_error *without = add_error(g, i, 0), *with;

		without->released = t->sites[i].released - g->with_error[i];
		if (g->s->crowds[i].errors <= 0)
			continue;
		with = add_error(g, i, record_sqlstate(ERROR_MET));
		with->released = g->with_error[i];
		for (size_t n = 0; n < t->lease_count; n++)
			with->leaked += t->leases[n].fate == TRACE_LEAKED &&
					t->leases[n].site == i;
	}
	qsort(t->leases, t->lease_count, sizeof(*t->leases), earlier);
	t->end_ns = ns(g->now);
	(void)bucket(g, t->end_ns);
	t->bucket_count = (size_t)(t->end_ns / t->bucket_ns) + 1;
	t->waiting = g->waiting;
}

void simulate(struct trace *t, struct arena *arena, const struct simulation *s)
{
	struct game g = { .s = s,
			  .t = t,
			  .arena = arena,
			  .random =
				  s->seed * 2654435761u + 88172645463325252u };

	*t = (struct trace){ .name = "pool_take",
			     .pid = 4711,
			     .timed = !s->untimed,
			     .capacity = s->told ? s->size : 0,
			     .processes = 1,
			     .bucket_ns = RECORD_BUCKET_NS,
			     .most_by_thread = 1 };
	t->buckets = arena_array(arena, RECORD_BUCKETS, sizeof(*t->buckets));
	g.heap = arena_array(arena, EVENTS, sizeof(*g.heap));
	g.with_error = arena_array(arena, 64, sizeof(*g.with_error));
	begin(&g);
	while (g.heap_count && g.heap[0].at < s->seconds) {
		const struct event event = pop(&g);

		g.now = event.at;
		happen(&g, &event);
	}
	end(&g);
	if (s->untimed)
		t->threads = 0;
	for (size_t i = 0; i < t->bucket_count && s->untimed; i++) {
		struct trace_bucket *b = &t->buckets[i];

		b->waiting_ns = 0;
		b->most_demand = b->most_used + b->most_waiting;
	}
}
