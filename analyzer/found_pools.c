/* SPDX-License-Identifier: MIT */
#include "analyzer/found_pools.h"

#include <stdio.h>
#include <string.h>
#include "analyzer/columns.h"
#include "analyzer/naming.h"
#include "analyzer/proposal.h"

#define PATH_WIDTH 60

static const char *setting(struct arena *arena, const char *name,
			   const char *value)
{
	return value ? arena_printf(arena, " %s=%s", name, value) : "";
}

static void add_acquire(struct rule_lines *l, struct rules *rules,
			const struct candidate *function,
			const struct proposal *p)
{
	rule_lines_add(
		l, rules, function,
		arena_printf(l->arena, "%s%s%s",
			     setting(l->arena, "handle", p->acquire.handle),
			     setting(l->arena, "pool", p->acquire.pool),
			     setting(l->arena, "ok", p->acquire.ok)));
}

static void add_release(struct rule_lines *l, struct rules *rules,
			const struct candidate *function,
			const struct proposal *p)
{
	rule_lines_add(
		l, rules, function,
		arena_printf(l->arena, "%s%s",
			     setting(l->arena, "handle", p->release.handle),
			     setting(l->arena, "pool", p->release.pool)));
}

static void write_capacities(struct rule_lines *l, const struct proposal *p,
			     const struct candidate_list *makes)
{
	struct rules rules = { .verb = "capacity" };
	struct signature signature;
	struct capacity c;

	for (size_t i = 0; i < makes->count; i++) {
		if (makes->at[i].copy ||
		    !scanned_signature(l->file, &makes->at[i], &signature) ||
		    !proposal_capacity(&c, l->arena, p, &signature))
			continue;
		rule_lines_add(l, &rules, &makes->at[i],
			       arena_printf(l->arena, "%s%s%s",
					    setting(l->arena, "value", c.value),
					    setting(l->arena, "pool", c.pool),
					    setting(l->arena, "ok", c.ok)));
	}
	rule_lines_write(l, &rules);
}

/* "pool.c:41", or the file itself; relative if below the current folder. */
static const char *place_of(const struct rule_lines *l,
			    const struct signature *signature)
{
	const size_t length = strlen(l->folder);
	const char *path = signature->source.file;

	if (!path)
		return l->file->path;
	if (length > 1 && !strncmp(path, l->folder, length) &&
	    path[length] == '/')
		path += length + 1;
	return columns_cut_path(
		l->arena,
		arena_printf(l->arena, "%s:%d", path, signature->source.line),
		PATH_WIDTH);
}

static void say_pool(const struct rule_lines *l, const struct proposal *p,
		     const struct rules *acquires, const struct rules *releases,
		     const struct signature *signature)
{
	putchar('\n');
	rule_lines_comment(l, "%s: %s and %s: %s.", place_of(l, signature),
			   acquires->at[0].function->readable,
			   releases->at[0].function->readable, p->why);
	if (!p->has_connection)
		rule_lines_comment(l, "No PGconn was seen in that: is this a "
				      "pool of connections?");
	if (p->check)
		rule_lines_comment(l, "Look at: %s.", p->check);
}

/* With whichever of the other list fits. */
static bool fits_one(struct rule_lines *l, const struct candidate *function,
		     const struct candidate_list *others, bool is_acquire,
		     struct proposal *p)
{
	struct signature mine, other;

	if (function->copy || !scanned_signature(l->file, function, &mine))
		return false;
	for (size_t i = 0; i < others->count; i++) {
		if (others->at[i].copy ||
		    !scanned_signature(l->file, &others->at[i], &other))
			continue;
		if (is_acquire ? proposal_find(p, l->arena, &mine, &other)
			       : proposal_find(p, l->arena, &other, &mine))
			return true;
	}
	return false;
}

static void leave_out(struct rule_lines *l, const struct candidate_pool *pool)
{
	l->left_out = arena_printf(l->arena, "%s%s%s and %s", l->left_out,
				   *l->left_out ? "; " : "",
				   pool->acquires.at[0].readable,
				   pool->releases.at[0].readable);
}

