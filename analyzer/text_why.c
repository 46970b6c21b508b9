/* SPDX-License-Identifier: MIT */
/*
 * Why a pool ran dry: the answer in one line, and under it each cause, its
 * numbers first, and what to do:
 *
 *	db_take ran dry: leak and slow-query; fix both
 *	    leak: when it ran dry 11 of 20 slots were never released: ...
 *	    -> release it on every way out of that function
 *	    slow-query: when it ran dry 7 of 20 slots were held for more ...
 *	    -> make these queries faster, or give them a pool of their own
 */
#include "analyzer/text.h"

#include "analyzer/columns.h"

#define INDENT 4

static void write_headline(const struct text *t, const struct report_verdict *v)
{
	const char *line = text_safe(t, v->headline, "?");

	if (t->report->process_count > 1 && v->pid)
		line = arena_printf(t->arena, "%s (process %d)", line, v->pid);
	text_style(t, STYLE_BOLD);
	columns_wrap(t->out, line, 0, 2);
	text_style(t, STYLE_OFF);
}

static void write_indented(const struct text *t, const char *line, size_t more)
{
	columns_pad(t->out, 0, INDENT);
	columns_wrap(t->out, line, INDENT, INDENT + more);
}

static void write_cause(const struct text *t, const struct report_verdict *v)
{
	const char *line = arena_printf(t->arena, "%s: %s.", v->cause,
					text_safe(t, v->text, "?"));

	write_indented(t, line, 2);
	if (v->advice)
		write_indented(t,
			       arena_printf(t->arena, "-> %s",
					    text_safe(t, v->advice, "?")),
			       3);
}

void text_why(const struct text *t)
{
	const struct report *report = t->report;
	size_t said = 0;

	for (size_t i = 0; i < report->verdict_count; i++) {
		const struct report_verdict *v = &report->verdict[i];

		if (report_is_nothing(v))
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

/*
 * Only of a pool: the last line of the report has the connections.  One that
 * gave nothing is not praised: it was not short, but somebody went without.
 */
void text_why_not(const struct text *t)
{
	const struct report *report = t->report;

	if (report->verdict_count && report_is_nothing(report->verdict) &&
	    report->verdict->pool)
		columns_wrap(
			t->out,
			arena_printf(
				t->arena, "%s%s.",
				text_trouble(t) ? "" : "nothing is wrong with ",
				text_safe(t, report->verdict->headline, "?")),
			0, 2);
}
