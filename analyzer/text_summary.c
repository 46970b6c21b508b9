/* SPDX-License-Identifier: MIT */
/* The last line: what a person reads first, and a log is searched for. */
#include "analyzer/text.h"

#include <inttypes.h>
#include <string.h>
#include "analyzer/columns.h"
#include "analyzer/kinds.h"

/* `a` or `b`, whichever is there, or both with ", " between. */
static const char *append(const struct text *t, const char *a, const char *b)
{
	return !a ? b : !b ? a : arena_printf(t->arena, "%s, %s", a, b);
}

static uint64_t count_kind(const struct report *report, const char *name)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < text_listed(report); i++)
		if (report->findings[i].kind &&
		    !strcmp(report->findings[i].kind, name))
			sum += report->findings[i].count;
	return sum;
}

static const char *words_for(const struct kind *kind, uint64_t count)
{
	const char *words = count == 1 ? kind->one : kind->many;

	return words ? words : kind->name;
}

/* "5 of 20 connections never finished", over all kinds that are part of it. */
static const char *part_of(const struct text *t, enum kind_whole whole,
			   enum kind_id words, uint64_t total)
{
	uint64_t sum = 0;

	for (int id = 0; id < KINDS; id++)
		if (kind_row((enum kind_id)id)->whole == whole)
			sum += count_kind(t->report,
					  kind_row((enum kind_id)id)->name);
	if (!sum)
		return NULL;
	if (total < sum) /* more was lost than counted */
		total = sum;
	return arena_printf(t->arena, "%" PRIu64 " of %" PRIu64 " %s", sum,
			    total, words_for(kind_row(words), total));
}

/* "2 cancel handles never freed"; a kind without words goes by its name. */
static const char *other_kinds(const struct text *t)
{
	const char *counts = NULL;

	for (int id = 0; id < KINDS; id++) {
		const struct kind *kind = kind_row((enum kind_id)id);
		const uint64_t count = count_kind(t->report, kind->name);

		if (kind->whole != WHOLE_NONE || !count)
			continue;
		counts = append(t, counts,
				arena_printf(t->arena, "%" PRIu64 " %s", count,
					     words_for(kind, count)));
	}
	return counts;
}

/* "at 2 places": findings at one stack are at one place. */
static const char *places(const struct text *t)
{
	size_t count = 0;

	for (size_t i = 0; i < text_listed(t->report); i++)
		if (t->report->findings[i].stack.count &&
		    text_same_stack(t->report, i) == i)
			count++;
	if (!count)
		return NULL;
	return arena_printf(t->arena, "at %zu place%s", count,
			    count == 1 ? "" : "s");
}

static const char *bad_counts(const struct text *t)
{
	const struct report_totals *totals = &t->report->totals;
	const char *connections = part_of(
		t, WHOLE_CONNECTIONS, KIND_LEAKED_CONNECTION, totals->connects);
	const char *leases =
		part_of(t, WHOLE_LEASES, KIND_LEAKED_LEASE, totals->acquires);
	const char *counts = append(t, connections, leases);

	counts = append(t, counts, other_kinds(t));
	return append(t, counts, places(t));
}

static const char *processes(const struct text *t)
{
	const unsigned seen = t->report->processes_seen;
	const unsigned watched = t->report->processes_watched;

	if (watched < seen)
		return arena_printf(t->arena, "in %u of %u processes", watched,
				    seen);
	return arena_printf(t->arena, "in %u process%s", watched,
			    watched == 1 ? "" : "es");
}

/*
 * "20 connections acquired, all finished".  Of an incomplete run nobody can say
 * more than what was seen.
 */
static const char *good_connections(const struct text *t)
{
	const struct report_totals *totals = &t->report->totals;
	const uint64_t count = totals->connects;
	const bool clean = t->report->status == REPORT_CLEAN;
	const bool whole = !totals->open_at_end && !totals->lost;
	const char *verb = clean ? "acquired" : "seen", *failed = "";

	if (totals->failed_connects)
		failed = arena_printf(t->arena, " (%" PRIu64 " failed)",
				      totals->failed_connects);
	if (!count)
		return arena_printf(t->arena, "no connection %s", verb);
	if (!whole)
		return arena_printf(t->arena, "%" PRIu64 " connection%s seen%s",
				    count, count == 1 ? "" : "s", failed);
	if (count == 1)
		return arena_printf(t->arena, "1 connection %s%s and finished",
				    verb, failed);
	return arena_printf(t->arena,
			    "%" PRIu64 " connections %s%s, all finished", count,
			    verb, failed);
}

/* "50 leases, all released" */
static const char *good_leases(const struct text *t)
{
	const struct report_totals *totals = &t->report->totals;
	const uint64_t count = totals->acquires;

	if (!count)
		return NULL;
	return arena_printf(t->arena, "%" PRIu64 " lease%s%s", count,
			    count == 1 ? "" : "s",
			    totals->leases_at_end || totals->lost ? ""
			    : count == 1			  ? ", released"
					 : ", all released");
}

static const char *good_counts(const struct text *t)
{
	const char *counts = append(t, good_connections(t), good_leases(t));

	return append(t, counts, processes(t));
}

