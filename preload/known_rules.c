/* SPDX-License-Identifier: MIT */
#include "preload/known_rules.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preload/guard.h"
#include "preload/memory.h"
#include "preload/recording.h"

#define OUTCOMES 4096u
#define LARGEST	 (1u << 20) /* bytes of a file of rules */
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

/* Its texts point into the line that is kept. */
static void add(struct rule_text line, bool built_in)
{
	const char *text = keep(line.at, line.length);
	struct known_rule *new;
	struct rule_fault fault;
	struct rule rule;

	if (rule_parse(text, line.length, &rule, &fault) != RULE_READ ||
	    !make_room())
		return;
	new = &known.rules[known.count++];
	*new = (struct known_rule){
		.rule = rule,
		.text = keep(rule.line.at, rule.line.length),
		.function = keep(rule.function.at, rule.function.length),
		.built_in = built_in,
		.reserved = RECORD_NONE,
	};
}

static void add_lines(const char *at, size_t length, const char *dividers)
{
	struct rule_text text = { at, length }, line;

	while (rule_next_line(&text, dividers, &line))
		add(line, false);
}

static void read_file(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat about;
	ssize_t got;
	char *text;

	if (fd < 0)
		return;
	if (!fstat(fd, &about) && S_ISREG(about.st_mode) &&
	    (text = memory_map(LARGEST))) {
		got = read(fd, text, LARGEST);
		if (got > 0)
			add_lines(text, (size_t)got, "\n");
		memory_unmap(text, LARGEST);
	}
	close(fd);
}

/* Each of the user's has an outcome, be it that it matches nothing. */
static void reserve_outcomes(void)
{
	known.outcomes = memory_map(OUTCOMES * sizeof(*known.outcomes));
	for (size_t i = 0; i < known.count && known.outcomes; i++) {
		struct known_rule *rule = &known.rules[i];

		if (rule->built_in || known.outcome_count == OUTCOMES)
			break;
		rule->reserved = known.outcome_count++;
		known.outcomes[rule->reserved].rule = rule;
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

void known_rules_begin(const char *rules, const char *file)
{
	const char *text;
	struct guard guard;

	guard_enter(&guard);
	if (rules)
		add_lines(rules, strlen(rules), "\n;");
	if (file && *file)
		read_file(file);
	for (size_t i = 0; (text = rule_built_in(i)); i++)
		add((struct rule_text){ text, strlen(text) }, true);
	reserve_outcomes();
	recording_begin_with(tell_all);
	guard_leave(&guard);
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
