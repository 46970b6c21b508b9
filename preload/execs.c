/* SPDX-License-Identifier: MIT */
/*
 * The functions by which a program becomes another one, or starts one.
 *
 * Each is hooked for itself: those of the C library call each other inside,
 * where nobody can stand in between.  Each calls the real function of its own
 * name, unless the environment must change and that function takes none; those
 * with a list of arguments call the one with an array, as they do in libc.
 *
 * A child of vfork() comes by here with its parent's memory and a signal
 * handler with little stack: departure.h.
 */
#include <alloca.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <unistd.h>

#include "preload/asking.h"
#include "preload/departure.h"
#include "preload/guard.h"
#include "preload/lifecycle.h"
#include "preload/scope.h"

#define EXPORT __attribute__((visibility("default")))

/* One call that came by. */
struct call {
	enum system_function function;
	struct program program;
	char *const *arguments, *const *environment;
	int flags;
	/* Of posix_spawn and posix_spawnp: */
	pid_t *pid;
	const posix_spawn_file_actions_t *actions;
	const posix_spawnattr_t *attributes;
};

/* With the environment of the call, or another. */
static int really(const struct call *c, char *const *environment)
{
	const char *file = c->program.file;
	char *const *arguments = c->arguments;
	const bool is_same = environment == c->environment;

	switch (c->function) {
	case SYSTEM_execv:
		if (is_same)
			return REAL_SYSTEM(execv)(file, arguments);
		return REAL_SYSTEM(execve)(file, arguments, environment);
	case SYSTEM_execvp:
		if (is_same)
			return REAL_SYSTEM(execvp)(file, arguments);
		return REAL_SYSTEM(execvpe)(file, arguments, environment);
	case SYSTEM_execvpe:
		return REAL_SYSTEM(execvpe)(file, arguments, environment);
	case SYSTEM_fexecve:
		return REAL_SYSTEM(fexecve)(c->program.folder, arguments,
					    environment);
	case SYSTEM_execveat:
		return REAL_SYSTEM(execveat)(c->program.folder, file, arguments,
					     environment, c->flags);
	case SYSTEM_posix_spawn:
		return REAL_SYSTEM(posix_spawn)(c->pid, file, c->actions,
						c->attributes, arguments,
						environment);
	case SYSTEM_posix_spawnp:
		return REAL_SYSTEM(posix_spawnp)(c->pid, file, c->actions,
						 c->attributes, arguments,
						 environment);
	default:
		return REAL_SYSTEM(execve)(file, arguments, environment);
	}
}

static int with_changes(const struct call *c, const struct departure *d)
{
	char **changed;

	if (!d->room)
		return really(c, c->environment);
	changed = preloads_copy(alloca(d->room), c->environment, &d->change);
	return really(c, changed);
}

/* An empty name means the descriptor to fexecve() and, if asked, execveat(). */
static bool is_empty(const struct call *c)
{
	return c->function == SYSTEM_execveat && !c->program.file[0] &&
	       !(c->flags & AT_EMPTY_PATH);
}

/* Returns only when it has failed. */
static int execute(const struct call *c)
{
	struct departure departure;
	struct guard guard;

	if (!lifecycle_has_begun() || !c->program.file || is_empty(c))
		return really(c, c->environment);
	guard_enter(&guard);
	departure_plan(&departure, &c->program, c->environment);
	departure_log(&departure, &c->program, 0);
	asking_leave();
	guard_leave(&guard);
	with_changes(c, &departure);
	asking_return();
	return -1;
}

/* A child that was started has a pid, by which the log names it. */
static int spawn(struct call *c)
{
	struct departure departure;
	struct guard guard;
	pid_t child;
	int err;

	if (!lifecycle_ready() || !c->program.file)
		return really(c, c->environment);
	if (!c->pid)
		c->pid = &child;
	guard_enter(&guard);
	departure_plan(&departure, &c->program, c->environment);
	asking_leave();
	guard_leave(&guard);
	err = with_changes(c, &departure);
	guard_enter(&guard);
	asking_return();
	if (!err)
		departure_log(&departure, &c->program, *c->pid);
	guard_leave(&guard);
	return err;
}

static struct program by_path(const char *path)
{
	return (struct program){ .file = path, .folder = AT_FDCWD };
}

static struct program by_name(const char *name, bool or_shell)
{
	return (struct program){
		.file = name,
		.folder = AT_FDCWD,
		.search = true,
		.or_shell = or_shell,
	};
}

static struct program below(int folder, const char *path)
{
	return (struct program){ .file = path, .folder = folder };
}

#define CALL(real, what, argv, envp)                          \
	(struct call)                                         \
	{                                                     \
		.function = SYSTEM_##real, .program = (what), \
		.arguments = (argv), .environment = (envp)    \
	}

EXPORT int execv(const char *path, char *const argv[])
{
	const struct call call = CALL(execv, by_path(path), argv, environ);

	return execute(&call);
}

EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
	const struct call call = CALL(execve, by_path(path), argv, envp);

	return execute(&call);
}

EXPORT int execvp(const char *file, char *const argv[])
{
	const struct call call =
		CALL(execvp, by_name(file, true), argv, environ);

	return execute(&call);
}

EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
	const struct call call = CALL(execvpe, by_name(file, true), argv, envp);

	return execute(&call);
}

EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
	const struct call call = CALL(fexecve, below(fd, ""), argv, envp);

	return execute(&call);
}

EXPORT int execveat(int folder, const char *path, char *const argv[],
		    char *const envp[], int flags)
{
	struct call call = CALL(execveat, below(folder, path), argv, envp);

	call.flags = flags;
	return execute(&call);
}

/* How many arguments there are; nobody looks whether `first` is NULL. */
static size_t count_arguments(va_list *list)
{
	size_t count = 1;

	while (va_arg(*list, const char *))
		count++;
	return count;
}

/* With the NULL behind the last. */
static void take_arguments(char **out, const char *first, size_t count,
			   va_list *list)
{
	out[0] = (char *)first;
	for (size_t i = 1; i <= count; i++)
		out[i] = va_arg(*list, char *);
}

/* The arguments go to the stack of this function; behind them is `envp`. */
#define LIST(name, real, what, envp)                                  \
	EXPORT int name(const char *file, const char *first, ...)     \
	{                                                             \
		struct call call;                                     \
		char **arguments;                                     \
		size_t count;                                         \
		va_list list;                                         \
                                                                      \
		va_start(list, first);                                \
		count = count_arguments(&list);                       \
		va_end(list);                                         \
		arguments = alloca((count + 1) * sizeof(*arguments)); \
		va_start(list, first);                                \
		take_arguments(arguments, first, count, &list);       \
		call = CALL(real, what, arguments, envp);             \
		va_end(list);                                         \
		return execute(&call);                                \
	}

LIST(execl, execv, by_path(file), environ)
LIST(execlp, execvp, by_name(file, true), environ)
LIST(execle, execve, by_path(file), va_arg(list, char **))

EXPORT int posix_spawn(pid_t *pid, const char *path,
		       const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attributes, char *const argv[],
		       char *const envp[])
{
	struct call call = CALL(posix_spawn, by_path(path), argv, envp);

	call.pid = pid;
	call.actions = actions;
	call.attributes = attributes;
	return spawn(&call);
}

/* What the kernel takes for no program stays none here. */
EXPORT int posix_spawnp(pid_t *pid, const char *file,
			const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attributes, char *const argv[],
			char *const envp[])
{
	struct call call = CALL(posix_spawnp, by_name(file, false), argv, envp);

	call.pid = pid;
	call.actions = actions;
	call.attributes = attributes;
	return spawn(&call);
}
