/* SPDX-License-Identifier: MIT */
/* settings.def gives names and rows; all else here goes by the row. */
#include "analyzer/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "analyzer/printable.h"
#include "analyzer/settings.h"
#include "analyzer/spelling.h"
#include "analyzer/values.h"

#define NEAR_ENOUGH 2 /* letters by which a mistyped flag may differ */
#define LETTER_SHIM 'S'

struct parser {
	struct options *o;
	enum command command;
	int argc, next; /* argument to be read */
	char **argv;
	struct arena *arena;
	const char *error;
};

/* Sets the error and is the value to return. */
#define FAIL(p, ...) \
	((p)->error = arena_printf((p)->arena, __VA_ARGS__), -EINVAL)

/* `name` is the flag or the variable, as the user knows it. */
static int set_value(struct parser *p, enum setting_id id, const char *name,
		     const char *text)
{
	struct option_value *value = &p->o->values[id];
	const enum value_kind kind = settings[id].kind;

	if (!value_parse(kind, text, &value->number))
		return FAIL(p, "%s takes %s, not '%s'", name, value_takes(kind),
			    printable_text(p->arena, text));
	if (kind == VALUE_RULES && value->given)
		text = arena_printf(p->arena, "%s\n%s", value->text, text);
	value->text = text;
	value->given = true;
	return 0;
}

/* The nearest flag that the command takes, or NULL. */
static const char *nearest(enum command command, const char *flag)
{
	size_t best = NEAR_ENOUGH + 1;
	const char *near = NULL;

	for (int i = 0; i < SETTINGS; i++) {
		const enum setting_id id = (enum setting_id)i;
		const size_t apart = spelling_distance(flag, settings[i].flag);

		if (settings_are_flags_of(id, command) && apart < best) {
			best = apart;
			near = settings[i].flag;
		}
	}
	return near;
}

static int unknown_flag(struct parser *p, const char *dashes, const char *flag)
{
	const char *near =
		*flag && dashes[1] ? nearest(p->command, flag) : NULL;
	const char *shown = printable_text(p->arena, flag);

	if (near)
		return FAIL(p,
			    "unknown option '%s%s', did you mean --%s? "
			    "`connleak help %s` lists them",
			    dashes, shown, near, commands[p->command].name);
	return FAIL(p, "unknown option '%s%s'; `connleak help %s` lists them",
		    dashes, shown, commands[p->command].name);
}

static int refuse_foreign(struct parser *p, enum setting_id id,
			  const char *name)
{
	int owner = 0;

	if (settings[id].state == SETTING_LATER)
		return FAIL(p, "%s is not built yet in this version", name);
	if (settings_belong_to(id, p->command))
		return 0;
	while (owner < COMMANDS && !settings_belong_to(id, (enum command)owner))
		owner++;
	if (owner == COMMANDS)
		return FAIL(p, "%s is no option of connleak", name);
	return FAIL(p, "%s belongs to `connleak %s`", name,
		    commands[owner].name);
}

/*
 * The value in the next argument.  Another option there means that this one's
 * value was forgotten; else its file would be called --quiet.
 */
static const char *next_value(struct parser *p)
{
	if (p->next >= p->argc || !strncmp(p->argv[p->next], "--", 2))
		return NULL;
	return p->argv[p->next++];
}

/* Everybody may read our arguments, and those of what we start. */
static const char *take_secret(struct parser *p, const char *value)
{
	const char *kept = arena_strdup(p->arena, value);

	memset((char *)(uintptr_t)value, '*', strlen(value));
	return kept;
}

/* `value` is what stood in the same argument, or NULL. */
static int read_option(struct parser *p, enum setting_id id, const char *name,
		       const char *value)
{
	int err = refuse_foreign(p, id, name);

	if (err)
		return err;
	if (!value)
		value = settings[id].kind == VALUE_SWITCH ? "1" : next_value(p);
	if (!value || (!*value && settings[id].kind != VALUE_SWITCH))
		return FAIL(p, "%s needs a value: %s %s", name, name,
			    settings[id].argument);
	if (settings[id].kind == VALUE_CONNINFO)
		value = take_secret(p, value);
	return set_value(p, id, name, value);
}

