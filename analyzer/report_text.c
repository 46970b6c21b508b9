/* SPDX-License-Identifier: MIT */
/*
 * The report for a tired person: the worst first, the sum last, nothing
 * twice, 80 columns.
 */
#include "analyzer/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "analyzer/columns.h"
#include "analyzer/emit.h"
#include "analyzer/kinds.h"
#include "analyzer/printable.h"
#include "analyzer/text.h"

void text_style(const struct text *t, enum text_style style)
{
	static const char *const codes[] = {
		[STYLE_OFF] = "\033[0m",    [STYLE_BOLD] = "\033[1m",
		[STYLE_RED] = "\033[1;31m", [STYLE_YELLOW] = "\033[33m",
		[STYLE_DIM] = "\033[2m",
	};

	if (t->colour)
		fputs(codes[style], t->out);
}

const char *text_safe(const struct text *t, const char *text,
		      const char *unknown)
{
	return text ? printable_text(t->arena, text) : unknown;
}

const char *text_path(const struct text *t, const char *path)
{
	const size_t length = strlen(t->folder);

	if (length > 1 && !strncmp(path, t->folder, length) &&
	    path[length] == '/')
		path += length + 1;
	return text_safe(t, path, NULL);
}

const char *text_time(const struct text *t, uint64_t ns)
{
	const time_t seconds = (time_t)(ns / 1000000000u);
	struct tm local;
	char shown[64];

	if (!ns || !localtime_r(&seconds, &local) ||
	    !strftime(shown, sizeof(shown), "%F %T %Z", &local))
		return NULL;
	return arena_strdup(t->arena, shown);
}

const char *text_duration(const struct text *t, double seconds)
{
	const double most = 1e12; /* what does not fit must not be cast */
	const uint64_t ms =
		(uint64_t)((seconds < most ? seconds : most) * 1000 + 0.5);
	const uint64_t whole = (ms + 500) / 1000;
	const uint64_t minutes = whole / 60, hours = minutes / 60;

	if (ms < 1000)
		return arena_printf(t->arena, "%d ms", (int)ms);
	if (!minutes)
		return arena_printf(t->arena, "%d.%d s", (int)(ms / 1000),
				    (int)(ms % 1000 / 100));
	if (!hours)
		return arena_printf(t->arena, "%d min %d s", (int)minutes,
				    (int)(whole % 60));
	if (hours < 48)
		return arena_printf(t->arena, "%d h %d min", (int)hours,
				    (int)(minutes % 60));
	return arena_printf(t->arena, "%" PRIu64 " d %d h", hours / 24,
			    (int)(hours % 24));
}

size_t text_listed(const struct report *report)
{
	size_t count = 0;

	while (count < report->finding_count &&
	       !report->findings[count].in_pools &&
	       !report->findings[count].aside &&
	       class_find(report->findings[count].class) != CLASS_BY_DESIGN)
		count++;
	return count;
}

bool text_tells(const struct report *report, const struct report_note *note)
{
	return note->always || report->status != REPORT_CLEAN ||
	       text_listed(report);
}

/* What the reader can do about a gap. */
static const char *const advice[REASONS] = {
	[REASON_BLIND] = ("What it did with PostgreSQL is not in this report.  "
			  "Follow the cure, or accept the gap with --allow "
			  "blind."),
	[REASON_LOST] = ("The counts may be too low.  Mend the cause (often "
			 "there is no room: --record-limit, disk space), or "
			 "accept the gap with --allow lost."),
	[REASON_NO_LIBPQ] = ("Run the program that talks to PostgreSQL, or "
			     "accept it with --allow no-libpq."),
};

static void write_indented(const struct text *t, const char *text)
{
	columns_pad(t->out, 0, 4);
	columns_wrap(t->out, text, 4, 6);
}

static void write_more(const struct text *t, size_t count)
{
	if (count > TEXT_LIST_MAX)
		fprintf(t->out, "    and %zu more\n", count - TEXT_LIST_MAX);
}

static void write_incomplete(const struct text *t, enum report_reason reason)
{
	const struct report *report = t->report;
	bool allowed = true;
	size_t count = 0;

	for (size_t i = 0; i < report->incomplete_count; i++) {
		const struct report_incomplete *gap = &report->incomplete[i];

		if (gap->reason != reason)
			continue;
		allowed = gap->allowed;
		if (!count++) {
			text_style(t, STYLE_YELLOW);
			fprintf(t->out, "incomplete (%s)%s:",
				report_reason_name(reason),
				allowed ? ", allowed" : "");
			text_style(t, STYLE_OFF);
			fputc('\n', t->out);
		}
		if (count <= TEXT_LIST_MAX)
			write_indented(t, text_safe(t, gap->text, "?"));
	}
	write_more(t, count);
	if (!allowed && !report->viewed_ns)
		write_indented(t, advice[reason]);
	if (count)
		fputc('\n', t->out);
}

static void write_note(const struct text *t, const struct report_note *note)
{
	const char *why = text_safe(t, note->why, "?");
	const char *exe = text_safe(t, note->exe, NULL);

	if (exe)
		why = arena_printf(t->arena, "%s: %s", exe, why);
	if (note->pid)
		why = arena_printf(t->arena, "%d %s", note->pid, why);
	write_indented(t, why);
}

static void write_notes(const struct text *t)
{
	size_t count = 0;

	for (size_t i = 0; i < t->report->note_count; i++) {
		if (!text_tells(t->report, &t->report->notes[i]))
			continue;
		if (!count++)
			fputs("notes:\n", t->out);
		if (count <= TEXT_LIST_MAX)
			write_note(t, &t->report->notes[i]);
	}
	write_more(t, count);
	if (count)
		fputc('\n', t->out);
}

/* The program's own words stand right above. */
static void write_view(const struct text *t)
{
	if (t->report->viewed_ns)
		fprintf(t->out,
			"connleak: what is out at %s; the program goes "
			"on:\n\n",
			text_time(t, t->report->viewed_ns));
}

static void write_title(const struct text *t)
{
	if (!t->report->viewed_ns && text_listed(t->report))
		fputs("connleak found, the worst first:\n\n", t->out);
}

static void write_report(const struct text *t)
{
	const struct report *report = t->report;

	write_view(t);
	text_why(t);
	write_title(t);
	for (size_t i = 0; i < text_listed(report); i++)
		text_finding(t, i);
	text_nameless(t);
	text_exhaustions(t);
	text_pools(t);
	text_timeouts(t);
	for (int i = 0; i < REASONS; i++)
		write_incomplete(t, (enum report_reason)i);
	write_notes(t);
	text_why_not(t);
	text_summary(t);
}

int report_text(const struct report *report, FILE *out, bool colour)
{
	struct arena arena;
	struct text t = { .report = report, .colour = colour, .arena = &arena };
	char *folder = getcwd(NULL, 0), *text = NULL;
	size_t size = 0;
	int err = -ENOMEM;

	arena_init(&arena);
	t.folder = folder ? folder : "";
	t.out = open_memstream(&text, &size);
	if (t.out) {
		write_report(&t);
		if (!fclose(t.out))
			err = emit(out, text, size);
	}
	arena_release(&arena);
	free(folder);
	free(text);
	return err;
}
