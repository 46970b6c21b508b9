/* SPDX-License-Identifier: MIT */
/*
 * execs HOW FILE [ARG]... - becomes FILE by the function HOW, or starts it and
 * ends with its status.  HOW may begin with `vfork:`, `fork:` (with two threads
 * at work), `signal:` (in a handler on a small stack): then in a child, by one
 * of the functions that do not start one themselves.
 *
 * Where that fails it says so, with errno, and ends with status 9.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *how;
static char **arguments; /* FILE [ARG]... */

static int by_execl(void)
{
	return execl(arguments[0], arguments[0], arguments[1], (char *)NULL);
}

static int by_execlp(void)
{
	return execlp(arguments[0], arguments[0], arguments[1], (char *)NULL);
}

static int by_execle(void)
{
	return execle(arguments[0], arguments[0], arguments[1], (char *)NULL,
		      environ);
}

static int by_execv(void)
{
	return execv(arguments[0], arguments);
}

static int by_execve(void)
{
	return execve(arguments[0], arguments, environ);
}

static int by_execvp(void)
{
	return execvp(arguments[0], arguments);
}

static int by_execvpe(void)
{
	return execvpe(arguments[0], arguments, environ);
}

static int by_fexecve(void)
{
	const int fd = open(arguments[0], O_RDONLY | O_CLOEXEC);

	return fexecve(fd, arguments, environ);
}

static int by_execveat(void)
{
	const int folder = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return execveat(folder, arguments[0] + 1, arguments, environ, 0);
}

/* Legal here: the program has no environment. */
static int by_nothing(void)
{
	char **const none = NULL;

	return execve(arguments[0], arguments, none);
}

static int end_as(pid_t child)
{
	int status;

	waitpid(child, &status, 0);
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static int started(int err, pid_t child)
{
	if (!err)
		end_as(child);
	errno = err;
	return -1;
}

static int by_posix_spawn(void)
{
	pid_t child;
	const int err = posix_spawn(&child, arguments[0], NULL, NULL, arguments,
				    environ);

	return started(err, child);
}

/* As popen() in a language would: in another folder. */
static int by_posix_spawn_elsewhere(void)
{
	posix_spawn_file_actions_t actions;
	pid_t child;
	int err;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addchdir_np(&actions, "elsewhere");
	err = posix_spawn(&child, arguments[0], &actions, NULL, arguments,
			  environ);
	posix_spawn_file_actions_destroy(&actions);
	return started(err, child);
}

static int by_posix_spawnp(void)
{
	pid_t child;
	const int err = posix_spawnp(&child, arguments[0], NULL, NULL,
				     arguments, environ);

	return started(err, child);
}

static const struct way {
	const char *name;
	int (*go)(void);
} ways[] = {
	{ "execl", by_execl },
	{ "execlp", by_execlp },
	{ "execle", by_execle },
	{ "execv", by_execv },
	{ "execve", by_execve },
	{ "execvp", by_execvp },
	{ "execvpe", by_execvpe },
	{ "fexecve", by_fexecve },
	{ "execveat", by_execveat },
	{ "nothing", by_nothing },
	{ "posix_spawn", by_posix_spawn },
	{ "posix_spawn_elsewhere", by_posix_spawn_elsewhere },
	{ "posix_spawnp", by_posix_spawnp },
};

static int go(void)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].name, how))
			return ways[i].go();
	errno = ENOSYS;
	return -1;
}

static void *work(void *unused)
{
	for (;;)
		free(malloc(100));
	return unused;
}

static void say_failure(void)
{
	dprintf(1, "%s: %s\n", how, strerrorname_np(errno));
	_exit(9);
}

static void in_fork(void)
{
	pthread_t thread;
	pid_t child;

	pthread_create(&thread, NULL, work, NULL);
	pthread_create(&thread, NULL, work, NULL);
	child = fork();
	if (child)
		end_as(child);
}

/* What the child changes here the parent would find changed. */
static void in_vfork(void)
{
	volatile int kept = 77;
	pid_t child;

	errno = 5;
	child = vfork();
	if (!child) {
		go();
		_exit(errno == ENOENT ? 8 : 9);
	}
	if (kept != 77)
		exit(99);
	end_as(child);
}

static void handle(int number)
{
	(void)number;
	go();
	say_failure();
}

/* As a program that starts its debugger when it crashes. */
static void in_signal(void)
{
	static char small[8192];
	const stack_t stack = { .ss_sp = small, .ss_size = sizeof(small) };
	const struct sigaction action = { .sa_handler = handle,
					  .sa_flags = SA_ONSTACK };

	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
}

static const char *after(const char *prefix)
{
	const size_t length = strlen(prefix);

	return strncmp(how, prefix, length) ? NULL : how + length;
}

int main(int argc, char **argv)
{
	const char *way;

	if (argc < 3)
		return 2;
	how = argv[1];
	arguments = argv + 2;
	if ((way = after("fork:"))) {
		how = way;
		in_fork();
	} else if ((way = after("vfork:"))) {
		how = way;
		in_vfork();
	} else if ((way = after("signal:"))) {
		how = way;
		in_signal();
	}
	go();
	say_failure();
}
