/* SPDX-License-Identifier: MIT */
#include "analyzer/found_pools.h"

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
		if (makes->at[i].gone ||
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

/* Overloads have one name. */
static const char *add_name(const struct rule_lines *l, const char *names,
			    const char *name)
{
	const char *between = *names ? ", " : "";

	if (strstr(arena_printf(l->arena, "%s, ", names),
		   arena_printf(l->arena, "%s, ", name)))
		return names;
	return arena_printf(l->arena, "%s%s%s", names, between, name);
}

/* Those of a list that no rule can see, or not everywhere. */
static const char *add_unseen(const struct rule_lines *l, const char *names,
			      const struct candidate_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->at[i].gone || list->at[i].inlined)
			names = add_name(l, names, list->at[i].readable);
	return names;
}

static const char *unseen(const struct rule_lines *l,
			  const struct candidate_pool *pool)
{
	return add_unseen(l, add_unseen(l, "", &pool->acquires),
			  &pool->releases);
}

/* A pool, and what is to be written of it. */
struct found {
	const struct candidate_pool *pool;
	struct rules acquires, releases;
	struct proposal first;	    /* of the first acquire */
	struct signature signature; /* the same one's; all 0 without one */
};

static void say_pool(const struct rule_lines *l, const struct found *f)
{
	const char *where = unseen(l, f->pool);

	rule_lines_divide(l);
	rule_lines_comment(l, "%s: %s and %s: %s.", place_of(l, &f->signature),
			   f->acquires.at[0].function->readable,
			   f->releases.at[0].function->readable, f->first.why);
	if (!f->first.has_connection)
		rule_lines_comment(l, "No PGconn was seen in that: is this a "
				      "pool of connections?");
	if (f->first.check)
		rule_lines_comment(l, "Look at: %s.", f->first.check);
	if (*where)
		rule_lines_comment(l,
				   "In some callers the compiler has put the "
				   "code itself, which no rule can see: %s.  "
				   "Build it with -fno-inline.",
				   where);
}

static void write_found(struct rule_lines *l, const struct found *f)
{
	say_pool(l, f);
	rule_lines_write(l, &f->acquires);
	rule_lines_write(l, &f->releases);
	write_capacities(l, &f->first, &f->pool->makes);
	l->pools++;
}

/* With whichever of the other list fits. */
static bool fits_one(struct rule_lines *l, const struct candidate *function,
		     const struct candidate_list *others, bool is_acquire,
		     struct proposal *p)
{
	struct signature mine, other;

	if (function->gone || !scanned_signature(l->file, function, &mine))
		return false;
	for (size_t i = 0; i < others->count; i++) {
		if (others->at[i].gone ||
		    !scanned_signature(l->file, &others->at[i], &other))
			continue;
		if (is_acquire ? proposal_find(p, l->arena, &mine, &other)
			       : proposal_find(p, l->arena, &other, &mine))
			return true;
	}
	return false;
}

static bool has_gone(const struct candidate_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->at[i].gone)
			return true;
	return false;
}

static void say_gone(struct rule_lines *l, const struct candidate_pool *pool)
{
	l->gone++;
	rule_lines_divide(l);
	rule_lines_comment(l,
			   "%s: the names say it is a pool, but the compiler "
			   "has put functions into their callers, or made "
			   "copies for these, which no rule can reach: %s.  "
			   "Build them with -fno-inline (gcc: and -fno-ipa-cp "
			   "-fno-ipa-sra), or tell connleak from the source, "
			   "by connleak.h.",
			   l->file->path, unseen(l, pool));
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
	struct found f = { .pool = pool,
			   .acquires.verb = "acquire",
			   .releases.verb = "release" };
	struct proposal p;

	for (size_t i = 0; i < pool->acquires.count; i++) {
		const struct candidate *acquire = &pool->acquires.at[i];

		if (!fits_one(l, acquire, &pool->releases, true, &p))
			continue;
		if (!f.acquires.count) {
			f.first = p;
			scanned_signature(l->file, acquire, &f.signature);
		}
		add_acquire(l, &f.acquires, acquire, &p);
	}
	for (size_t i = 0; i < pool->releases.count; i++)
		if (fits_one(l, &pool->releases.at[i], &pool->acquires, false,
			     &p))
			add_release(l, &f.releases, &pool->releases.at[i], &p);
	if (f.acquires.count)
		write_found(l, &f);
	else if (has_gone(&pool->acquires) || has_gone(&pool->releases))
		say_gone(l, pool);
	else
		leave_out(l, pool);
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
	struct found f = { .pool = pool,
			   .acquires.verb = "acquire",
			   .releases.verb = "release" };

	proposal_assume(&f.first, is_method(l, pool->acquires.at[0].readable));
	f.first.has_connection = l->file->uses_postgres;
	for (size_t i = 0; i < pool->acquires.count; i++)
		if (!pool->acquires.at[i].gone)
			add_acquire(l, &f.acquires, &pool->acquires.at[i],
				    &f.first);
	for (size_t i = 0; i < pool->releases.count; i++)
		if (!pool->releases.at[i].gone)
			add_release(l, &f.releases, &pool->releases.at[i],
				    &f.first);
	write_found(l, &f);
}

static bool all_gone(const struct candidate_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (!list->at[i].gone)
			return false;
	return true;
}

static bool is_known(struct rule_lines *l, const struct candidate_list *list)
{
	struct signature signature;

	for (size_t i = 0; i < list->count; i++)
		if (!list->at[i].gone &&
		    scanned_signature(l->file, &list->at[i], &signature))
			return true;
	return false;
}

void found_pools_write(struct rule_lines *l, const struct candidate_pool *pool)
{
	if (all_gone(&pool->acquires) || all_gone(&pool->releases))
		say_gone(l, pool);
	else if (is_known(l, &pool->acquires) && is_known(l, &pool->releases))
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
	rule_lines_divide(l);
	rule_lines_comment(l,
			   "%s: left out, since what the one returns or stores "
			   "is nothing that the other takes: %s.",
			   l->file->path, l->left_out);
}
