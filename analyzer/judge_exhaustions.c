/* SPDX-License-Identifier: MIT */
/* When a pool ran dry, and who had all of it then. */
#include "analyzer/judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const reasons[] = {
	[EXHAUSTION_NOTHING] = "nothing",
	[EXHAUSTION_ERROR] = "error",
	[EXHAUSTION_EXCEPTION] = "exception",
	[EXHAUSTION_SERVER] = "too-many-clients",
	[EXHAUSTION_FILES] = "too-many-files",
};

/* Long holds of a record that ended, by when they began. */
struct ended {
	struct hold {
		uint64_t acquired_ns, held_ns;
		uint32_t site;
	} * holds;
	size_t count;
};

static int by_begin(const void *a, const void *b)
{
	const struct hold *x = a, *y = b;

	if (x->acquired_ns != y->acquired_ns)
		return x->acquired_ns < y->acquired_ns ? -1 : 1;
	return (x->site > y->site) - (x->site < y->site);
}

static void read_ended(struct arena *arena, const struct reader *reader,
		       struct ended *ret)
{
	uint32_t count = reader_count(reader, RECORD_HOLDS);
	struct record_hold hold;

	if (count > RECORD_HOLD_MAX)
		count = RECORD_HOLD_MAX;
	*ret = (struct ended){ arena_array(arena, count, sizeof(*ret->holds)),
			       0 };
	for (uint32_t i = 0; i < count; i++)
		if (reader_hold(reader, i, &hold))
			ret->holds[ret->count++] =
				(struct hold){ hold.acquired_ns, hold.held_ns,
					       hold.site };
	if (ret->count)
		qsort(ret->holds, ret->count, sizeof(*ret->holds), by_begin);
}

/* What became of it.  A short hold is not kept, but it is over. */
static void fill_fate(const struct reader *reader, const struct ended *ended,
		      const struct record_keeper *keeper,
		      struct report_keeper *out)
{
	const struct hold key = { .acquired_ns = keeper->acquired_ns,
				  .site = keeper->site };
	const struct hold *hold = NULL;
	struct record_slot slot;

	out->held_s = NAN;
	if (!reader_slot(reader, keeper->slot, &slot))
		return;
	out->out = slot.state != SLOT_FREE &&
		   slot.acquired_ns == keeper->acquired_ns;
	out->returned = !out->out;
	if (out->returned && ended->count)
		hold = bsearch(&key, ended->holds, ended->count, sizeof(*hold),
			       by_begin);
	if (hold)
		out->held_s = (double)hold->held_ns / 1e9;
}

static void fill_keeper_use(struct arena *arena,
			    const struct record_keeper *keeper, uint64_t now,
			    struct report_use *use)
{
	const struct record_slot connection = { .calls = keeper->calls,
						.doing = keeper->doing,
						.turned_ns =
							keeper->turned_ns };

	judge_fill_doing(use, keeper->doing);
	use->in_query = keeper->calls != 0;
	use->sqlstate = judge_sqlstate(arena, keeper->error);
	use->idle_s =
		keeper->used_ns ? judge_since_s(now, keeper->used_ns) : NAN;
	use->query_s = classes_is_in_query(&connection)
			       ? judge_since_s(now, keeper->turned_ns)
			       : NAN;
}

static void fill_keeper(struct report *r, struct places *places,
			const struct reader *reader,
			const struct record_keeper *keeper, uint64_t now,
			struct report_keeper *out)
{
	memset(out, 0, sizeof(*out));
	out->stack = places_find(places, reader, keeper->site)->stack;
	out->tid = keeper->tid;
	out->backend_pid = keeper->backend_pid;
	out->age_s = judge_since_s(now, keeper->acquired_ns);
	fill_keeper_use(&r->arena, keeper, now, &out->use);
	if (out->use.idle_s > out->age_s)
		out->use.idle_s = out->age_s;
	if (out->use.query_s > out->age_s)
		out->use.query_s = out->age_s;
}

/* A keeper of one exhaustion is none of another: so many are left. */
static void fill_keepers(struct report *r, struct places *places,
			 const struct reader *reader,
			 const struct record_exhaustion *e,
			 const struct ended *ended, uint32_t *left,
			 struct report_exhaustion *out)
{
	struct record_keeper keeper;

	for (uint32_t i = 0; i < e->keeper_count && *left; i++) {
		if (i >= UINT32_MAX - e->first_keeper ||
		    !reader_keeper(reader, e->first_keeper + i, &keeper))
			break;
		--*left;
		out->keepers =
			arena_grow(&r->arena, out->keepers, out->keeper_count,
				   sizeof(*out->keepers));
		fill_keeper(r, places, reader, &keeper, e->when_ns,
			    &out->keepers[out->keeper_count]);
		fill_fate(reader, ended, &keeper,
			  &out->keepers[out->keeper_count++]);
	}
}

static void fill(struct report *r, struct places *places,
		 const struct pools *pools, const struct record_exhaustion *e,
		 struct report_exhaustion *out)
{
	const struct record_header *header = reader_header(pools->reader);
	const struct place *place = places_find(places, pools->reader, e->site);
	struct record_pool pool = { .capacity = 0 };

	memset(out, 0, sizeof(*out));
	if (reader_pool(pools->reader, e->pool, &pool))
		out->capacity = pool.capacity;
	out->pid = header->pid;
	out->tid = e->tid;
	out->pool = arena_strdup(&r->arena, pools_name(pools, e->pool));
	if (e->kind < sizeof(reasons) / sizeof(reasons[0]))
		out->reason = reasons[e->kind];
	out->function = place->function;
	out->stack = place->stack;
	out->when = header->started_ns + e->when_ns;
	out->used = e->used;
	out->waiting = e->waiting;
}

static void add_record(struct report *r, struct places *places,
		       const struct pools *pools)
{
	const struct reader *reader = pools->reader;
	uint32_t left = reader_count(reader, RECORD_KEEPERS);
	struct record_exhaustion e;
	struct ended ended;

	if (!reader_count(reader, RECORD_EXHAUSTIONS))
		return;
	read_ended(&r->arena, reader, &ended);
	for (uint32_t i = 0; i < reader_count(reader, RECORD_EXHAUSTIONS);
	     i++) {
		struct report_exhaustion *out;

		if (!reader_exhaustion(reader, i, &e) ||
		    !pools_counts(pools, e.pool))
			continue;
		r->exhaustions = arena_grow(&r->arena, r->exhaustions,
					    r->exhaustion_count,
					    sizeof(*r->exhaustions));
		out = &r->exhaustions[r->exhaustion_count++];
		fill(r, places, pools, &e, out);
		fill_keepers(r, places, reader, &e, &ended, &left, out);
	}
}

static int earlier(const void *a, const void *b)
{
	const struct report_exhaustion *x = a, *y = b;

	return (x->when > y->when) - (x->when < y->when);
}

void judge_exhaustions(struct report *r, struct places *places,
		       const struct evidence *e, const struct pools *pools)
{
	for (size_t i = 0; i < e->record_count; i++)
		add_record(r, places, &pools[i]);
	if (r->exhaustion_count)
		qsort(r->exhaustions, r->exhaustion_count,
		      sizeof(*r->exhaustions), earlier);
}
