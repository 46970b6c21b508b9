/* SPDX-License-Identifier: MIT */
/* A table of kinds and classes, filled item by item. */
#include "analyzer/gate.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/values.h"

/* Sets the error and is the value to return. */
#define FAIL(arena, ret_error, ...) \
	(*(ret_error) = arena_printf(arena, __VA_ARGS__), -EINVAL)

static bool gates_by_default(enum kind_id kind, int column)
{
	switch (kind_row(kind)->gates) {
	case GATES_NEVER:
		return false;
	case GATES_ALWAYS:
		return column != CLASS_BY_DESIGN;
	case GATES_BY_CLASS_AND_HELD:
		if (column == CLASS_HELD)
			return true;
		break;
	case GATES_BY_CLASS:
		break;
	}
	/* A leak without a class would be one nobody judged: no green. */
	return column == CLASSES || class_row((enum class_id)column)->gates;
}

static void add_default(struct gate *g)
{
	for (int kind = 0; kind < KINDS; kind++)
		for (int column = 0; column <= CLASSES; column++)
			if (gates_by_default((enum kind_id)kind, column))
				g->fails[kind][column] = true;
}

static void add_kind(struct gate *g, enum kind_id kind)
{
	for (int column = 0; column <= CLASSES; column++)
		if (column != CLASS_BY_DESIGN)
			g->fails[kind][column] = true;
}

static void add_class(struct gate *g, enum class_id class)
{
	for (int kind = 0; kind < KINDS; kind++)
		if (kind_is_leak((enum kind_id)kind))
			g->fails[kind][class] = true;
}

static const char *known_items(struct arena *arena)
{
	const char *known = "the kinds ";

	for (int kind = 0; kind < KINDS; kind++)
		known = arena_printf(arena, "%s%s, ", known,
				     kind_row((enum kind_id)kind)->name);
	known = arena_printf(arena, "%sthe classes ", known);
	for (int column = 0; column < CLASSES; column++)
		if (column != CLASS_BY_DESIGN)
			known = arena_printf(
				arena, "%s%s, ", known,
				class_row((enum class_id)column)->name);
	return arena_printf(arena,
			    "%sKIND:CLASS, peak=N, util=N, wait=D, default and "
			    "none",
			    known);
}

static int unknown_item(const char *item, struct arena *arena,
			const char **ret_error)
{
	if (!*item)
		return FAIL(arena, ret_error,
			    "--fail-on has an empty item; to let nothing "
			    "gate, say none");
	return FAIL(arena, ret_error,
		    "--fail-on does not know '%s'; it knows %s", item,
		    known_items(arena));
}

static int by_design_item(struct arena *arena, const char **ret_error)
{
	return FAIL(arena, ret_error,
		    "--fail-on cannot name by-design: it never gates");
}

static bool parse_count(const char *text, uint64_t *ret_value)
{
	char *end;

	errno = 0;
	*ret_value = strtoull(text, &end, 10);
	return isdigit((unsigned char)*text) && !*end && !errno;
}

/* That a pool is at least 0 % in use says nothing. */
static bool parse_percent(const char *text, uint64_t *ret_value)
{
	return parse_count(text, ret_value) && *ret_value && *ret_value <= 100;
}

/* A limit that nothing passes is a mistake. */
static bool parse_wait(const char *text, uint64_t *ret_value)
{
	return value_parse(VALUE_DURATION, text, ret_value) &&
	       *ret_value != VALUE_FOREVER;
}

static const struct {
	const char *name;
	bool (*parse)(const char *text, uint64_t *ret_value);
	const char *takes;
} limits[LIMITS] = {
	[LIMIT_PEAK] = { "peak=", parse_count, "a number of connections" },
	[LIMIT_UTIL] = { "util=", parse_percent,
			 "the percentage of a pool, 1 to 100" },
	[LIMIT_WAIT] = { "wait=", parse_wait, "a number with ms, s, m or h" },
};

static int add_limit(struct gate *g, const char *item, const char *value,
		     struct arena *arena, const char **ret_error)
{
	const size_t length = (size_t)(value - item);
	int id = 0;

