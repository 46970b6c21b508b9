/* SPDX-License-Identifier: MIT */
/*
 * text - the parts of the text report; report_text.c puts them together
 *
 * What a part writes is at most 80 columns wide, and has passed through
 * printable_text().
 */
#ifndef ANALYZER_TEXT_H
#define ANALYZER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "analyzer/report.h"

/* A list of more is shown so far, and the rest as a number. */
#define TEXT_LIST_MAX 5

enum text_style {
	STYLE_OFF,
	STYLE_BOLD,
	STYLE_RED,
	STYLE_YELLOW,
	STYLE_DIM,
};

struct text {
	const struct report *report;
	FILE *out;
	bool colour;
	const char *folder;  /* the current one; "" if unknown */
	struct arena *arena; /* gone when the report is written */
};

/* Changes nothing unless the report is coloured. */
void text_style(const struct text *t, enum text_style style);

/* Safe and never NULL; `unknown` stands for NULL. */
const char *text_safe(const struct text *t, const char *text,
		      const char *unknown);

/* A path as shown: relative if it lies below the current folder. */
const char *text_path(const struct text *t, const char *path);

/* Local time with its zone, to be compared with a server's log; or NULL. */
const char *text_time(const struct text *t, uint64_t ns);

/*
 * The first so many findings have a block; what pools keep, what has a block of
 * another kind and what is by design comes behind them.
 */
size_t text_listed(const struct report *report);

/* A clean report is one line, and counts the notes that it does not tell. */
bool text_tells(const struct report *report, const struct report_note *note);

/* The block of finding `index`, counted from 0. */
void text_finding(const struct text *t, size_t index);

/* `function file:line` of the stack's site, cut to `width`; or NULL. */
const char *text_where(const struct text *t, const struct report_stack *stack,
		       size_t width);
void text_stack(const struct text *t, const struct report_stack *stack);

/* Which frames had no source line, by module, and how to get one. */
void text_nameless(const struct text *t);

/* The first finding with the same stack as finding `index`. */
size_t text_same_stack(const struct report *report, size_t index);

/* A block for each pool that ran dry, with who had it all. */
void text_exhaustions(const struct text *t);

/* Why pools ran dry; and, if there is no reason to ask, one line for them. */
void text_why(const struct text *t);
void text_why_not(const struct text *t);

/* A line for each pool. */
void text_pools(const struct text *t);

/*
 * What has no bound in time: one block for the run, if anything else is told.
 * Beside a clean report it is a few words in the last line, or NULL.
 */
void text_timeouts(const struct text *t);
const char *text_timeouts_beside(const struct text *t);

/* The most significant two units, rounded: "35 min 2 s". */
const char *text_duration(const struct text *t, double seconds);

/*
 * "first; b; c", each clause on one line if it can be; what is NULL is left
 * out. Writes no newline at the end.
 */
void text_clauses(const struct text *t, const char *first,
		  const char *const *rest, size_t count);

/*
 * "take needs attention (pool-too-small)": what is wrong and no finding; NULL
 * if nothing is.  And which limits of --fail-on would make one of it; or NULL.
 */
const char *text_trouble(const struct text *t);
const char *text_would_gate(const struct text *t);

/* The last lines of the report: its status, counts, and where records are. */
void text_summary(const struct text *t);

#endif
