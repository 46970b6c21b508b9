/* SPDX-License-Identifier: MIT */
/*
 * What no finding tells: a pool was short, or gave nothing, and none of that
 * gates.  The last line must not read as if nothing had been wrong.
 */
#include "analyzer/text.h"

#include <inttypes.h>

/* The cause of the worst pool that has one; or NULL. */
static const struct report_verdict *worst(const struct report *report)
{
	for (size_t i = 0; i < report->verdict_count; i++)
		if (!report_is_nothing(&report->verdict[i]))
			return &report->verdict[i];
	return NULL;
}

/* The one with the most failures is the first; NULL: none failed. */
static const struct report_pool *failing(const struct report *report)
{
	const struct report_pool *first = report->pools;

	return report->pool_count && report_pool_failures(first) ? first : NULL;
}

const char *text_trouble(const struct text *t)
{
	const struct report_verdict *cause = worst(t->report);
	const struct report_pool *pool = failing(t->report);

	if (cause)
		return arena_printf(
			t->arena, "%s needs attention (%s)",
			text_safe(t, cause->pool, "the connections"),
			cause->cause);
	if (!pool)
		return NULL;
	return arena_printf(t->arena,
			    "%" PRIu64 " of %" PRIu64 " acquires of %s failed",
			    report_pool_failures(pool), pool->attempts,
			    text_safe(t, pool->name, "?"));
}

const char *text_would_gate(const struct text *t)
{
	const char *limits = t->report->would_gate;

	if (!limits || !text_trouble(t))
		return NULL;
	return arena_printf(t->arena, "--fail-on +%s would gate that", limits);
}
