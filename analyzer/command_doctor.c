/* SPDX-License-Identifier: MIT */
/* connleak doctor: what would be seen of a program, without running it. */
#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/blind.h"
#include "analyzer/columns.h"
#include "analyzer/commands.h"
#include "analyzer/gate.h"
#include "analyzer/naming.h"
#include "analyzer/printable.h"
#include "analyzer/search_path.h"

#define TEXT_COLUMN 10
#define STAGES	    5 /* programs that start each other, at most */
#define WRAPPED	    "/usr/lib/postgresql/*/bin/"

struct doctor {
	struct arena *arena;
	char **arguments;	    /* of the program that is being looked at */
	const char *next;	    /* what it is known to start, or NULL */
	const char *trouble, *cure; /* the first that was found */
};

/* Programs that start another one, which their arguments name. */
static const struct starter {
	const char *name;
	bool always;	     /* with an environment of their own ... */
	const char *options; /* ... or with these */
	const char *takes;   /* options whose value is the next argument */
} starters[] = {
	{ "env", false, " -i - --ignore-environment ", " -u -C " },
	{ "sudo", true, "", " -u -g -h -p -C -D -R -T -U -r -t " },
	{ "doas", true, "", " -u -C " },
};

static void say(const struct doctor *d, const char *label, const char *text)
{
	printf("%s", label);
	columns_pad(stdout, strlen(label), TEXT_COLUMN);
	columns_wrap(stdout, printable_text(d->arena, text), TEXT_COLUMN,
		     TEXT_COLUMN);
}

static void found_trouble(struct doctor *d, const char *trouble,
			  const char *cure)
{
	if (d->trouble)
		return;
	d->trouble = trouble;
	d->cure = cure;
}

