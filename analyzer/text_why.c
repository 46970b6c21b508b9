/* SPDX-License-Identifier: MIT */
/*
 * Why a pool ran dry: the answer in one line, and under it each cause:
 *
 *	db_take ran dry: leak and slow-query, only both together
 *	    leak: when it ran dry 11 of 20 slots were never released: ...
 *	    slow-query: when it ran dry 7 of 20 slots were held for more ...
 */
#include "analyzer/text.h"

#include <string.h>
#include "analyzer/columns.h"

#define INDENT 4

static bool is_nothing(const struct report_verdict *v)
{
	return !strcmp(v->cause, "nothing");
}

static void write_headline(const struct text *t, const struct report_verdict *v)
{
	const char *line = text_safe(t, v->headline, "?");

	if (t->report->process_count > 1 && v->pid)
		line = arena_printf(t->arena, "%s (process %d)", line, v->pid);
	text_style(t, STYLE_BOLD);
	columns_wrap(t->out, line, 0, 2);
	text_style(t, STYLE_OFF);
}

static void write_cause(const struct text *t, const struct report_verdict *v)
{
	const char *line = arena_printf(t->arena, "%s: %s.", v->cause,
					text_safe(t, v->text, "?"));

	columns_pad(t->out, 0, INDENT);
	columns_wrap(t->out, line, INDENT, INDENT + 2);
}

void text_why(const struct text *t)
{
	const struct report *report = t->report;
	size_t said = 0;

	for (size_t i = 0; i < report->verdict_count; i++) {
		const struct report_verdict *v = &report->verdict[i];

		if (is_nothing(v))
			continue;
		if (v->headline) {
			if (said++)
				fputc('\n', t->out);
			write_headline(t, v);
		}
		write_cause(t, v);
	}
	if (said)
		fputc('\n', t->out);
}

/* Only of a pool: the last line of the report has the connections. */
void text_why_not(const struct text *t)
{
	const struct report *report = t->report;

	if (report->verdict_count && is_nothing(report->verdict) &&
	    report->verdict->pool)
		columns_wrap(
			t->out,
			arena_printf(
				t->arena, "nothing is wrong with %s.",
				text_safe(t, report->verdict->headline, "?")),
			0, 2);
}