/* "lost, no-libpq"; NULL if there is none of that sort. */
static const char *reasons(const struct text *t, bool allowed)
{
	bool has[REASONS] = { false };
	const char *names = NULL;

	for (size_t i = 0; i < t->report->incomplete_count; i++)
		if (t->report->incomplete[i].allowed == allowed)
			has[t->report->incomplete[i].reason] = true;
	for (int i = 0; i < REASONS; i++) {
		const char *name = report_reason_name((enum report_reason)i);

		if (has[i])
			names = append(t, names, name);
	}
	return names;
}

/* "20 left in pools": that is where they belong. */
static const char *in_pools(const struct text *t)
{
	const struct report *report = t->report;
	uint64_t count = 0;

	for (size_t i = text_listed(report); i < report->finding_count; i++)
		if (report->findings[i].in_pools)
			count += report->findings[i].count;
	if (!count)
		return NULL;
	return arena_printf(t->arena, "%" PRIu64 "%s in pools", count,
			    report->viewed_ns ? "" : " left");
}

/* "3 kept by design, 1 of them suppressed" */
static const char *by_design(const struct text *t)
{
	const struct report *report = t->report;
	const uint64_t suppressed = report->suppressed;
	uint64_t kept = 0;

	for (size_t i = text_listed(report); i < report->finding_count; i++)
		if (!report->findings[i].in_pools && !report->findings[i].aside)
			kept += report->findings[i].count;
	if (!kept)
		return NULL;
	if (!suppressed)
		return arena_printf(t->arena, "%" PRIu64 " kept by design",
				    kept);
	if (suppressed == kept)
		return arena_printf(t->arena, "%" PRIu64 " suppressed", kept);
	return arena_printf(t->arena,
			    "%" PRIu64 " kept by design, %" PRIu64
			    " of them suppressed",
			    kept, suppressed);
}

/* "2 notes (--json has them)": of those that are not told. */
static const char *notes(const struct text *t)
{
	size_t count = 0;

	for (size_t i = 0; i < t->report->note_count; i++)
		count += !text_tells(t->report, &t->report->notes[i]);
	if (!count)
		return NULL;
	return arena_printf(t->arena, "%zu note%s (--json has %s)", count,
			    count == 1 ? "" : "s", count == 1 ? "it" : "them");
}

static bool nothing_was_checked(const struct report *report)
{
	for (size_t i = 0; i < report->incomplete_count; i++)
		if (report->incomplete[i].reason == REASON_NO_LIBPQ)
			return true;
	return false;
}

/* "incomplete (blind; allowed: lost)" */
static const char *incomplete(const struct text *t)
{
	const char *why = reasons(t, false), *allowed = reasons(t, true);

	if (!why && !allowed)
		return NULL;
	return arena_printf(t->arena, "incomplete (%s%s%s%s)", why ? why : "",
			    why && allowed ? "; " : "",
			    allowed ? "allowed: " : "", allowed ? allowed : "");
}

/* "nothing gates, but take needs attention (pool-too-small)" */
static const char *clean(const struct text *t, const char *counts)
{
	const char *trouble = text_trouble(t);

	if (trouble)
		return arena_printf(t->arena, "nothing gates, but %s", trouble);
	return counts ? "nothing gates" : report_status_name(REPORT_CLEAN);
}

/* "connleak: findings: 5 of 20 connections never finished, at 1 place" */
static const char *outcome(const struct text *t)
{
	const enum report_status status = t->report->status;
	const char *name = report_status_name(status);
	const char *counts = bad_counts(t);

	if (t->report->viewed_ns)
		name = "so far";
	else if (status == REPORT_INCOMPLETE && incomplete(t))
		name = incomplete(t);
	else if (status == REPORT_CLEAN)
		name = clean(t, counts);
	if (!counts && nothing_was_checked(t->report) && !t->report->viewed_ns)
		return arena_printf(t->arena, "connleak: %s", name);
	return arena_printf(t->arena, "connleak: %s: %s", name,
			    counts ? counts : good_counts(t));
}

/* The folder is never cut: it is there to be copied. */
static const char *records(const struct text *t)
{
	const char *kept = text_safe(t, t->report->kept, NULL);

	return kept ? arena_printf(t->arena, "records in %s", kept) : NULL;
}

/* The next of "a; b; c", on a line of its own if it does not fit. */
static void write_clause(const struct text *t, const char *clause, size_t *at)
{
	const size_t width = columns_width(clause);

	if (!*at) {
		*at = columns_wrap_open(t->out, clause, 0, 2);
	} else if (*at + 1 + width <= COLUMNS) {
		fprintf(t->out, " %s", clause);
		*at += 1 + width;
	} else {
		fprintf(t->out, "\n  %s", clause);
		*at = 2 + width;
	}
}

void text_clauses(const struct text *t, const char *first,
		  const char *const *rest, size_t count)
{
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		if (!rest[i])
			continue;
		write_clause(t, arena_printf(t->arena, "%s;", first), &at);
		first = rest[i];
	}
	write_clause(t, first, &at);
}

void text_summary(const struct text *t)
{
	const enum report_status status = t->report->status;
	const char *const rest[] = {
		status == REPORT_FINDINGS || t->report->viewed_ns
			? incomplete(t)
			: NULL,
		status == REPORT_CLEAN && !t->report->viewed_ns
			? text_would_gate(t)
			: NULL,
		in_pools(t),
		by_design(t),
		text_timeouts_beside(t),
		notes(t),
		records(t),
	};

	text_style(t, STYLE_BOLD);
	text_clauses(t, outcome(t), rest, sizeof(rest) / sizeof(rest[0]));
	text_style(t, STYLE_OFF);
	fputc('\n', t->out);
}