static int by_version(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

/* What pg_wrapper starts where no cluster says otherwise: the newest. */
static const char *find_wrapped(struct arena *arena, const char *name)
{
	const char *newest = NULL;
	glob_t found;

	if (!glob(arena_printf(arena, WRAPPED "%s", name), 0, NULL, &found) &&
	    found.gl_pathc) {
		qsort(found.gl_pathv, found.gl_pathc, sizeof(char *),
		      by_version);
		newest =
			arena_strdup(arena, found.gl_pathv[found.gl_pathc - 1]);
	}
	globfree(&found);
	return newest;
}

static const struct starter *find_starter(const char *path)
{
	for (size_t i = 0; i < sizeof(starters) / sizeof(*starters); i++)
		if (!strcmp(starters[i].name, naming_base(path)))
			return &starters[i];
	return NULL;
}

/* The first of its arguments that is neither an option nor a variable. */
static void read_starter(struct doctor *d, const struct starter *starter)
{
	bool bare = starter->always;

	for (; *d->arguments; d->arguments++) {
		const char *argument = *d->arguments;
		const char *word = arena_printf(d->arena, " %s ", argument);

		bare |= strstr(starter->options, word) != NULL;
		if (*argument != '-' && !strchr(argument, '='))
			break;
		if (strstr(starter->takes, word) && d->arguments[1])
			d->arguments++;
	}
	d->next = *d->arguments;
	if (!d->next)
		return;
	d->arguments++;
	if (bare)
		found_trouble(d,
			      "its environment would be replaced, and "
			      "LD_PRELOAD lost",
			      "hand LD_PRELOAD and CONNLEAK_DIR on to it, or "
			      "run connleak behind it");
}

static void say_script(struct doctor *d, const struct executable *x)
{
	const struct starter *env = find_starter(x->file);
	const char *argument = x->argument;

	if (!x->script)
		return;
	say(d, "script",
	    arena_printf(d->arena, "%s, read by %s%s%s", x->script, x->file,
			 argument ? " " : "", argument ? argument : ""));
	if (x->wrapper)
		d->next = find_wrapped(d->arena, naming_base(x->path));
	else if (env && !env->always && argument && *argument != '-')
		d->next = arena_printf(d->arena, "%.*s",
				       (int)strcspn(argument, " \t"), argument);
}

static void say_kind(struct doctor *d, const struct executable *x)
{
	const char *why = blind_why(x);

	if (!why) {
		say(d, "file",
		    "dynamic, for x86-64 and glibc: connleak's shim "
		    "rides along");
		return;
	}
	if (x->privilege)
		why = arena_printf(d->arena, "%s (%s)", why, x->privilege);
	else if (x->kind == EXECUTABLE_LOADER)
		why = arena_printf(d->arena, "%s but %s", why, x->loader);
	say(d, "file",
	    arena_printf(d->arena, "connleak's shim cannot ride along: %s",
			 why));
	found_trouble(d, why, blind_cure(x));
}

/* Since version 10 a libpq ends in the version of PostgreSQL it is from. */
static const char *version_of(struct arena *arena, const char *library)
{
	char *real = realpath(library, NULL);
	const char *number = real ? strstr(real, ".so.5.") : NULL;
	const int version = number ? atoi(number + strlen(".so.5.")) : 0;

	free(real);
	return version < 10
		       ? ""
		       : arena_printf(arena, " (of PostgreSQL %d)", version);
}

static const char *describe_linked(struct arena *arena,
				   const struct executable *x)
{
	if (!x->library)
		return "linked, but not found";
	return arena_printf(arena, "linked: %s%s%s%s", x->library,
			    version_of(arena, x->library),
			    x->through ? ", by " : "",
			    x->through ? x->through : "");
}

static void say_libpq(struct doctor *d, struct executable *x)
{
	executable_find_libpq(x, d->arena);
	switch (x->libpq) {
	case LIBPQ_LINKED:
		say(d, "libpq", describe_linked(d->arena, x));
		break;
	case LIBPQ_STATIC:
		say(d, "libpq", "linked into the file, with its names");
		found_trouble(d, "libpq is linked into it",
			      "watch it with --static-libpq");
		break;
	case LIBPQ_STRIPPED:
		say(d, "libpq", "linked into the file, without its names");
		found_trouble(d, "libpq is linked into it, without names",
			      "link libpq dynamically");
		break;
	case LIBPQ_NONE:
		say(d, "libpq",
		    blind_why(x) ? "not linked"
				 : "not linked; one that is loaded later is "
				   "seen");
	}
	if (x->missing)
		say(d, "missing", x->missing);
}

static int cannot_look(struct doctor *d, const char *name,
		       const struct executable *x, const char **ret_error)
{
	*ret_error = arena_printf(d->arena, "cannot look at %s: %s",
				  printable_text(d->arena, name),
				  x ? "it is no program that could be executed"
				  : strchr(name, '/')
					  ? "there is no such program"
					  : "there is no such program in PATH");
	return -ENOENT;
}

/* One program, and in `d->next` what it is known to start. */
static int look_once(struct doctor *d, const char *label, const char *name,
		     const char **ret_error)
{
	const char *path = search_path_find(d->arena, name);
	const struct starter *starter;
	struct executable x;

	d->next = NULL;
	if (!path)
		return cannot_look(d, name, NULL, ret_error);
	executable_look(&x, d->arena, path);
	if (x.kind <= EXECUTABLE_UNUSABLE)
		return cannot_look(d, name, &x, ret_error);
	say(d, label, path);
	say_script(d, &x);
	say_kind(d, &x);
	say_libpq(d, &x);
	if (x.runtime)
		say(d, "runtime",
		    arena_printf(d->arena,
				 "%s, which is preloaded before the "
				 "shim",
				 x.runtime));
	starter = x.script ? NULL : find_starter(path);
	if (starter)
		read_starter(d, starter);
	return 0;
}

static void conclude(const struct doctor *d)
{
	if (!d->trouble)
		say(d, "result",
		    "all would be seen, also of what it starts with its "
		    "environment");
	else
		say(d, "result",
		    arena_printf(d->arena,
				 "not all would be seen: %s; cure: %s",
				 d->trouble, d->cure));
}

/* What is started is looked at as well, but may not be there. */
static int look(struct doctor *d, const char *name, const char **ret_error)
{
	const char *ignored;
	int err = look_once(d, "program", name, ret_error);

	for (int i = 1; !err && d->next && i < STAGES; i++)
		if (look_once(d, "starts", d->next, &ignored))
			break;
	if (err)
		return STATUS_FAILED;
	conclude(d);
	return d->trouble ? STATUS_INCOMPLETE : 0;
}

int command_doctor(int argc, char **argv, struct arena *arena,
		   const char **ret_error)
{
	struct doctor d = { .arena = arena };
	struct options o;

	if (options_parse(&o, COMMAND_DOCTOR, argc, argv, arena, ret_error))
		return STATUS_FAILED;
	if (o.help) {
		options_help(COMMAND_DOCTOR, stdout);
		return 0;
	}
	d.arguments = o.operands + 1;
	return look(&d, o.operands[0], ret_error);
}
