/* SPDX-License-Identifier: MIT */
#include "analyzer/thresholds.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	double fallback;
} rows[THRESHOLDS] = {
#define THRESHOLD(id, name, kind, fallback, reason) \
	[THRESHOLD_##id] = { name, fallback },
#include "analyzer/verdict.def"
};

void thresholds_default(struct thresholds *t)
{
	for (int i = 0; i < THRESHOLDS; i++)
		t->of[i] = rows[i].fallback;
	t->held_s = 0;
}

static const char *known_names(struct arena *arena)
{
	const char *names = rows[0].name;

	for (int i = 1; i < THRESHOLDS; i++)
		names = arena_printf(arena, "%s, %s", names, rows[i].name);
	return names;
}

static int find(const char *name)
{
	for (int i = 0; i < THRESHOLDS; i++)
		if (!strcmp(name, rows[i].name))
			return i;
	return THRESHOLDS;
}

static int parse_item(struct thresholds *t, char *item, struct arena *arena,
		      const char **ret_error)
{
	char *value = strchr(item, '='), *end = NULL;
	double number = -1;
	int id;

	if (value) {
		*value++ = '\0';
		number = strtod(value, &end);
	}
	id = find(item);
	if (id == THRESHOLDS) {
		*ret_error = arena_printf(
			arena,
			"CONNLEAK_VERDICT does not know '%s'; it knows %s",
			item, known_names(arena));
		return -EINVAL;
	}
	if (!value || end == value || *end || !isfinite(number) || number < 0) {
		*ret_error = arena_printf(
			arena,
			"CONNLEAK_VERDICT: %s takes a number, as in %s=%g",
			item, item, rows[id].fallback);
		return -EINVAL;
	}
	t->of[id] = number;
	return 0;
}

int thresholds_parse(struct thresholds *t, const char *list,
		     struct arena *arena, const char **ret_error)
{
	char *rest = arena_strdup(arena, list), *item;
	int err = 0;

	thresholds_default(t);
	while (!err && (item = strsep(&rest, ",")))
		if (*item)
			err = parse_item(t, item, arena, ret_error);
	return err;
}
