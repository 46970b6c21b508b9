/* SPDX-License-Identifier: MIT */
/* What passed a limit of --fail-on: a finding for each of its pools. */
#include "analyzer/judge.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "analyzer/facts.h"
#include "analyzer/naming.h"
#include "analyzer/verdict.h"

#define USUAL_UTIL 80 /* percent; the one in the README and the manual */

/* There is no stack to tell it by: the limit does, and the pool's name. */
static void add_finding(struct report *r, const struct gate_limit *limit,
			const char *pool, const char *what)
{
	const char *kind = kind_row(KIND_OVER_LIMIT)->name;
	struct report_finding *f = judge_add_finding(r);
	const char *name =
		arena_printf(&r->arena, "%s %.*s %s", kind,
			     (int)strcspn(limit->text, "="), limit->text, pool);

	f->kind = kind;
	f->gates = true;
	f->count = 1;
	f->fingerprint = naming_fingerprint(&r->arena, name, &f->stack);
	f->message = what;
}

static void add_peak(struct report *r, const struct gate_limit *limit,
		     const struct record_header *header)
{
	const unsigned long long peak = header->totals[TOTAL_PEAK_OPEN];

	if (peak <= limit->value)
		return;
	add_finding(r, limit, "",
		    arena_printf(&r->arena,
				 "%llu connection%s open at once in process "
				 "%d; the limit is %s",
				 peak, peak == 1 ? "" : "s", header->pid,
				 limit->text));
}

/* As in trace.c: what is no number of leases is none. */
static bool has_capacity(const struct report_pool *pool)
{
	return pool->capacity && pool->capacity < UINT32_MAX;
}

/* " from 2025-11-21 12:00:00 UTC on" */
static const char *since(struct arena *arena, uint64_t ns)
{
	const time_t seconds = (time_t)(ns / 1000000000);
	char text[40] = "";
	struct tm utc;

	if (ns && gmtime_r(&seconds, &utc))
		strftime(text, sizeof(text), " from %F %T UTC on", &utc);
	return arena_strdup(arena, text);
}

static void add_high(struct report *r, const struct gate_limit *limit,
		     const struct trace *t, uint64_t from_ns, uint64_t lasts_ns)
{
	add_finding(
		r, limit, t->name,
		arena_printf(
			&r->arena,
			"%s: at least %llu %% of %u in use for %s%s, %s after "
			"it was first seen, in process %d; the limit is %s",
			t->name, (unsigned long long)limit->value, t->capacity,
			facts_time(&r->arena, (double)lasts_ns / 1e9),
			since(&r->arena, t->began_ns + from_ns),
			facts_time(&r->arena, (double)from_ns / 1e9), t->pid,
			limit->text));
}

/* Of some pools, and on a full disk, there are the sums alone. */
static void add_unseen(struct report *r, const struct gate_limit *limit,
		       const struct trace *t)
{
	judge_add_incomplete(
		r, REASON_LOST,
		arena_printf(&r->arena,
			     "process %d: how much of %s was in use over time "
			     "could not be kept, and %s is not known to hold",
			     t->pid, t->name, limit->text));
}

static void add_utilisation(struct report *r, const struct gate_limit *limit,
			    const struct trace *t, double lasts_s)
{
	const double least = (double)limit->value * t->capacity / 100;
	uint64_t from_ns, ns;

	if (t->connections || !t->capacity || t->peak_used < least)
		return;
	if (!t->has_series)
		add_unseen(r, limit, t);
	else if (facts_high(t, least, lasts_s, &from_ns, &ns))
		add_high(r, limit, t, from_ns, ns);
}

/* Without any there is nothing to compare with, which must not look green. */
static void add_no_capacity(struct report *r, const struct gate_limit *limit)
{
	const char *missing = arena_printf(
		&r->arena,
		"%s cannot be checked: no pool was seen; rules (--hook "
		"'acquire ...', 'release ...', 'capacity ...') or calls of "
		"connleak.h tell of one",
		limit->text);

	if (r->pool_count)
		missing = arena_printf(
			&r->arena,
			"%s cannot be checked: the capacity of %s is not "
			"known; a rule (--hook 'capacity FUNCTION "
			"value=argN') or a call of connleak_capacity tells it",
			limit->text,
			r->pool_count == 1 ? r->pools->name : "the pools");
	add_finding(r, limit, "", missing);
}

/* Beside others of which it is known. */
static void note_no_capacity(struct report *r, const struct gate_limit *limit,
			     const struct report_pool *pool)
{
	judge_add_note(r, pool->pid, NULL,
		       arena_printf(&r->arena,
				    "%s was not checked of %s: its capacity "
				    "is not known",
				    limit->text, pool->name));
}

static void add_utilisations(struct report *r, const struct gate_limit *limit,
			     const struct verdicts *verdicts)
{
	bool any = false;

	for (size_t i = 0; i < r->pool_count; i++)
		any |= has_capacity(&r->pools[i]);
	if (!any)
		add_no_capacity(r, limit);
	for (size_t i = 0; any && i < r->pool_count; i++)
		if (!has_capacity(&r->pools[i]))
			note_no_capacity(r, limit, &r->pools[i]);
	for (size_t i = 0; i < verdicts->count; i++)
		add_utilisation(r, limit, verdicts->list[i].trace,
				verdicts->thresholds.of[THRESHOLD_UTIL_TIME]);
}

