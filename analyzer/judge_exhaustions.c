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

static double since(uint64_t now, uint64_t then)
{
	return now > then ? (double)(now - then) / 1e9 : 0;
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
	out->age_s = since(now, keeper->acquired_ns);
	judge_fill_doing(&out->use, keeper->doing);
	out->use.in_query = keeper->calls != 0;
	out->use.sqlstate = judge_sqlstate(&r->arena, keeper->error);
	out->use.query_s = NAN;
	out->use.idle_s = keeper->used_ns ? since(now, keeper->used_ns) : NAN;
	if (out->use.idle_s > out->age_s)
		out->use.idle_s = out->age_s;
}

/* A keeper of one exhaustion is none of another: so many are left. */
static void fill_keepers(struct report *r, struct places *places,
			 const struct reader *reader,
			 const struct record_exhaustion *e, uint32_t *left,
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
		fill_keepers(r, places, reader, &e, &left, out);
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
