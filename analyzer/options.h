/* SPDX-License-Identifier: MIT */
/*
 * options - the settings of a command, from its arguments and the environment
 *
 * settings.def has the rows.  A flag counts before its CONNLEAK_* variable,
 * the variable before the fallback; an empty variable is none.  Variables are
 * checked as flags are, and only those that the command reads.
 *
 *	struct options o;
 *	const char *error;
 *
 *	err = options_parse(&o, COMMAND_RUN, argc - 1, argv + 1, &arena,
 *			    &error);
 *	if (err)
 *		complain(error);
 *	else if (o.help)
 *		options_help(COMMAND_RUN, stdout);
 *	else
 *		run(o.operands, option_duration_ms(&o, SETTING_WAIT));
 */
#ifndef ANALYZER_OPTIONS_H
#define ANALYZER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "analyzer/arena.h"
#include "analyzer/values.h"

enum command {
	COMMAND_RUN,
	COMMAND_REPORT,
	COMMAND_SCAN,
	COMMAND_DOCTOR,
	COMMANDS
};

enum setting_id {
#define SETTING(id, kind, flag, variable, argument, fallback, commands, state, \
		help)                                                          \
	SETTING_##id,
#include "record/settings.def"
	SETTINGS
};

struct option_value {
	const char *text; /* NULL if there is none, not even a fallback */
	bool given;	  /* by a flag or a variable */
	uint64_t number;
};

struct options {
	bool help; /* asked for; nothing else was looked at then */
	struct option_value values[SETTINGS];
	char **operands; /* ended by NULL; at least one, unless `help` */
	int operand_count;
};

/*
 * argv[0] is the command's own name and not looked at.  `run` and `doctor` take
 * what follows their first operand as operands too: they are the program's; for
 * `report` and `scan` options and operands may be mixed.  `--` ends the
 * options.
 *
 * Returns 0, or -EINVAL with one line in *ret_error that says what to do.
 * Texts point into argv, the environment or the arena; what may have a password
 * in it is blotted out in argv.
 */
int options_parse(struct options *o, enum command command, int argc,
		  char **argv, struct arena *arena, const char **ret_error)
	__attribute__((warn_unused_result));

void options_help(enum command command, FILE *out);

/* Each is for settings of its kind. */
const char *option_text(const struct options *o, enum setting_id id);
bool option_switch(const struct options *o, enum setting_id id);
int option_number(const struct options *o, enum setting_id id);
uint64_t option_size(const struct options *o, enum setting_id id);
/* Milliseconds, few enough to be counted in nanoseconds; or VALUE_FOREVER. */
uint64_t option_duration_ms(const struct options *o, enum setting_id id);

#endif
