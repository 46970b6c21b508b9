/* SPDX-License-Identifier: MIT */
/*
 * columns - text laid out for a terminal of 80 columns
 *
 * Texts are UTF-8 that printable_text() made safe.  A width is in columns:
 * wide characters (CJK, emoji) take two, all others one.
 */
#ifndef ANALYZER_COLUMNS_H
#define ANALYZER_COLUMNS_H

#include <stdio.h>
#include "analyzer/arena.h"

#define COLUMNS 80

size_t columns_width(const char *text);

/* What is wider than `width` (at least 8) loses its middle, "abc...xyz". */
const char *columns_cut(struct arena *arena, const char *text, size_t width);

/*
 * A path, or path:line: what is wider than `width` (at least 8) loses its
 * beginning, at a slash if it can, ".../http/pool.c:42".
 */
const char *columns_cut_path(struct arena *arena, const char *path,
			     size_t width);

/*
 * Writes `text` and a newline.  `at` columns of the first line are taken;
 * further lines are indented by `indent`.  A word too long for a line is
 * divided.
 */
void columns_wrap(FILE *out, const char *text, size_t at, size_t indent);

/* The same without the newline; returns the columns its last line takes. */
size_t columns_wrap_open(FILE *out, const char *text, size_t at, size_t indent);

/* Writes blanks from column `at` up to column `to`, if it lies behind. */
void columns_pad(FILE *out, size_t at, size_t to);

#endif
