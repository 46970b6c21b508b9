/* SPDX-License-Identifier: MIT */
/* The verdicts about all pools of all processes, the worst pool first. */
#include "analyzer/judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analyzer/verdict.h"

#define POOLS_TOLD 5

void judge_verdicts_init(struct verdicts *v, const struct gate *gate)
{
	memset(v, 0, sizeof(*v));
	if (gate->thresholds)
		v->thresholds = *gate->thresholds;
	else
		thresholds_default(&v->thresholds);
}

/* "order_sync order_sync.c:214" */
static const char *where(struct arena *arena, const struct place *place)
{
	const struct report_stack *stack = &place->stack;
	const struct report_frame *frame;
	const char *file, *function;

	if (stack->site >= stack->count)
		return NULL;
	frame = &stack->frames[stack->site];
	function = frame->function ? frame->function : "?";
	file = frame->file ? frame->file : frame->module;
	if (!file)
		return frame->function;
	if (strrchr(file, '/'))
		file = strrchr(file, '/') + 1;
	if (!frame->file || !frame->line)
		return arena_printf(arena, "%s in %s", function, file);
	return arena_printf(arena, "%s %s:%d", function, file, frame->line);
}

static void add_pool(struct verdicts *v, struct report *r,
		     struct places *places, const struct classes *classes,
		     const uint8_t *found, uint32_t number)
{
	struct trace *t = arena_alloc(&r->arena, sizeof(*t));
	struct verdict_pool *pool;

	if (!trace_read(t, &r->arena, classes->reader, number, found,
			classes->ended ? classes->now_ns : 0))
		return;
	/* Of all connections there is nothing to say until one is refused. */
	if (t->connections && !t->dry.kind)
		return;
	v->pools = arena_grow(&r->arena, v->pools, v->pool_count,
			      sizeof(*v->pools));
	pool = &v->pools[v->pool_count++];
	pool->trace = t;
	pool->function = t->name ? t->name : "";
	t->name = pools_name(classes->pools, number);
	for (size_t i = 0; i < t->site_count; i++)
		t->sites[i].where =
			where(&r->arena, places_find(places, classes->reader,
						     t->sites[i].number));
}

void judge_verdicts_add(struct verdicts *v, struct report *r,
			struct places *places, const struct classes *classes,
			const uint8_t *found)
{
	const uint32_t count = reader_count(classes->reader, RECORD_POOLS);
	struct record_pool pool;

	for (uint32_t i = 0; i < count; i++)
		if (reader_pool(classes->reader, i, &pool) &&
		    (pool.flags & POOL_CONNECTIONS ||
		     pools_name(classes->pools, i)))
			add_pool(v, r, places, classes, found, i);
}

static bool is_there(const struct trace *t, uint64_t at_ns)
{
	return t->began_ns <= at_ns && at_ns <= t->began_ns + t->end_ns;
}

/*
 * How many processes have such a pool when this one begins.  Those of a process
 * stand together.
 */
static uint32_t count_at(const struct verdicts *v,
			 const struct verdict_pool *pool)
{
	uint32_t count = 0;
	int last = 0;

	for (size_t i = 0; i < v->pool_count; i++) {
		const struct trace *t = v->pools[i].trace;

		if (t->pid == last ||
		    strcmp(v->pools[i].function, pool->function) != 0 ||
		    !is_there(t, pool->trace->began_ns))
			continue;
		last = t->pid;
		count++;
	}
	return count;
}

/* The most at any one time: those that follow each other share nothing. */
static uint32_t processes_with(const struct verdicts *v, const char *function)
{
	uint32_t most = 1;

	for (size_t i = 0; i < v->pool_count; i++)
		if (v->pools[i].together > most &&
		    !strcmp(v->pools[i].function, function))
			most = v->pools[i].together;
	return most;
}

static void find_all(struct verdicts *v, struct report *r)
{
	const struct report_asked *asked = &r->timeouts.asked;

	for (size_t i = 0; i < v->pool_count; i++)
		v->pools[i].together = count_at(v, &v->pools[i]);
	v->list = arena_array(&r->arena, v->pool_count, sizeof(*v->list));
	for (size_t i = 0; i < v->pool_count; i++) {
		struct trace *t = v->pools[i].trace;

		t->processes = processes_with(v, v->pools[i].function);
		t->server_max = (uint32_t)asked->max_connections;
		t->server_reserved = (uint32_t)asked->reserved;
		verdict_find(&v->list[v->count++], &r->arena, t,
			     &v->thresholds);
	}
}

static int worse(const void *a, const void *b)
{
	const struct verdict *x = a, *y = b;

	if (x->badness < y->badness || x->badness > y->badness)
		return x->badness > y->badness ? -1 : 1;
	if (x->trace->peak_used != y->trace->peak_used)
		return x->trace->peak_used > y->trace->peak_used ? -1 : 1;
	return 0;
}

static void add_causes(struct report *r, const struct verdict *v)
{
	for (size_t i = 0; i < v->count; i++) {
		const struct cause *c = &v->causes[i];
		struct report_verdict *out;

		r->verdict = arena_grow(&r->arena, r->verdict, r->verdict_count,
					sizeof(*r->verdict));
		out = &r->verdict[r->verdict_count++];
		*out = (struct report_verdict){
			.pool = v->trace->name,
			.pid = v->trace->pid,
			.headline = i ? NULL : v->headline,
			.cause = cause_name(c->id),
			.text = c->text,
			.advice = c->advice,
			.alone = c->alone,
			.numbers = c->numbers,
			.number_count = c->number_count,
		};
	}
}

/* Nothing was wrong with any pool, or there was none. */
static void add_no_pool(struct report *r)
{
	struct report_number *peak = arena_alloc(&r->arena, sizeof(*peak));

	*peak = (struct report_number){ "peak_open",
					(double)r->totals.peak_open };
	r->verdict = arena_alloc(&r->arena, sizeof(*r->verdict));
	r->verdict_count = 1;
	*r->verdict = (struct report_verdict){
		.cause = cause_name(CAUSE_NOTHING),
		.text = arena_printf(&r->arena,
				     "no pool was seen; peak %llu connection%s "
				     "open at once",
				     (unsigned long long)r->totals.peak_open,
				     r->totals.peak_open == 1 ? "" : "s"),
		.numbers = peak,
		.number_count = 1,
	};
}

void judge_verdicts_tell(struct verdicts *v, struct report *r)
{
	find_all(v, r);
	if (v->count)
		qsort(v->list, v->count, sizeof(*v->list), worse);
	for (size_t i = 0; i < v->count && i < POOLS_TOLD; i++)
		if (!i || v->list[i].badness > 0)
			add_causes(r, &v->list[i]);
	if (!v->count && r->totals.connects)
		add_no_pool(r);
}
