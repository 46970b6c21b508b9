/* SPDX-License-Identifier: MIT */
#include "preload/matches.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "preload/elf.h"
#include "preload/linked.h"
#include "preload/memory.h"

/* One object, and those of the rules that mean it. */
struct search {
	struct matches *matches;
	const struct object *object;
	bool is_program;
	bool by_users;		    /* one of them is a user's */
	struct known_rule *meaning; /* the first of them */
	const char *base;
};

static bool make_room(struct matches *matches)
{
	const size_t size = matches->size ? 2 * matches->size : 4096;
	struct match *list;

	if ((matches->count + 1) * sizeof(*list) <= matches->size)
		return true;
	list = memory_map(size);
	if (!list)
		return false;
	if (matches->list) {
		memcpy(list, matches->list, matches->count * sizeof(*list));
		memory_unmap(matches->list, matches->size);
	}
	matches->list = list;
	matches->size = size;
	return true;
}

void matches_free(struct matches *matches)
{
	if (matches->list)
		memory_unmap(matches->list, matches->size);
	*matches = (struct matches){ .list = NULL };
}

static bool is_known(const struct matches *matches, const struct match *new)
{
	for (size_t i = 0; i < matches->count; i++)
		if (matches->list[i].address == new->address &&
		    matches->list[i].rule == new->rule)
			return true;
	return false;
}

static void add(struct matches *matches, const struct match *new)
{
	if (!is_known(matches, new) && make_room(matches))
		matches->list[matches->count++] = *new;
}

/*
 * Most symbols are none of them, which this finds out soon: one of C begins
 * with the rule's name, and one of C++ is mangled.
 */
static bool may_be(const struct known_rule *rule, const char *symbol)
{
	const struct rule_text name = rule->rule.function;

	return (symbol[0] == '_' && symbol[1] == 'Z') ||
	       !strncmp(symbol, name.at, name.length);
}

/*
 * A copy for some constant argument has no such argument, but returns what the
 * function does; and the first one that is not constant may be the first now.
 */
static bool reads_what_is_left(const struct rule *rule)
{
	const struct rule_word handle = rule->handle.first;

	if (rule->pool.first.where != RULE_NOWHERE ||
	    rule->handle.second.where != RULE_NOWHERE)
		return false;
	if (rule->verb == RULE_ACQUIRE)
		return handle.where == RULE_RETURN;
	return rule->verb == RULE_RELEASE && handle.where == RULE_ARGUMENT &&
	       handle.argument == 1;
}

static bool is_as_good(const struct rule *rule, const char *copy)
{
	return strstr(copy, ".constprop.") && !strstr(copy, ".isra.") &&
	       !strstr(copy, ".part.") && reads_what_is_left(rule);
}

static void compare(const struct search *search, struct known_rule *rule,
		    const char *name, struct match *match)
{
	if (!may_be(rule, name))
		return;
	match->rule = rule;
	match->copy = rule_names_copy(&rule->rule, name);
	if (!match->copy && !rule_names(&rule->rule, name))
		return;
	if (match->copy && is_as_good(&rule->rule, name))
		match->copy = false;
	add(search->matches, match);
}

static void look_at_export(const char *name, void *address, size_t size,
			   void *data)
{
	const struct search *search = data;
	struct match match = {
		.address = address,
		.size = size,
		.name = name,
	};

	for (struct known_rule *r = search->meaning; r; r = r->next)
		compare(search, r, name, &match);
}

static void look_at_symbol(const struct linked_symbol *symbol, void *data)
{
	const struct search *search = data;
	struct match match = {
		.address = symbol->address,
		.size = symbol->size,
	};

	for (struct known_rule *r = search->meaning; r; r = r->next)
		if (!r->built_in)
			compare(search, r, symbol->name, &match);
}

static void read_file(struct search *search)
{
	const char *path = search->is_program ? "/proc/self/exe"
					      : search->object->info.dlpi_name;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return;
	linked_each(fd, &search->object->info, look_at_symbol, search);
	close(fd);
}

/* Those that mean it, in their order; for most objects there are none. */
static bool is_meant(struct search *search)
{
	struct known_rule **link = &search->meaning;

	for (size_t i = 0; i < known_rules_count(); i++) {
		struct known_rule *rule = known_rules_at(i);

		if (rule->why ||
		    !rule_in(&rule->rule, search->base, search->is_program))
			continue;
		search->by_users |= !rule->built_in;
		*link = rule;
		link = &rule->next;
	}
	*link = NULL;
	return search->meaning;
}

void matches_find(struct matches *matches, const struct object *object)
{
	const char *path = object->info.dlpi_name;
	struct search search = {
		.matches = matches,
		.object = object,
		.is_program = object == objects_at(0),
		.base = objects_base_name(path),
	};

	if (!is_meant(&search))
		return;
	elf_each_function(&object->info, look_at_export, &search);
	if (search.by_users)
		read_file(&search);
}
