/* SPDX-License-Identifier: MIT */
/*
 * What came of the rules: one that a user has written and that matched nothing
 * is a typing error until somebody says so, and what could not be hooked is not
 * in this report.  The record has an element for each object that has a rule's
 * function, and one without object for a user's that has none.
 */
#include "analyzer/judge.h"
#include "analyzer/naming.h"
#include "analyzer/printable.h"

#include <string.h>

#define RULES_MAX 4096u /* of one record */
#define TOLD_MAX  256u	/* different ones, over all */

/* A user's rule, or why some of the built-in ones do not hold. */
struct told {
	const char *text; /* NULL: of built-in ones */
	const char *why;  /* NULL: it matched nothing, ... */
	const char *module;
	const char *exe; /* ... neither in this program */
	bool matched, several;
	unsigned rules; /* built-in ones, of one process */
};

struct outcomes {
	struct arena *arena;
	struct told *list;
	size_t count;
};

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static struct told *find(struct outcomes *o, const struct told *like)
{
	for (size_t i = 0; i < o->count; i++)
		if (is_same(o->list[i].text, like->text) &&
		    is_same(o->list[i].why, like->why) &&
		    is_same(o->list[i].module, like->module))
			return &o->list[i];
	return NULL;
}

static struct told *find_or_add(struct outcomes *o, const struct told *like)
{
	struct told *told = find(o, like);

	if (told || o->count == TOLD_MAX)
		return told;
	o->list = arena_grow(o->arena, o->list, o->count, sizeof(*o->list));
	o->list[o->count] = *like;
	return &o->list[o->count++];
}

/*
 * Whether it matched in any process is asked without its module.  One that does
 * not hold at all was looked for nowhere.
 */
static void add_user(struct outcomes *o, const struct told *rule)
{
	const struct told any = { .text = rule->text, .exe = rule->exe };
	const bool holds = !rule->why || rule->module;
	struct told *told = holds ? find_or_add(o, &any) : NULL;

	if (told) {
		told->matched |= rule->module != NULL;
		told->several |= !is_same(told->exe, rule->exe);
	}
	if (rule->why)
		find_or_add(o, rule);
}

/* For one reason alike: an old processor's is that of all. */
static void add_built_in(struct outcomes *o, const struct told *rule)
{
	const struct told alike = { .why = rule->why };
	struct told *told = rule->why ? find_or_add(o, &alike) : NULL;

	if (told)
		told->rules++;
}

static void add_record(struct outcomes *o, const struct reader *reader)
{
	const char *exe = reader_string(reader, reader_header(reader)->exe);
	struct record_rule rule;

	for (uint32_t i = 0; i < RULES_MAX; i++) {
		struct told told = { .exe = exe };

		if (!reader_rule(reader, i, &rule))
			continue;
		told.text = reader_string(reader, rule.text);
		told.why = reader_string(reader, rule.why);
		told.module = reader_string(reader, rule.module);
		if (rule.flags & RULE_BUILT_IN)
			add_built_in(o, &told);
		else if (told.text)
			add_user(o, &told);
	}
}

static const char *unmatched(struct arena *arena, const struct told *rule)
{
	const char *program =
		rule->exe ? printable_word(arena, rule->exe) : "PROGRAM";

	return arena_printf(
		arena,
		"rule `%s` matched nothing: no function of that name was found "
		"in %s; `connleak scan %s` lists candidates",
		rule->text,
		rule->several ? "any process"
			      : arena_printf(arena, "%s, nor in what it loaded",
					     rule->exe ? naming_base(rule->exe)
						       : "the program"),
		program);
}

/* NULL if nothing is wrong with it. */
static const char *say(struct arena *arena, const struct told *rule)
{
	if (!rule->text)
		return arena_printf(arena, "%u built-in pool rule%s: %s",
				    rule->rules, rule->rules == 1 ? "" : "s",
				    rule->why);
	if (!rule->why)
		return rule->matched ? NULL : unmatched(arena, rule);
	return arena_printf(arena, "rule `%s`%s%s: %s", rule->text,
			    rule->module ? " in " : "",
			    naming_base(rule->module), rule->why);
}

void judge_rules(struct report *r, const struct evidence *e)
{
	struct outcomes o = { .arena = &r->arena };

	for (size_t i = 0; i < e->record_count; i++)
		add_record(&o, e->records[i].reader);
	for (size_t i = 0; i < o.count; i++) {
		const char *why = say(&r->arena, &o.list[i]);

		if (why)
			judge_add_note(r, 0, NULL, why)->always =
				o.list[i].text != NULL;
	}
}
