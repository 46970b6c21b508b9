/* SPDX-License-Identifier: MIT */
/*
 * settings - the rows of settings.def, and the commands that take them
 *
 * Tables only: options.h reads arguments and the environment by them,
 * options_help() prints them.
 */
#ifndef ANALYZER_SETTINGS_H
#define ANALYZER_SETTINGS_H

#include "analyzer/options.h"

enum setting_state { SETTING_READY, SETTING_LATER };

struct setting {
	enum value_kind kind;
	const char *flag, *variable, *argument, *fallback, *commands;
	enum setting_state state;
	const char *help;
};

struct command_row {
	char letter; /* in `commands` of a setting */
	bool mixes;  /* options may follow operands */
	const char *name, *operands, *purpose, *missing;
};

extern const struct setting settings[SETTINGS];
extern const struct command_row commands[COMMANDS];

bool settings_belong_to(enum setting_id id, enum command command);
/* ... and it is built, and has a flag. */
bool settings_are_flags_of(enum setting_id id, enum command command);

/*
 * Flags of one letter are too few for a column of their own.  The first: false
 * if there is none; the second: '\0'.
 */
bool settings_by_letter(char letter, enum setting_id *ret_id);
char settings_letter(enum setting_id id);

#endif