	while (id < LIMITS && (strlen(limits[id].name) != length ||
			       strncmp(item, limits[id].name, length) != 0))
		id++;
	if (id == LIMITS)
		return unknown_item(item, arena, ret_error);
	if (!limits[id].parse(value, &g->limits[id].value))
		return FAIL(arena, ret_error, "--fail-on %s takes %s, not '%s'",
			    limits[id].name, limits[id].takes, value);
	g->limits[id].text = item;
	add_kind(g, KIND_OVER_LIMIT);
	return 0;
}

static int add_pair(struct gate *g, char *item, char *colon,
		    struct arena *arena, const char **ret_error)
{
	enum kind_id kind;
	enum class_id class;

	*colon = '\0';
	kind = kind_find(item);
	class = class_find(colon + 1);
	*colon = ':';
	if (kind == KINDS || class == CLASSES)
		return unknown_item(item, arena, ret_error);
	if (class == CLASS_BY_DESIGN)
		return by_design_item(arena, ret_error);
	g->fails[kind][class] = true;
	return 0;
}

static int add_word(struct gate *g, const char *item, struct arena *arena,
		    const char **ret_error)
{
	const enum kind_id kind = kind_find(item);
	const enum class_id class = class_find(item);

	if (kind != KINDS)
		add_kind(g, kind);
	else if (class == CLASS_BY_DESIGN)
		return by_design_item(arena, ret_error);
	else if (class != CLASSES)
		add_class(g, class);
	else if (!strcmp(item, "default"))
		add_default(g);
	else if (strcmp(item, "none") != 0)
		return unknown_item(item, arena, ret_error);
	return 0;
}

static int add_item(struct gate *g, char *item, struct arena *arena,
		    const char **ret_error)
{
	char *mark;

	if (*item == '+') {
		add_default(g);
		item++;
	}
	mark = strpbrk(item, ":=");
	if (mark && *mark == '=')
		return add_limit(g, item, mark + 1, arena, ret_error);
	if (mark)
		return add_pair(g, item, mark, arena, ret_error);
	return add_word(g, item, arena, ret_error);
}

static char *trim(char *item)
{
	char *end = item + strlen(item);

	while (isspace((unsigned char)*item))
		item++;
	while (end > item && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return item;
}

static int parse_allow(struct gate *g, char *list, struct arena *arena,
		       const char **ret_error)
{
	char *item;

	while ((item = strsep(&list, ","))) {
		bool known = false;

		item = trim(item);
		for (int i = 0; i < REASONS; i++) {
			const char *name =
				report_reason_name((enum report_reason)i);

			if (strcmp(item, name) != 0 && strcmp(item, "all") != 0)
				continue;
			g->allows[i] = true;
			known = true;
		}
		if (!known)
			return FAIL(arena, ret_error,
				    "--allow does not know '%s'; it knows "
				    "blind, lost, no-libpq and all",
				    item);
	}
	return 0;
}

int gate_parse(struct gate *g, const char *fail_on, bool strict,
	       const char *allow, struct arena *arena, const char **ret_error)
{
	char *item;
	char *list = arena_strdup(arena, fail_on ? fail_on : "default");
	int err = 0;

	*g = (struct gate){ 0 };
	while (!err && (item = strsep(&list, ",")))
		err = add_item(g, trim(item), arena, ret_error);
	if (!err && allow)
		err = parse_allow(g, arena_strdup(arena, allow), arena,
				  ret_error);
	if (strict) {
		add_class(g, CLASS_HELD);
		add_class(g, CLASS_UNDECIDED);
	}
	return err;
}

bool gate_fails(const struct gate *g, const char *kind, const char *class)
{
	const enum kind_id row = kind_find(kind);
	const enum class_id column = class_find(class);

	if (row == KINDS || (class && column == CLASSES))
		return true;
	return g->fails[row][column];
}

bool gate_allows(const struct gate *g, enum report_reason reason)
{
	return g->allows[reason];
}

const struct gate_limit *gate_limit(const struct gate *g, enum limit_id id)
{
	return g->limits[id].text ? &g->limits[id] : NULL;
}

int gate_status(const struct report *report, int findings_code)
{
	if (report->status == REPORT_FINDINGS)
		return findings_code;
	for (size_t i = 0; i < report->incomplete_count; i++)
		if (!report->incomplete[i].allowed)
			return STATUS_INCOMPLETE;
	return 0;
}
