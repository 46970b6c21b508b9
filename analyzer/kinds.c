/* SPDX-License-Identifier: MIT */
#include "analyzer/kinds.h"

#include <string.h>

static const struct kind kinds[KINDS] = {
#define KIND(id, name, whole, gates, one, many) \
	{ name, WHOLE_##whole, GATES_##gates, one, many },
#include "analyzer/kinds.def"
};

static const struct class classes[CLASSES] = {
#define CLASS(id, name, gates, words, leases) { name, gates, words, leases },
#include "analyzer/kinds.def"
};

const struct kind *kind_row(enum kind_id id)
{
	return &kinds[id];
}

const struct class *class_row(enum class_id id)
{
	return &classes[id];
}

enum kind_id kind_find(const char *name)
{
	int id;

	for (id = 0; id < KINDS; id++)
		if (name && !strcmp(kinds[id].name, name))
			break;
	return (enum kind_id)id;
}

enum class_id class_find(const char *name)
{
	int id;

	for (id = 0; id < CLASSES; id++)
		if (name && !strcmp(classes[id].name, name))
			break;
	return (enum class_id)id;
}

bool kind_is_leak(enum kind_id id)
{
	return kinds[id].gates >= GATES_BY_CLASS;
}
