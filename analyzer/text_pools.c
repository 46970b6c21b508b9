/* SPDX-License-Identifier: MIT */
/*
 * A line for each pool:
 *
 *	pool db_take: 20 of 20 in use at most, 23 wanted at once;
 *	  31 waits, longest 2.1 s; 5 failures
 */
#include "analyzer/text.h"

#include <inttypes.h>

/* "20 of 20 in use at most, 23 wanted at once" */
static const char *use(const struct text *t, const struct report_pool *pool)
{
	const char *words;

	if (!pool->attempts)
		return "never asked";
	words = arena_printf(t->arena, "%" PRIu64, pool->peak_used);
	if (pool->capacity)
		words = arena_printf(t->arena, "%s of %" PRIu64, words,
				     pool->capacity);
	words = arena_printf(t->arena, "%s in use at most", words);
	if (pool->peak_demand <= pool->peak_used)
		return words;
	return arena_printf(t->arena, "%s, %" PRIu64 " wanted at once", words,
			    pool->peak_demand);
}

static const char *waits(const struct text *t, const struct report_pool *pool)
{
	if (!pool->waits)
		return NULL;
	return arena_printf(t->arena, "%" PRIu64 " wait%s, longest %s",
			    pool->waits, pool->waits == 1 ? "" : "s",
			    text_duration(t, pool->longest_wait_s));
}

static const char *failures(const struct text *t,
			    const struct report_pool *pool)
{
	const uint64_t count = report_pool_failures(pool);

	if (!count)
		return NULL;
	return arena_printf(t->arena, "%" PRIu64 " failure%s", count,
			    count == 1 ? "" : "s");
}

/* Who waits for another one while it has one may wait for itself. */
static const char *nested(const struct text *t, const struct report_pool *pool)
{
	if (!pool->nested)
		return NULL;
	return arena_printf(t->arena,
			    "%" PRIu64
			    " acquire%s by a thread that still had one",
			    pool->nested, pool->nested == 1 ? "" : "s");
}

static bool are_of_one_process(const struct report *report)
{
	for (size_t i = 1; i < report->pool_count; i++)
		if (report->pools[i].pid != report->pools[0].pid)
			return false;
	return true;
}

static void write_pool(const struct text *t, const struct report_pool *pool,
		       bool alone)
{
	const char *const rest[] = { waits(t, pool), failures(t, pool),
				     nested(t, pool) };
	const char *where = "";

	if (!alone)
		where = arena_printf(t->arena, " in process %d", pool->pid);
	text_clauses(t,
		     arena_printf(t->arena, "pool %s%s: %s",
				  text_safe(t, pool->name, "?"), where,
				  use(t, pool)),
		     rest, sizeof(rest) / sizeof(rest[0]));
	fputc('\n', t->out);
}

void text_pools(const struct text *t)
{
	const size_t count = t->report->pool_count;
	const bool alone = are_of_one_process(t->report);

	for (size_t i = 0; i < count && i < TEXT_LIST_MAX; i++)
		write_pool(t, &t->report->pools[i], alone);
	if (count > TEXT_LIST_MAX)
		fprintf(t->out, "and %zu more pools (--json has them)\n",
			count - TEXT_LIST_MAX);
	if (count)
		fputc('\n', t->out);
}
