/* SPDX-License-Identifier: MIT */
#include "preload/known_rules.h"

#include <string.h>

#include "preload/memory.h"
#include "preload/recording.h"
#include "preload/user_rules.h"

#define OUTCOMES 4096u
#define CHUNK	 65536u

/*
 * `rules` are set once.  The outcomes are guarded by LOCK_RECORDING.
 *   1. The first `told` of them are in the record, if this process has one.
 */
static struct {
	struct known_rule *rules;
	size_t count, room;
	struct outcome *outcomes;
	uint32_t outcome_count, told;
	bool is_full; /* and that was counted */
} known;

/* Texts that are kept. */
static struct {
	char *at;
	size_t left;
} texts;

static const char *keep(const char *text, size_t length)
{
	char *kept;

	if (texts.left <= length) {
		const size_t size = length < CHUNK ? CHUNK : length + 1;
		char *chunk = memory_map(size);

		if (!chunk)
			return "";
		texts.at = chunk;
		texts.left = size;
	}
	kept = texts.at;
	memcpy(kept, text, length);
	kept[length] = 0;
	texts.at += length + 1;
	texts.left -= length + 1;
	return kept;
}

static bool make_room(void)
{
	const size_t room = known.room ? 2 * known.room : 64;
	struct known_rule *new;

	if (known.count < known.room)
		return true;
	new = memory_map(room * sizeof(*new));
	if (!new)
		return false;
	if (known.rules) {
		memcpy(new, known.rules, known.count * sizeof(*new));
		memory_unmap(known.rules, known.room * sizeof(*new));
	}
	known.rules = new;
	known.room = room;
	return true;
}

static const char *keep_part(struct rule_text text)
{
	return keep(text.at ? text.at : "", text.length);
}

static void add_known(const struct rule *rule, const char *why, bool built_in)
{
	known.rules[known.count++] = (struct known_rule){
		.rule = *rule,
		.text = keep_part(rule->line),
		.function = keep_part(rule->function),
		.why = why,
		.built_in = built_in,
		.reserved = RECORD_NONE,
	};
}

static void add_user_rules(void)
{
	size_t count;
	const struct user_rule *list = user_rules(&count);

	for (size_t i = 0; i < count && make_room(); i++)
		add_known(&list[i].rule, list[i].why, false);
}

static void add_built_in(void)
{
	struct rule_fault fault;
	struct rule rule;
	const char *text;

	for (size_t i = 0; (text = rule_built_in(i)); i++)
		if (rule_parse(text, strlen(text), &rule, &fault) ==
			    RULE_READ &&
		    make_room())
			add_known(&rule, NULL, true);
}

/* Each of the user's has an outcome, be it that it matches nothing. */
static void reserve_outcomes(void)
{
	/* The pages are taken when something is in them. */
	known.outcomes = memory_map(OUTCOMES * sizeof(*known.outcomes));
	for (size_t i = 0; i < known.count && known.outcomes; i++) {
		struct known_rule *rule = &known.rules[i];

		if (rule->built_in || known.outcome_count == OUTCOMES)
			break;
		rule->reserved = known.outcome_count++;
		known.outcomes[rule->reserved].rule = rule;
		known.outcomes[rule->reserved].why = rule->why;
	}
}

static bool tell_one(struct writer *record, const struct outcome *outcome)
{
	const uint32_t number = writer_reserve(record, RECORD_RULES, 1);
	struct record_rule *rule;

	if (number == RECORD_NONE)
		return false;
	rule = writer_at(record, RECORD_RULES, number);
	rule->text = writer_string(record, outcome->rule->text);
	rule->function = writer_string(record, outcome->rule->function);
	if (outcome->module)
		rule->module = writer_string(record, outcome->module);
	if (outcome->why)
		rule->why = writer_string(record, outcome->why);
	rule->verb = (uint16_t)outcome->rule->rule.verb;
	rule->flags = (outcome->rule->built_in ? RULE_BUILT_IN : 0) |
		      (outcome->why ? RULE_REFUSED : 0);
	rule->patched = outcome->patched;
	rule->slots = outcome->slots;
	writer_publish(record, RECORD_RULES, number, 1);
	return true;
}

/* Those that could not be kept, and all behind them, have no number there. */
static void tell_rest(struct writer *record)
{
	while (known.told < known.outcome_count && !known.is_full &&
	       !known.outcomes[known.told].expected) {
		if (tell_one(record, &known.outcomes[known.told])) {
			known.told++;
		} else {
			known.is_full = true;
			recording_lost(record, LOSS_POOL);
		}
	}
}

static void tell_all(struct writer *record)
{
	known.told = 0;
	known.is_full = false;
	tell_rest(record);
}

void known_rules_begin(void)
{
	add_user_rules();
	add_built_in();
	reserve_outcomes();
	recording_begin_with(tell_all);
}

size_t known_rules_count(void)
{
	return known.outcomes ? known.count : 0;
}

struct known_rule *known_rules_at(size_t i)
{
	return &known.rules[i];
}

static struct outcome *new_outcome(struct known_rule *rule)
{
	/* It is not in the record yet as one that matched nothing. */
	if (rule->reserved != RECORD_NONE && !rule->matched &&
	    rule->reserved >= known.told)
		return &known.outcomes[rule->reserved];
	if (known.outcome_count == OUTCOMES)
		return NULL;
	return &known.outcomes[known.outcome_count++];
}

uint32_t known_rules_expect(struct known_rule *rule)
{
	struct outcome *outcome;

	recording_lock_made();
	outcome = new_outcome(rule);
	if (outcome) {
		outcome->rule = rule;
		outcome->expected = true;
		rule->matched = true;
	}
	recording_unlock();
	return outcome ? (uint32_t)(outcome - known.outcomes) : RECORD_NONE;
}

static const char *keep_text(const char *text)
{
	return text ? keep(text, strlen(text)) : NULL;
}

void known_rules_came_of(uint32_t number, const struct outcome *what)
{
	struct writer *record;
	struct outcome *outcome;

	if (number == RECORD_NONE)
		return;
	record = recording_lock_made();
	outcome = &known.outcomes[number];
	outcome->module = keep_text(what->module);
	outcome->why = keep_text(what->why);
	outcome->patched = what->patched;
	outcome->expected = false;
	if (record)
		tell_rest(record);
	recording_unlock();
}

void known_rules_add_slots(uint32_t number, uint32_t slots)
{
	struct writer *record;
	struct record_rule *rule;

	if (number == RECORD_NONE)
		return;
	record = recording_lock_made();
	known.outcomes[number].slots += slots;
	if (record && number < known.told) {
		rule = writer_at(record, RECORD_RULES, number);
		rule->slots = known.outcomes[number].slots;
	}
	recording_unlock();
}
