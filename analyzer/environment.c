/* SPDX-License-Identifier: MIT */
#include "analyzer/environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/naming.h"

#define SHIM	 "libconnleak.so"
#define VARIABLE "LD_PRELOAD"
#define RUNTIME	 "CONNLEAK_RUNTIME"
#define DIVIDERS " :"

static bool can_be_preloaded(const char *path)
{
	return !strpbrk(path, DIVIDERS "$");
}

/* Which of the folders for such things has a name that the loader takes. */
static const char *place_for_link(void)
{
	const char *const places[] = { getenv("TMPDIR"), "/tmp", "/var/tmp" };

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (places[i] && places[i][0] == '/' &&
		    can_be_preloaded(places[i]) && !access(places[i], W_OK))
			return places[i];
	return "/tmp";
}

/* Others may pass through: the program may give up its rights. */
static int make_link(struct environment *e, struct arena *arena,
		     const char *shim)
{
	char *folder =
		arena_printf(arena, "%s/connleak-XXXXXX", place_for_link());
	int err;

	if (!mkdtemp(folder))
		return -errno;
	e->link = folder;
	e->shim = arena_printf(arena, "%s/" SHIM, folder);
	if (!chmod(folder, 0711) && !symlink(shim, e->shim))
		return 0;
	err = -errno;
	environment_release(e);
	return err;
}

void environment_release(struct environment *e)
{
	if (!e->link)
		return;
	unlink(e->shim);
	rmdir(e->link);
	e->link = NULL;
}

/* Whether LD_PRELOAD has it already, in whatever folder. */
static bool is_preloaded(const char *runtime)
{
	const char *name = getenv(VARIABLE);
	const char *wanted = naming_base(runtime);
	size_t length;

	for (; name && *name; name += length + (name[length] != 0)) {
		const char *base = name;

		length = strcspn(name, DIVIDERS);
		for (size_t i = 0; i < length; i++)
			if (name[i] == '/')
				base = name + i + 1;
		if (strlen(wanted) == (size_t)(name + length - base) &&
		    !strncmp(base, wanted, strlen(wanted)))
			return true;
	}
	return false;
}

int environment_prepare(struct environment *e, struct arena *arena,
			const char *shim, const struct executable *program,
			const char **ret_error)
{
	int err = 0;

	e->shim = e->runtime = e->link = NULL;
	if (program->kind == EXECUTABLE_MACHINE ||
	    program->kind == EXECUTABLE_LOADER)
		return 0;
	if (program->runtime && can_be_preloaded(program->runtime) &&
	    !is_preloaded(program->runtime))
		e->runtime = program->runtime;
	e->shim = shim;
	if (!can_be_preloaded(shim))
		err = make_link(e, arena, shim);
	if (err)
		*ret_error = arena_printf(
			arena,
			"%s has a blank, colon or $ in it, and a link to it "
			"could not be made: %s",
			shim, strerror(-err));
	return err;
}

static bool set_preload(const struct environment *e)
{
	const char *others = getenv(VARIABLE);
	const char *runtime = e->runtime ? e->runtime : "";
	char *value;

	if (!others)
		others = "";
	if (asprintf(&value, "%s%s%s%s%s", runtime, *runtime ? ":" : "", others,
		     *others ? ":" : "", e->shim) < 0)
		return false;
	return !setenv(VARIABLE, value, 1) &&
	       (!*runtime || !setenv(RUNTIME, runtime, 1));
}

bool environment_set(const struct environment *e)
{
	return (!e->shim || set_preload(e)) &&
	       !setenv("CONNLEAK_DIR", e->folder, 1) &&
	       !setenv("CONNLEAK_RECORD_LIMIT", e->limit, 1) &&
	       (!e->signal || !setenv("CONNLEAK_SIGNAL", e->signal, 1)) &&
	       !setenv("CONNLEAK_SCAN_TIME", e->scan_time, 1) &&
	       !setenv("CONNLEAK_NO_SCAN", e->no_scan ? "1" : "0", 1) &&
	       (!e->rules || (!setenv("CONNLEAK_HOOK", e->rules, 1) &&
			      !unsetenv("CONNLEAK_HOOKS"))) &&
	       (!e->static_libpq || !setenv("CONNLEAK_STATIC_LIBPQ", "1", 1));
}