static int read_long(struct parser *p, const char *flag)
{
	const char *value = strchr(flag, '=');
	const size_t length = value ? (size_t)(value - flag) : strlen(flag);

	for (int i = 0; i < SETTINGS; i++) {
		const char *known = settings[i].flag;

		if (*known && strlen(known) == length &&
		    !strncmp(known, flag, length))
			return read_option(
				p, (enum setting_id)i,
				arena_printf(p->arena, "--%s", known),
				value ? value + 1 : NULL);
	}
	return unknown_flag(p, "--",
			    arena_printf(p->arena, "%.*s", (int)length, flag));
}

static int read_letter(struct parser *p, const char *flag)
{
	enum setting_id id;

	if (!settings_by_letter(*flag, &id))
		return unknown_flag(p, "-", flag);
	return read_option(p, id, arena_printf(p->arena, "-%c", *flag),
			   flag[1] ? flag + 1 : NULL);
}

static int read_option_at(struct parser *p, const char *argument)
{
	if (!strcmp(argument, "-h") || !strcmp(argument, "--help")) {
		p->o->help = true;
		return 0;
	}
	if (!strncmp(argument, "--", 2))
		return read_long(p, argument + 2);
	return read_letter(p, argument + 1);
}

static void take_rest(struct parser *p)
{
	while (p->next < p->argc)
		p->o->operands[p->o->operand_count++] = p->argv[p->next++];
}

static int read_arguments(struct parser *p)
{
	int err = 0;

	while (!err && !p->o->help && p->next < p->argc) {
		char *argument = p->argv[p->next++];

		if (!strcmp(argument, "--")) {
			take_rest(p);
		} else if (*argument == '-' && argument[1]) {
			err = read_option_at(p, argument);
		} else {
			p->o->operands[p->o->operand_count++] = argument;
			if (!commands[p->command].mixes)
				take_rest(p);
		}
	}
	return err;
}

/* The launcher hands on what the shim reads, so `run` checks that too. */
static bool is_read_by(enum setting_id id, enum command command)
{
	return settings_belong_to(id, command) ||
	       (command == COMMAND_RUN &&
		strchr(settings[id].commands, LETTER_SHIM));
}

static int read_variable(struct parser *p, enum setting_id id)
{
	const struct setting *setting = &settings[id];
	const char *text =
		*setting->variable ? getenv(setting->variable) : NULL;

	if (p->o->values[id].given || !text || !*text ||
	    !is_read_by(id, p->command))
		return 0;
	if (setting->state == SETTING_READY)
		return set_value(p, id, setting->variable, text);
	if (!strcmp(text, setting->fallback))
		return 0;
	return FAIL(p, "%s is not built yet in this version; unset it",
		    setting->variable);
}

static int read_fallback(struct parser *p, enum setting_id id)
{
	const struct setting *setting = &settings[id];
	int err;

	if (p->o->values[id].text || !*setting->fallback)
		return 0;
	err = set_value(p, id, setting->variable, setting->fallback);
	p->o->values[id].given = false;
	return err;
}

static int read_rest(struct parser *p)
{
	int err = 0;

	for (int i = 0; !err && i < SETTINGS; i++) {
		err = read_variable(p, (enum setting_id)i);
		if (!err)
			err = read_fallback(p, (enum setting_id)i);
	}
	if (!err && !p->o->operand_count)
		return FAIL(p, "name %s: connleak %s [OPTION]... %s",
			    commands[p->command].missing,
			    commands[p->command].name,
			    commands[p->command].operands);
	return err;
}

int options_parse(struct options *o, enum command command, int argc,
		  char **argv, struct arena *arena, const char **ret_error)
{
	struct parser p = { .o = o,
			    .command = command,
			    .argc = argc,
			    .next = 1,
			    .argv = argv,
			    .arena = arena };
	int err;

	*o = (struct options){ .help = false };
	o->operands = arena_array(arena, (size_t)argc + 1, sizeof(char *));
	err = read_arguments(&p);
	if (!err && !o->help)
		err = read_rest(&p);
	if (err)
		*ret_error = p.error;
	return err;
}

const char *option_text(const struct options *o, enum setting_id id)
{
	return o->values[id].text;
}

bool option_switch(const struct options *o, enum setting_id id)
{
	return o->values[id].number;
}

int option_number(const struct options *o, enum setting_id id)
{
	return (int)o->values[id].number;
}

uint64_t option_size(const struct options *o, enum setting_id id)
{
	return o->values[id].number;
}

uint64_t option_duration_ms(const struct options *o, enum setting_id id)
{
	return o->values[id].number;
}
