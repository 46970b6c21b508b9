/* SPDX-License-Identifier: MIT */
#include "analyzer/proposal.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include "analyzer/arena.h"
#include "record/rules.h"

/* Both signatures, while what they have in common is looked for. */
struct pair {
	struct proposal *p;
	struct arena *arena;
	const struct signature *acquire, *release;
};

static const char *place(struct arena *arena, const char *prefix,
			 unsigned argument, const struct type *type)
{
	const bool is_int = !type->depth && type->sort == TYPE_INTEGER &&
			    type->bytes && type->bytes < 8;

	return arena_printf(arena, "%sarg%u%s", prefix, argument,
			    is_int ? ":int" : "");
}

static bool is_in_reach(const struct parameter *parameter)
{
	return parameter->argument && parameter->argument <= RULE_ARGUMENTS;
}

static bool points_to_object(const struct type *type)
{
	return type->depth == 1 && type->sort == TYPE_OBJECT;
}

/* --- the pool: what both are given --- */

/* A list of connections may be one of what it hands out: then it is none. */
static bool may_be_pool(const struct pair *pair, const struct parameter *a,
			const struct parameter *b)
{
	return is_in_reach(a) && is_in_reach(b) && points_to_object(&a->type) &&
	       type_same(&a->type, &b->type) &&
	       !type_same(&a->type, &pair->acquire->result);
}

static void find_pool(struct pair *pair)
{
	for (size_t i = 0; i < pair->acquire->count; i++)
		for (size_t j = 0; j < pair->release->count; j++) {
			const struct parameter *a =
				&pair->acquire->parameters[i];
			const struct parameter *b =
				&pair->release->parameters[j];

			if (!may_be_pool(pair, a, b))
				continue;
			pair->p->pool = &a->type;
			pair->p->acquire.pool =
				place(pair->arena, "", a->argument, &a->type);
			pair->p->release.pool =
				place(pair->arena, "", b->argument, &b->type);
			return;
		}
}

/* --- the handle: what the one gives and the other takes --- */

/* What `release` takes of this type, `deeper` pointers further away. */
static const struct parameter *taken(const struct pair *pair,
				     const struct type *type, unsigned deeper)
{
	for (size_t i = 0; i < pair->release->count; i++) {
		const struct parameter *p = &pair->release->parameters[i];
		struct type pointed = p->type;

		if (!is_in_reach(p) || pointed.depth < deeper)
			continue;
		pointed.depth -= deeper;
		if (type_same(&pointed, type))
			return p;
	}
	return NULL;
}

static void found(struct pair *pair, const char *handle,
		  const struct parameter *release, bool pointed,
		  const struct type *type)
{
	struct proposal *p = pair->p;

	p->acquire.handle = handle;
	p->release.handle =
		place(pair->arena, pointed ? "*" : "", release->argument, type);
	p->has_connection = type_has_connection(type);
}

static bool is_handle(const struct type *type)
{
	return type->depth && type->sort != TYPE_INTEGER &&
	       type->sort != TYPE_FLOAT;
}

/* conn *take(...), drop(conn *), or drop(conn **) */
static bool find_returned(struct pair *pair)
{
	const struct type *type = &pair->acquire->result;
	const struct parameter *release = taken(pair, type, 0);
	const bool pointed = !release;

	if (!is_handle(type))
		return false;
	if (pointed)
		release = taken(pair, type, 1);
	if (!release)
		return false;
	found(pair, "return", release, pointed, type);
	pair->p->why = arena_printf(pair->arena,
				    "the one returns the %s that the other "
				    "takes",
				    type->shown);
	return true;
}

static const char *ok_of_status(const struct type *result)
{
	if (result->depth || result->sort == TYPE_VOID)
		return NULL;
	return result->sort == TYPE_BOOLEAN ? "true" : "zero";
}

/* int take(..., conn **), drop(conn *) */
static bool find_stored(struct pair *pair)
{
	for (size_t i = 0; i < pair->acquire->count; i++) {
		const struct parameter *p = &pair->acquire->parameters[i];
		struct type type = p->type;
		const struct parameter *release;

		if (!is_in_reach(p) || type.depth < 2)
			continue;
		type.depth--;
		release = taken(pair, &type, 0);
		if (!release || !is_handle(&type))
			continue;
		found(pair, place(pair->arena, "*", p->argument, &type),
		      release, false, &type);
		pair->p->acquire.ok = ok_of_status(&pair->acquire->result);
		pair->p->why =
			arena_printf(pair->arena,
				     "the one stores the %s that the other "
				     "takes",
				     release->type.shown);
		if (pair->p->acquire.ok)
			pair->p->check =
				*pair->p->acquire.ok == 'z'
					? "0 is taken for success; if it is "
					  "not, write ok=nonzero"
					: NULL;
		return true;
	}
	return false;
}

