/* SPDX-License-Identifier: MIT */
#include "analyzer/settings.h"

#include <string.h>

const struct setting settings[SETTINGS] = {
#define SETTING(id, kind, flag, variable, argument, fallback, commands, state, \
		help)                                                          \
	[SETTING_##id] = { VALUE_##kind, flag,	   variable,	    argument,  \
			   fallback,	 commands, SETTING_##state, help },
#include "record/settings.def"
};

const struct command_row commands[COMMANDS] = {
	[COMMAND_RUN] = { 'R', false, "run", "[--] PROGRAM [ARG]...",
			  "Run PROGRAM, watch its process tree, and judge it.",
			  "a program to run" },
	[COMMAND_REPORT] = { 'P', true, "report", "PATH...",
			     "Judge records again: a run's folder, a record, "
			     "or a core file.",
			     "a run's folder, a record or a core" },
	[COMMAND_SCAN] = { 'N', true, "scan", "PROGRAM|LIBRARY...",
			   "Write the functions of a program and its "
			   "libraries that look like those of a connection "
			   "pool, as rules to read, to correct, and to give "
			   "to `connleak run --hooks`.",
			   "a program or a library" },
	[COMMAND_DOCTOR] = { 'D', false, "doctor", "[--] PROGRAM [ARG]...",
			     "Say what would be seen of PROGRAM, and how, "
			     "without running it.  The status is 0 when all "
			     "would be seen, else 24.",
			     "a program to look at" },
};

static const struct {
	char letter;
	enum setting_id id;
} letters[] = { { 'o', SETTING_OUTPUT } };

#define LETTERS (sizeof(letters) / sizeof(letters[0]))

bool settings_belong_to(enum setting_id id, enum command command)
{
	return strchr(settings[id].commands, commands[command].letter);
}

bool settings_are_flags_of(enum setting_id id, enum command command)
{
	return settings[id].state == SETTING_READY && *settings[id].flag &&
	       settings_belong_to(id, command);
}

bool settings_by_letter(char letter, enum setting_id *ret_id)
{
	for (size_t i = 0; i < LETTERS; i++)
		if (letters[i].letter == letter) {
			*ret_id = letters[i].id;
			return true;
		}
	return false;
}

char settings_letter(enum setting_id id)
{
	for (size_t i = 0; i < LETTERS; i++)
		if (letters[i].id == id)
			return letters[i].letter;
	return '\0';
}
