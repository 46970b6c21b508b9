/* SPDX-License-Identifier: MIT */
/* Counts columns by character; the locale is not asked, the text is UTF-8. */
#include "analyzer/columns.h"

#include <string.h>
#include "analyzer/printable.h"

#define DOTS	   "..."
#define DOTS_WIDTH 3

static size_t character_width(uint32_t character)
{
	static const struct {
		uint32_t first, last;
	} wide[] = {
		{ 0x1100, 0x115F }, { 0x2E80, 0xA4CF },	  { 0xAC00, 0xD7A3 },
		{ 0xF900, 0xFAFF }, { 0xFE30, 0xFE6F },	  { 0xFF00, 0xFF60 },
		{ 0xFFE0, 0xFFE6 }, { 0x1F300, 0x1FAFF }, { 0x20000, 0x3FFFD },
	};

	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
		if (character >= wide[i].first && character <= wide[i].last)
			return 2;
	return 1;
}

/* The next character's bytes and columns; what is no UTF-8 goes by bytes. */
static size_t step(const char *text, size_t *ret_width)
{
	uint32_t character = 0;
	const size_t length = printable_decode(text, &character);

	*ret_width = character_width(character);
	return length ? length : 1;
}

size_t columns_width(const char *text)
{
	size_t width, sum = 0;

	for (; *text; sum += width)
		text += step(text, &width);
	return sum;
}

/* How many bytes from `text` fit into `width`. */
static size_t head(const char *text, size_t width)
{
	size_t columns, at = 0;

	while (text[at]) {
		size_t length = step(text + at, &columns);

		if (columns > width)
			break;
		width -= columns;
		at += length;
	}
	return at;
}

/* Where the last `width` columns of `text` begin. */
static const char *tail(const char *text, size_t width)
{
	size_t columns, left = columns_width(text);

	while (left > width) {
		text += step(text, &columns);
		left -= columns;
	}
	return text;
}

const char *columns_cut(struct arena *arena, const char *text, size_t width)
{
	const size_t kept = width - DOTS_WIDTH;

	if (columns_width(text) <= width)
		return text;
	return arena_printf(arena, "%.*s" DOTS "%s", (int)head(text, kept / 2),
			    text, tail(text, kept - kept / 2));
}

const char *columns_cut_path(struct arena *arena, const char *path,
			     size_t width)
{
	const char *end, *slash;

	if (columns_width(path) <= width)
		return path;
	end = tail(path, width - DOTS_WIDTH);
	slash = strchr(end, '/');
	return arena_printf(arena, DOTS "%s", slash ? slash : end);
}

void columns_pad(FILE *out, size_t at, size_t to)
{
	if (at < to)
		fprintf(out, "%*s", (int)(to - at), "");
}

/* Bytes up to the last blank, or blanks, that leave a line; 0 if none do. */
static size_t last_blank(const char *text, size_t fits)
{
	while (fits && text[fits] != ' ')
		fits--;
	while (fits && text[fits - 1] == ' ')
		fits--;
	return fits;
}

size_t columns_wrap_open(FILE *out, const char *text, size_t at, size_t indent)
{
	size_t fits = head(text, at < COLUMNS ? COLUMNS - at : 0);

	while (text[fits]) {
		size_t blank = last_blank(text, fits);

		/* A long word starts a line before it is divided. */
		if (!blank && at > indent)
			fits = 0;
		else if (blank)
			fits = blank;
		else if (!fits)
			fits = 1;
		fprintf(out, "%.*s\n", (int)fits, text);
		text += fits;
		text += strspn(text, " ");
		columns_pad(out, 0, indent);
		at = indent;
		fits = head(text, COLUMNS - indent);
	}
	fputs(text, out);
	return at + columns_width(text);
}

void columns_wrap(FILE *out, const char *text, size_t at, size_t indent)
{
	columns_wrap_open(out, text, at, indent);
	fputc('\n', out);
}
