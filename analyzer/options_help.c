/* SPDX-License-Identifier: MIT */
#include "analyzer/options.h"

#include "analyzer/columns.h"
#include "analyzer/settings.h"

#define HELP_COLUMN 28

/* "  -o, --output DIR"; returns the columns it took. */
static size_t help_flag(enum setting_id id, FILE *out)
{
	const struct setting *setting = &settings[id];
	const char letter = settings_letter(id);
	const char shown[] = { letter ? '-' : ' ', letter ? letter : ' ',
			       letter ? ',' : ' ', '\0' };

	return (size_t)fprintf(out, "  %s --%s%s%s", shown, setting->flag,
			       *setting->argument ? " " : "",
			       setting->argument);
}

static void help_option(enum setting_id id, FILE *out, struct arena *arena)
{
	const struct setting *setting = &settings[id];
	const bool shows = *setting->fallback && setting->kind != VALUE_SWITCH;
	size_t at = help_flag(id, out);

	if (at >= HELP_COLUMN) {
		fputc('\n', out);
		at = 0;
	}
	columns_pad(out, at, HELP_COLUMN);
	columns_wrap(out,
		     arena_printf(arena, "%s [%s%s%s%s]", setting->help,
				  shows ? "default: " : "",
				  shows ? setting->fallback : "",
				  shows ? "; " : "", setting->variable),
		     HELP_COLUMN, HELP_COLUMN);
}

void options_help(enum command command, FILE *out)
{
	struct arena arena;
	bool any = false;

	arena_init(&arena);
	fprintf(out, "Usage: connleak %s [OPTION]... %s\n",
		commands[command].name, commands[command].operands);
	columns_wrap(out, commands[command].purpose, 0, 0);
	fputc('\n', out);
	for (int i = 0; i < SETTINGS; i++) {
		const enum setting_id id = (enum setting_id)i;

		if (settings_are_flags_of(id, command)) {
			help_option(id, out, &arena);
			any = true;
		}
	}
	fprintf(out, "  -h, --help%*sshow this\n", HELP_COLUMN - 12, "");
	if (any) {
		fputc('\n', out);
		columns_wrap(out,
			     "In brackets: the default, if there is one, and "
			     "the variable that is read where the option is "
			     "not given.",
			     0, 0);
	}
	arena_release(&arena);
}
