/* SPDX-License-Identifier: MIT */
#include "preload/config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/format.h"
#include "record/signals.h"

enum setting_id {
#define SETTING(id, kind, flag, variable, ...) SETTING_##id,
#include "record/settings.def"
	SETTINGS
};

static const char *const variables[] = {
#define SETTING(id, kind, flag, variable, ...) variable,
#include "record/settings.def"
};

static const char *const fallbacks[] = {
#define SETTING(id, kind, flag, variable, argument, fallback, ...) fallback,
#include "record/settings.def"
};

static const char *look_up(char *const *environment, const char *name)
{
	size_t length = strlen(name);

	for (; environment && *environment; environment++)
		if (!strncmp(*environment, name, length) &&
		    (*environment)[length] == '=')
			return *environment + length + 1;
	return NULL;
}

static const char *setting(char *const *environment, enum setting_id id)
{
	const char *value = look_up(environment, variables[id]);

	return value && *value ? value : fallbacks[id];
}

/* Bytes, or with K, M, G.  The launcher has refused what is not a size. */
static uint64_t parse_size(const char *text)
{
	uint64_t size = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		size = size * 10 + (uint64_t)(*text - '0');
	if (*text == 'K' || *text == 'k')
		size <<= 10;
	else if (*text == 'M' || *text == 'm')
		size <<= 20;
	else if (*text == 'G' || *text == 'g')
		size <<= 30;
	return size;
}

/* What may not ask does not; without a launcher nobody has refused it. */
static int parse_signal(const char *text)
{
	const int number = signals_parse(text);

	return number && !signals_refusal(number) ? number : 0;
}

/* With ms, s, m or h, or the word forever: the same holds. */
static uint64_t parse_duration(const char *text)
{
	uint64_t ms = 0;

	if (!strcmp(text, "forever"))
		return CONFIG_FOREVER;
	for (; *text >= '0' && *text <= '9'; text++)
		ms = ms * 10 + (uint64_t)(*text - '0');
	if (*text == 's')
		ms *= 1000;
	else if (*text == 'h')
		ms *= 60 * 60 * 1000;
	else if (*text == 'm' && text[1] != 's')
		ms *= 60 * 1000;
	return ms;
}

/* Joins two parts of a path; false and "" if they do not fit. */
static bool join(char *out, size_t size, const char *head, const char *tail)
{
	if (strlen(head) + strlen(tail) >= size) {
		out[0] = 0;
		return false;
	}
	strcpy(out, head);
	strcat(out, tail);
	return true;
}

/*
 * Without a launcher: the user's state folder.  Root writes where nobody else
 * could have put something in the way.
 */
static void default_folder(char *out, size_t size, char *const *environment)
{
	const char *state = look_up(environment, "XDG_STATE_HOME");
	const char *home = look_up(environment, "HOME");

	out[0] = 0;
	if (!geteuid())
		join(out, size, "/var/tmp", "/connleak-root");
	else if (state && state[0] == '/')
		join(out, size, state, "/connleak/preload");
	else if (home && home[0] == '/')
		join(out, size, home, "/.local/state/connleak/preload");
}

/* The program may go elsewhere later; the name is meant here. */
static void below_current(char *out, size_t size, const char *folder)
{
	if (!getcwd(out, size) || strlen(out) + strlen(folder) + 2 > size) {
		out[0] = 0;
		return;
	}
	strcat(out, "/");
	strcat(out, folder);
}

void config_read(struct config *out, char *const *environment)
{
	const char *folder = setting(environment, SETTING_OUTPUT);

	memset(out, 0, sizeof(*out));
	out->record_limit =
		parse_size(setting(environment, SETTING_RECORD_LIMIT));
	if (out->record_limit > RECORD_MAX_SIZE)
		out->record_limit = RECORD_MAX_SIZE;
	out->static_libpq =
		!strcmp(setting(environment, SETTING_STATIC_LIBPQ), "1");
	out->signal = parse_signal(setting(environment, SETTING_SIGNAL));
	out->report_at_exit =
		!strcmp(setting(environment, SETTING_REPORT), "exit");
	out->report_unknown =
		*setting(environment, SETTING_REPORT) && !out->report_at_exit;
	out->scan = strcmp(setting(environment, SETTING_NO_SCAN), "1") != 0;
	out->scan_ms = parse_duration(setting(environment, SETTING_SCAN_TIME));
	out->hook = setting(environment, SETTING_HOOK);
	out->hooks = setting(environment, SETTING_HOOKS);
	out->is_default = !folder[0];
	if (out->is_default)
		default_folder(out->folder, sizeof(out->folder), environment);
	else if (folder[0] == '/')
		join(out->folder, sizeof(out->folder), folder, "");
	else
		below_current(out->folder, sizeof(out->folder), folder);
}

bool config_names_folder(char *const *environment)
{
	return setting(environment, SETTING_OUTPUT)[0] != 0;
}

int config_make_folder(const struct config *config)
{
	char path[sizeof(config->folder)];
	struct stat about;

	strcpy(path, config->folder);
	for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		mkdir(path, 0700);
		*slash = '/';
	}
	mkdir(path, 0700);
	if (lstat(path, &about))
		return -errno;
	if (!S_ISDIR(about.st_mode) || about.st_uid != geteuid())
		return -EPERM;
	return 0;
}
