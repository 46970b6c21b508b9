/* SPDX-License-Identifier: MIT */
#include "analyzer/suppress.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/printable.h"

#define FORM "leak:"

/* The end of the name, or of the pattern, or both. */
static bool ends(const char *pattern)
{
	return !*pattern || !strcmp(pattern, "$");
}

/* From here on; `pattern` may stop before the text does, but for a $. */
static bool matches_here(const char *pattern, const char *text)
{
	const char *star = NULL, *again = NULL;

	for (;;) {
		if (*pattern == '*') {
			star = ++pattern;
			again = text;
		} else if (ends(pattern) && (!*pattern || !*text)) {
			return true;
		} else if (*text && *pattern == *text && !ends(pattern)) {
			pattern++;
			text++;
		} else if (star && *again) {
			pattern = star;
			text = ++again;
		} else {
			return false;
		}
	}
}

bool suppress_matches(const char *pattern, const char *text)
{
	if (*pattern == '^')
		return matches_here(pattern + 1, text);
	for (; !matches_here(pattern, text); text++)
		if (!*text)
			return false;
	return true;
}

static bool matches_any(const char *pattern, const struct report_frame *frame)
{
	return (frame->function &&
		suppress_matches(pattern, frame->function)) ||
	       (frame->file && suppress_matches(pattern, frame->file)) ||
	       (frame->module && suppress_matches(pattern, frame->module));
}

struct suppression *suppress_find(const struct suppress *s,
				  const struct report_stack *stack)
{
	for (size_t i = 0; i < s->count; i++)
		for (size_t n = 0; n < stack->count; n++)
			if (matches_any(s->list[i].pattern, &stack->frames[n]))
				return &s->list[i];
	return NULL;
}

static char *trim(char *line)
{
	char *end = line + strlen(line);

	while (isspace((unsigned char)*line))
		line++;
	while (end > line && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return line;
}

static int refuse(const struct suppress *s, unsigned number, const char *line,
		  struct arena *arena, const char **ret_error)
{
	*ret_error = arena_printf(
		arena, "%s:%u: '%s' is no suppression; write leak:PATTERN",
		printable_text(arena, s->path), number,
		printable_text(arena, line));
	return -EINVAL;
}

static int read_line(struct suppress *s, unsigned number, char *line,
		     struct arena *arena, const char **ret_error)
{
	const size_t form = strlen(FORM);

	line = trim(line);
	if (!*line || *line == '#')
		return 0;
	if (strncmp(line, FORM, form) != 0 || !line[form])
		return refuse(s, number, line, arena, ret_error);
	s->list = arena_grow(arena, s->list, s->count, sizeof(*s->list));
	s->list[s->count++] = (struct suppression){
		.pattern = arena_strdup(arena, line + form), .line = number
	};
	return 0;
}

int suppress_read(struct suppress *s, const char *path, struct arena *arena,
		  const char **ret_error)
{
	FILE *file = fopen(path, "re");
	unsigned number = 0;
	char *line = NULL;
	size_t size = 0;
	int err = 0;

	*s = (struct suppress){ .path = path };
	errno = file ? 0 : errno;
	while (file && !err && getline(&line, &size, file) >= 0)
		err = read_line(s, ++number, line, arena, ret_error);
	if (!err && (!file || ferror(file))) {
		err = errno ? -errno : -EIO;
		*ret_error = arena_printf(arena, "cannot read %s: %s",
					  printable_text(arena, path),
					  strerror(-err));
	}
	free(line);
	if (file)
		fclose(file);
	return err;
}
