/* SPDX-License-Identifier: MIT */
#include "analyzer/rule_lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analyzer/columns.h"
#include "analyzer/printable.h"
#include "record/rules.h"

#define NAME_COLUMN 10
#define PLACES	    44 /* the column of handle= and its like */

/* Lines after the first have two blanks where the # is to be. */
static void write_comment(FILE *to, const char *text)
{
	char *wrapped = NULL, *line, *rest;
	size_t size = 0;
	FILE *out = open_memstream(&wrapped, &size);

	if (!out)
		return;
	columns_wrap(out, text, 2, 2);
	fclose(out);
	rest = wrapped;
	while ((line = strsep(&rest, "\n")) && (*line || rest))
		fprintf(to, "# %s\n", line == wrapped ? line : line + 2);
	free(wrapped);
}

void rule_lines_divide(const struct rule_lines *l)
{
	if (ftell(l->out) > 0)
		fputc('\n', l->out);
}

void rule_lines_comment(const struct rule_lines *l, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) >= 0) {
		write_comment(l->out, printable_text(l->arena, text));
		free(text);
	}
	va_end(arguments);
}

void rule_lines_add(struct rule_lines *l, struct rules *rules,
		    const struct candidate *function, const char *places)
{
	rules->at = arena_grow(l->arena, rules->at, rules->count,
			       sizeof(*rules->at));
	rules->at[rules->count].function = function;
	rules->at[rules->count++].places = places;
}

/* Whether there is a rule with these places for a function, too. */
static bool has_rule(const struct rules *rules, const char *symbol,
		     const char *places)
{
	for (size_t i = 0; i < rules->count; i++)
		if (!strcmp(rules->at[i].function->symbol, symbol) &&
		    !strcmp(rules->at[i].places, places))
			return true;
	return false;
}

static bool parse_name(const struct rule_lines *l, const char *name,
		       struct rule *rule)
{
	struct rule_fault fault;
	const char *line =
		arena_printf(l->arena, "release %s handle=arg1", name);

	return rule_parse(line, strlen(line), rule, &fault) == RULE_READ;
}

/* A name that means functions with other places is no name for this one. */
static bool means_these(const struct rule_lines *l, const struct rules *rules,
			const char *name, size_t n)
{
	struct rule rule;

	if (!parse_name(l, name, &rule) ||
	    !rule_names(&rule, rules->at[n].function->symbol))
		return false;
	for (size_t i = 0; i < l->file->count; i++) {
		const struct candidate *other = &l->file->functions[i];

		if (other->address != rules->at[n].function->address &&
		    rule_names(&rule, other->symbol) &&
		    !has_rule(rules, other->symbol, rules->at[n].places))
			return false;
	}
	return true;
}

static const char *name_for_rule(const struct rule_lines *l,
				 const struct rules *rules, size_t n)
{
	const char *name = rules->at[n].function->name;

	if (strchr(name, ' '))
		name = arena_printf(l->arena, "\"%s\"", name);
	if (!means_these(l, rules, name, n))
		name = rules->at[n].function->symbol;
	return arena_printf(l->arena, "%s%s", name, l->suffix);
}

/* Overloads have one name, and so may static functions of two files. */
static bool is_written(struct rule_lines *l, const char *line)
{
	for (size_t i = 0; i < l->written_count; i++)
		if (!strcmp(l->written[i], line))
			return true;
	l->written = arena_grow(l->arena, l->written, l->written_count,
				sizeof(*l->written));
	l->written[l->written_count++] = line;
	return false;
}

void rule_lines_write(struct rule_lines *l, const struct rules *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		const char *name = name_for_rule(l, rules, i);
		const char *line =
			arena_printf(l->arena, "%s %s%s", rules->verb, name,
				     rules->at[i].places);
		size_t at;

		if (is_written(l, line))
			continue;
		at = (size_t)fprintf(l->out, "%s", rules->verb);
		columns_pad(l->out, at, NAME_COLUMN);
		name = printable_text(l->arena, name);
		at = NAME_COLUMN + (size_t)fprintf(l->out, "%s", name);
		columns_pad(l->out, at, PLACES - 1);
		fprintf(l->out, "%s\n", rules->at[i].places);
	}
}
