/* SPDX-License-Identifier: MIT */
#include "preload/preloads.h"

#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define VARIABLE "LD_PRELOAD="
#define RUNTIME	 PRELOADS_RUNTIME "="
#define DIVIDERS " :"
#define MOST	 8192  /* variables of an environment that is copied */
#define LONGEST	 65536 /* bytes of an LD_PRELOAD that is */

struct name {
	const char *at; /* NULL: there is none */
	size_t length;
};

static struct name next_name(const char *text)
{
	struct name name;

	text += strspn(text, DIVIDERS);
	name.length = strcspn(text, DIVIDERS);
	name.at = name.length ? text : NULL;
	return name;
}

static bool is_called(struct name name, const char *base)
{
	const size_t length = strlen(base);

	if (name.length < length ||
	    memcmp(name.at + name.length - length, base, length))
		return false;
	return name.length == length ||
	       name.at[name.length - length - 1] == '/';
}

static struct name find_shim(const char *value)
{
	struct name name = next_name(value);

	while (name.at && !is_called(name, PRELOADS_SHIM))
		name = next_name(name.at + name.length);
	return name;
}

/* In whatever folder: `wanted` is a library's name, or its path. */
static bool has_name(const char *value, const char *wanted)
{
	const char *slash = strrchr(wanted, '/');
	struct name name = next_name(value);

	while (name.at && !is_called(name, slash ? slash + 1 : wanted))
		name = next_name(name.at + name.length);
	return name.at != NULL;
}

static const char *value_of(const char *variable, const char *name_and_equals)
{
	const size_t length = strlen(name_and_equals);

	return strncmp(variable, name_and_equals, length) ? NULL
							  : variable + length;
}

/* The loader takes the last one, should there be several. */
static int find_variable(char *const *environment, const char *name_and_equals)
{
	int found = -1;

	for (int i = 0; environment && environment[i]; i++)
		if (value_of(environment[i], name_and_equals))
			found = i;
	return found;
}

static const char *preload_value(char *const *environment)
{
	const int i = find_variable(environment, VARIABLE);

	return i < 0 ? "" : environment[i] + sizeof(VARIABLE) - 1;
}

bool preloads_names_shim(char *const *environment)
{
	return find_shim(preload_value(environment)).at != NULL;
}

/* What the loader looks for in its folders, or expands, is left to it. */
bool preloads_reaches_shim(char *const *environment)
{
	const struct name name = find_shim(preload_value(environment));
	char *path;

	if (!name.at || name.length >= PATH_MAX)
		return false;
	if (!memchr(name.at, '/', name.length) ||
	    memchr(name.at, '$', name.length))
		return true;
	path = alloca(name.length + 1);
	memcpy(path, name.at, name.length);
	path[name.length] = 0;
	/* A sandbox may refuse the question itself: that is no answer. */
	return !faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) ||
	       (errno != ENOENT && errno != EACCES && errno != ENOTDIR);
}

static bool changes(const char *value, const struct preloads_change *change)
{
	return find_shim(value).at &&
	       (change->drop ||
		(change->runtime[0] && !has_name(value, change->runtime)));
}

size_t preloads_room(char *const *environment, struct preloads_change *change)
{
	change->variable = find_variable(environment, VARIABLE);
	change->value = preload_value(environment);
	change->count = 0;
	if (!changes(change->value, change))
		return 0;
	while (environment[change->count])
		change->count++;
	if (change->count > MOST || strlen(change->value) > LONGEST)
		return 0;
	return ((size_t)change->count + 2) * sizeof(char *) +
	       strlen(change->value) + 2 * strlen(change->runtime) +
	       sizeof(VARIABLE ":") + sizeof(RUNTIME);
}

/* Without the shim's name and the dividers on one side of it. */
static void cut_shim(char *names)
{
	const struct name shim = find_shim(names);
	char *from = names + (shim.at - names), *to = from + shim.length;

	while (from > names && strchr(DIVIDERS, from[-1]))
		from--;
	if (from == names)
		to += strspn(to, DIVIDERS);
	memmove(from, to, strlen(to) + 1);
}

/* Returns the first byte behind it; the value may be empty then. */
static char *write_preload(char *out, const struct preloads_change *change)
{
	char *names = stpcpy(out, VARIABLE);

	strcpy(names, change->runtime);
	if (change->runtime[0])
		strcat(names, ":");
	strcat(names, change->value);
	while (change->drop && find_shim(names).at)
		cut_shim(names);
	return names + strlen(names) + 1;
}

char **preloads_copy(void *room, char *const *environment,
		     const struct preloads_change *change)
{
	char **copy = room, **out = copy;
	char *text = (char *)(copy + change->count + 2);
	char *end = write_preload(text, change);

	for (int i = 0; i < change->count; i++)
		if (i != change->variable)
			*out++ = environment[i];
		else if (text[sizeof(VARIABLE) - 1])
			*out++ = text;
	if (change->runtime[0]) {
		*out++ = end;
		strcpy(stpcpy(end, RUNTIME), change->runtime);
	}
	*out = NULL;
	return copy;
}

/* Takes it out of the array, not out of anybody's memory. */
static void remove_variable(char **environment, int i)
{
	for (; environment[i]; i++)
		environment[i] = environment[i + 1];
}

/*
 * By hand: a shell's own unsetenv() must not be called before its main().
 * Whoever has set a variable since the process began has made an array of
 * their own, with the same strings.
 */
void preloads_forget_runtime(char **environment)
{
	const int i = find_variable(environment, RUNTIME);
	const char *runtime, *value = preload_value(environment);
	size_t length;

	if (i < 0)
		return;
	runtime = environment[i] + sizeof(RUNTIME) - 1;
	length = strlen(runtime);
	if (length && !strncmp(value, runtime, length) && value[length] == ':')
		memmove((char *)value, value + length + 1,
			strlen(value + length));
	remove_variable(environment, i);
	if (environ != environment && find_variable(environ, RUNTIME) >= 0)
		remove_variable(environ, find_variable(environ, RUNTIME));
}
