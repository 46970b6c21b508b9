/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/commands.h"

/* A new format is a row here, a file, and a row of settings.def. */
static const struct format {
	enum setting_id setting;
	report_writer *write;
} formats[] = {
	{ SETTING_TEXT, report_text },
	{ SETTING_JSON, report_json },
};

bool output_wants_colour(FILE *out)
{
	const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(fileno(out)) && !(no && *no) &&
	       !(terminal && !strcmp(terminal, "dumb"));
}

static int write_to(const struct report *report, report_writer *writer,
		    const char *path)
{
	FILE *out;
	int err;

	if (!strcmp(path, "-"))
		return writer(report, stdout, output_wants_colour(stdout));
	out = fopen(path, "we");
	if (!out)
		return -errno;
	err = writer(report, out, false);
	if (fclose(out) && !err)
		err = -errno;
	return err;
}

int output_check(const struct options *options, struct arena *arena,
		 const char **ret_error)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const struct option_value *value =
			&options->values[formats[i].setting];
		FILE *file;

		if (!value->given || !strcmp(value->text, "-"))
			continue;
		file = fopen(value->text, "ae");
		if (!file) {
			*ret_error = arena_printf(arena, "cannot write %s: %s",
						  value->text, strerror(errno));
			return -EINVAL;
		}
		fclose(file);
	}
	return 0;
}

int output_reports(const struct report *report, const struct options *options,
		   FILE *fallback, const char **ret_error)
{
	struct arena *arena = (struct arena *)&report->arena;
	int failed = 0;

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const enum setting_id id = formats[i].setting;
		const char *path = option_text(options, id);
		int err = 0;

		if (path && options->values[id].given)
			err = write_to(report, formats[i].write, path);
		else if (id == SETTING_TEXT &&
			 !option_switch(options, SETTING_QUIET))
			err = report_text(report, fallback,
					  output_wants_colour(fallback));
		if (!err)
			continue;
		failed = err;
		*ret_error = arena_printf(arena, "cannot write %s: %s",
					  path ? path : "the report",
					  strerror(-err));
	}
	return failed;
}