/* int take(pool *), drop(pool *, int): a number, with the pool a handle. */
static bool find_number(struct pair *pair)
{
	const struct type *type = &pair->acquire->result;
	const struct parameter *release;
	const char *number;

	if (type->depth || type->sort != TYPE_INTEGER)
		return false;
	release = taken(pair, type, 0);
	if (!release)
		return false;
	number = type->bytes == 8 ? "return" : "return:int";
	found(pair, number, release, false, type);
	pair->p->acquire.ok = "nonnegative";
	if (pair->p->pool) {
		pair->p->acquire.handle = arena_printf(
			pair->arena, "%s+%s", pair->p->acquire.pool, number);
		pair->p->release.handle = arena_printf(pair->arena, "%s+%s",
						       pair->p->release.pool,
						       pair->p->release.handle);
	}
	pair->p->why = arena_printf(pair->arena,
				    "the one returns the %s that the other "
				    "takes",
				    type->shown);
	pair->p->check = "numbers are handles of a pool only if each is out "
			 "once at a time";
	return true;
}

static bool is_smart(const struct type *type)
{
	return type->name && !type->depth && type->by_reference &&
	       (!strncmp(type->name, "unique_ptr<", 11) ||
		!strncmp(type->name, "shared_ptr<", 11));
}

/* std::unique_ptr<conn> take(), drop(std::unique_ptr<conn>), or drop(conn *) */
static bool find_smart(struct pair *pair)
{
	const struct type *type = &pair->acquire->result;
	const struct parameter *release;

	if (!is_smart(type))
		return false;
	release = taken(pair, type, 0);
	if (!release)
		release = taken(pair, type, 1); /* && */
	if (!release)
		return false;
	found(pair, "*arg1", release, true, type);
	pair->p->why = arena_printf(pair->arena,
				    "the one returns the %s that the other "
				    "takes",
				    type->shown);
	return true;
}

bool proposal_find(struct proposal *p, struct arena *arena,
		   const struct signature *acquire,
		   const struct signature *release)
{
	struct pair pair = {
		.p = p, .arena = arena, .acquire = acquire, .release = release
	};

	*p = (struct proposal){ .why = NULL };
	find_pool(&pair);
	return find_returned(&pair) || find_stored(&pair) ||
	       find_smart(&pair) || find_number(&pair);
}

void proposal_assume(struct proposal *p, bool is_method)
{
	*p = (struct proposal){ .acquire.handle = "return" };
	p->release.handle = is_method ? "arg2" : "arg1";
	if (is_method)
		p->acquire.pool = p->release.pool = "arg1";
	p->why = "by their names; there is no debug info, so the places below "
		 "are what is usual";
	p->check = is_method ? "handle= and pool= of both (arg1 is `this`)"
			     : "handle= of both, and whether they have a pool "
			       "(pool=arg1 handle=arg2)";
}

/* --- how large it is --- */

/* How much a parameter's name says so; 0: nothing. */
static int says_size(const char *name)
{
	static const char *const against[] = { "min",  "time", "port", "ttl",
					       "flag", "sec",  "init", "idle" };
	static const struct {
		const char *word;
		int points;
	} words[] = {
		{ "max", 4 },	{ "capacity", 3 }, { "size", 3 },
		{ "limit", 3 }, { "conn", 2 },	   { "count", 2 },
		{ "num", 2 },	{ "slots", 2 },	   { "handles", 2 },
	};
	int points = 0;

	if (!name)
		return 0;
	for (size_t i = 0; i < sizeof(against) / sizeof(*against); i++)
		if (strcasestr(name, against[i]))
			return 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcasestr(name, words[i].word) && words[i].points > points)
			points = words[i].points;
	return points ? points : !strcmp(name, "n");
}

static const struct parameter *find_size(const struct signature *maker)
{
	const struct parameter *best = NULL;

	for (size_t i = 0; i < maker->count; i++) {
		const struct parameter *p = &maker->parameters[i];

		if (p->type.depth || p->type.sort != TYPE_INTEGER ||
		    !is_in_reach(p) || !says_size(p->name))
			continue;
		if (!best || says_size(p->name) > says_size(best->name))
			best = p;
	}
	return best;
}

/* Where it has, or gives, a pointer to such a pool; NULL if nowhere. */
static const char *find_made(struct capacity *c, struct arena *arena,
			     const struct type *pool,
			     const struct signature *maker)
{
	for (size_t i = 0; i < maker->count; i++) {
		const struct parameter *p = &maker->parameters[i];
		struct type pointed = p->type;

		if (!is_in_reach(p))
			continue;
		if (type_same(&p->type, pool))
			return place(arena, "", p->argument, &p->type);
		if (pointed.depth != 2)
			continue;
		pointed.depth = 1;
		if (!type_same(&pointed, pool))
			continue;
		c->ok = ok_of_status(&maker->result);
		return place(arena, "*", p->argument, &p->type);
	}
	return type_same(&maker->result, pool) ? "return" : NULL;
}

bool proposal_capacity(struct capacity *c, struct arena *arena,
		       const struct proposal *p, const struct signature *maker)
{
	const struct parameter *size = find_size(maker);

	*c = (struct capacity){ .value = NULL };
	if (!size)
		return false;
	c->value = arena_printf(arena, "arg%u", size->argument);
	if (!p->pool)
		return true;
	c->pool = find_made(c, arena, p->pool, maker);
	return c->pool;
}