/* Not by a rounding: of a limit of 50 ms exactly 50 ms are within it. */
static bool is_above(double seconds, uint64_t ms)
{
	return !isnan(seconds) && round(seconds * 1e9) > (double)ms * 1e6;
}

static const struct trace *trace_of(const struct verdicts *verdicts,
				    const struct report_pool *pool)
{
	for (size_t i = 0; i < verdicts->count; i++) {
		const struct trace *t = verdicts->list[i].trace;

		if (t->pid == pool->pid && t->name &&
		    !strcmp(t->name, pool->name))
			return t;
	}
	return NULL;
}

/*
 * How many still wait at the end, each for longer than that, where they are
 * more than one acquire in twenty: what has no end is in no percentile.
 */
static uint32_t count_waiting(const struct verdicts *verdicts,
			      const struct report_pool *pool, uint64_t ms)
{
	const struct trace *t = trace_of(verdicts, pool);

	return t && (uint64_t)t->waiting * 20 > pool->attempts &&
			       is_above((double)t->still_ns / 1e9, ms)
		       ? t->waiting
		       : 0;
}

static void add_waiting(struct report *r, const struct gate_limit *limit,
			const struct verdicts *verdicts,
			const struct report_pool *pool)
{
	const uint32_t count = count_waiting(verdicts, pool, limit->value);

	if (!count)
		return;
	add_finding(
		r, limit, pool->name,
		arena_printf(
			&r->arena,
			"%s: %u of %llu acquires had not ended, after %s at "
			"least, when process %d did; the limit is %s",
			pool->name, count, (unsigned long long)pool->attempts,
			facts_time(&r->arena,
				   (double)trace_of(verdicts, pool)->still_ns /
					   1e9),
			pool->pid, limit->text));
}

static void add_wait(struct report *r, const struct gate_limit *limit,
		     const struct verdicts *verdicts,
		     const struct report_pool *pool)
{
	if (!is_above(pool->wait_p95_s, limit->value)) {
		add_waiting(r, limit, verdicts, pool);
		return;
	}
	add_finding(
		r, limit, pool->name,
		arena_printf(
			&r->arena,
			"%s: 95 %% of %llu acquires took up to %s, connecting "
			"not counted, the longest %s, in process %d; the limit "
			"is %s",
			pool->name, (unsigned long long)pool->attempts,
			facts_time(&r->arena, pool->wait_p95_s),
			facts_time(&r->arena, pool->longest_wait_s), pool->pid,
			limit->text));
}

/* It holds then, of nothing: whoever asked for it shall know that. */
static void note_no_pool(struct report *r, const struct gate_limit *limit)
{
	judge_add_note(r, 0, NULL,
		       arena_printf(&r->arena,
				    "%s was not checked: no pool was seen; "
				    "rules (--hooks, --hook) or calls of "
				    "connleak.h tell of one",
				    limit->text))
		->always = true;
}

/* What a load test is usually held to. */
static const char *usual_util(struct report *r, const struct verdicts *verdicts)
{
	const double lasts_s = verdicts->thresholds.of[THRESHOLD_UTIL_TIME];
	uint64_t from_ns, ns;

	for (size_t i = 0; i < verdicts->count; i++) {
		const struct trace *t = verdicts->list[i].trace;
		const double least = (double)USUAL_UTIL * t->capacity / 100;

		if (!t->connections && t->capacity && t->has_series &&
		    facts_high(t, least, lasts_s, &from_ns, &ns))
			return arena_printf(&r->arena, "util=%d", USUAL_UTIL);
	}
	return NULL;
}

static const char *usual_wait(struct report *r, const struct verdicts *verdicts)
{
	static const uint64_t usual_ms[] = { 50, 10 };

	for (size_t n = 0; n < sizeof(usual_ms) / sizeof(usual_ms[0]); n++)
		for (size_t i = 0; i < r->pool_count; i++)
			if (is_above(r->pools[i].wait_p95_s, usual_ms[n]) ||
			    count_waiting(verdicts, &r->pools[i], usual_ms[n]))
				return arena_printf(&r->arena, "wait=%dms",
						    (int)usual_ms[n]);
	return NULL;
}

static void find_usual(struct report *r, const struct verdicts *verdicts)
{
	const char *util = usual_util(r, verdicts);
	const char *wait = usual_wait(r, verdicts);

	r->would_gate = util && wait
				? arena_printf(&r->arena, "%s,%s", util, wait)
			: util ? util
			       : wait;
}

void judge_limits(struct report *r, const struct evidence *e,
		  const struct gate *gate, const struct verdicts *verdicts)
{
	const struct gate_limit *peak = gate_limit(gate, LIMIT_PEAK);
	const struct gate_limit *util = gate_limit(gate, LIMIT_UTIL);
	const struct gate_limit *wait = gate_limit(gate, LIMIT_WAIT);

	for (size_t i = 0; peak && i < e->record_count; i++)
		add_peak(r, peak, reader_header(e->records[i].reader));
	if (util)
		add_utilisations(r, util, verdicts);
	for (size_t i = 0; wait && i < r->pool_count; i++)
		add_wait(r, wait, verdicts, &r->pools[i]);
	if (wait && !r->pool_count)
		note_no_pool(r, wait);
	find_usual(r, verdicts);
}