static void write_known(struct rule_lines *l, const struct candidate_pool *pool)
{
	struct rules acquires = { .verb = "acquire" };
	struct rules releases = { .verb = "release" };
	struct signature signature;
	struct proposal p, first = { .why = NULL };

	for (size_t i = 0; i < pool->acquires.count; i++) {
		if (!fits_one(l, &pool->acquires.at[i], &pool->releases, true,
			      &p))
			continue;
		if (!acquires.count)
			first = p;
		add_acquire(l, &acquires, &pool->acquires.at[i], &p);
	}
	if (!acquires.count) {
		leave_out(l, pool);
		return;
	}
	for (size_t i = 0; i < pool->releases.count; i++)
		if (fits_one(l, &pool->releases.at[i], &pool->acquires, false,
			     &p))
			add_release(l, &releases, &pool->releases.at[i], &p);
	scanned_signature(l->file, acquires.at[0].function, &signature);
	say_pool(l, &first, &acquires, &releases, &signature);
	rule_lines_write(l, &acquires);
	rule_lines_write(l, &releases);
	write_capacities(l, &first, &pool->makes);
	l->pools++;
}

/* A class has a constructor or a destructor; a namespace has none. */
static bool is_method(const struct rule_lines *l, const char *readable)
{
	const char *own = readable, *at = readable, *scope = NULL;
	size_t length;

	while ((at = strstr(at, "::"))) {
		scope = own;
		own = at += 2;
	}
	if (!scope)
		return false;
	length = (size_t)(own - readable);
	for (size_t i = 0; i < l->file->count; i++) {
		const char *name = l->file->functions[i].readable;

		if (strncmp(name, readable, length) != 0)
			continue;
		name += length + (name[length] == '~');
		if (!strncmp(name, scope, strlen(name)) &&
		    scope + strlen(name) + 2 == own)
			return true;
	}
	return false;
}

static void write_assumed(struct rule_lines *l,
			  const struct candidate_pool *pool)
{
	const struct signature nowhere = { .count = 0 };
	struct rules acquires = { .verb = "acquire" };
	struct rules releases = { .verb = "release" };
	struct proposal p;

	proposal_assume(&p, is_method(l, pool->acquires.at[0].readable));
	p.has_connection = l->file->uses_postgres;
	for (size_t i = 0; i < pool->acquires.count; i++)
		add_acquire(l, &acquires, &pool->acquires.at[i], &p);
	for (size_t i = 0; i < pool->releases.count; i++)
		add_release(l, &releases, &pool->releases.at[i], &p);
	say_pool(l, &p, &acquires, &releases, &nowhere);
	rule_lines_write(l, &acquires);
	rule_lines_write(l, &releases);
	l->pools++;
}

/* The function itself is in its callers, or changed for them. */
static bool say_copies(struct rule_lines *l, const struct candidate_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (!list->at[i].copy)
			return false;
	putchar('\n');
	rule_lines_comment(l,
			   "%s: %s is there only as a copy that the compiler "
			   "has made for its callers, which no rule can reach: "
			   "build it without optimisation, or tell connleak "
			   "from the source, by connleak.h.",
			   l->file->path, list->at[0].readable);
	return true;
}

void found_pools_write(struct rule_lines *l, const struct candidate_pool *pool)
{
	struct signature signature;

	if (say_copies(l, &pool->acquires) || say_copies(l, &pool->releases))
		return;
	if (scanned_signature(l->file, &pool->acquires.at[0], &signature))
		write_known(l, pool);
	else
		write_assumed(l, pool);
}

/* libpool.so.1.2 is libpool.so* also when it is a 1.3. */
static const char *library_of(struct arena *arena, const char *path)
{
	const char *base = naming_base(path), *end = strstr(base, ".so");

	return end ? arena_printf(arena, "@%.*s.so*", (int)(end - base), base)
		   : arena_printf(arena, "@%s", base);
}

void found_pools_begin(struct rule_lines *l, struct scanned *file,
		       bool is_first)
{
	l->file = file;
	l->suffix = is_first ? "" : library_of(l->arena, file->path);
	l->written = NULL;
	l->written_count = 0;
	l->left_out = "";
}

void found_pools_end(struct rule_lines *l)
{
	if (!*l->left_out)
		return;
	putchar('\n');
	rule_lines_comment(l,
			   "%s: left out, since what the one returns or stores "
			   "is nothing that the other takes: %s.",
			   l->file->path, l->left_out);
}
