/* SPDX-License-Identifier: MIT */
#include "analyzer/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analyzer/relay.h"

#define SHIM "libconnleak.so"

/* NULL if it is not there. */
static const char *real_path(struct arena *arena, const char *path)
{
	char *real = realpath(path, NULL);
	const char *kept = real ? arena_strdup(arena, real) : NULL;

	free(real);
	return kept;
}

const char *start_find_shim(struct arena *arena)
{
	static const char *const places[] = { "", "../lib/", "../lib/connleak/",
					      "../lib/x86_64-linux-gnu/" };
	char self[4096], *slash;
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length <= 0)
		return NULL;
	self[length] = 0;
	slash = strrchr(self, '/');
	slash[1] = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *path =
			arena_printf(arena, "%s%s" SHIM, self, places[i]);

		if (!access(path, R_OK))
			return real_path(arena, path);
	}
	return NULL;
}

/* In the child: never returns.  An errno in the pipe says why not. */
static _Noreturn void become_program(char **program,
				     const struct environment *e, int report)
{
	int err = ENOMEM;

	unsetenv("CONNLEAK_ASK_SERVER"); /* the user's, not the program's */
	if (!e || environment_set(e)) {
		relay_give_back();
		execvp(program[0], program);
		err = errno;
	}
	if (write(report, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(127);
}

/*
 * Whether a program could be what was meant.  execvp() also says EACCES when
 * all that was wrong is a folder in PATH that nobody here may enter.
 */
static bool is_there(const char *program)
{
	const char *folders = getenv("PATH");
	size_t length;
	char path[4096];

	if (strchr(program, '/'))
		return true;
	for (; folders;
	     folders = folders[length] ? folders + length + 1 : NULL) {
		length = strcspn(folders, ":");
		snprintf(path, sizeof(path), "%.*s/%s", (int)length, folders,
			 program);
		if (!access(path, F_OK))
			return true;
	}
	return false;
}

/* The pipe closes by itself when the exec has worked. */
int start_program(char **program, const struct environment *e, pid_t *ret_pid)
{
	int channel[2], err = 0;
	ssize_t got;
	pid_t pid;

	if (pipe2(channel, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0) {
		err = errno;
		close(channel[0]);
		close(channel[1]);
		return -err;
	}
	if (!pid)
		become_program(program, e, channel[1]);
	close(channel[1]);
	do
		got = read(channel[0], &err, sizeof(err));
	while (got < 0 && errno == EINTR);
	close(channel[0]);
	if (got == sizeof(err)) {
		waitpid(pid, NULL, 0);
		return err == EACCES && !is_there(program[0]) ? -ENOENT : -err;
	}
	*ret_pid = pid;
	return 0;
}
