/* SPDX-License-Identifier: MIT */
#include "analyzer/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/proc.h"
#include "analyzer/unseen.h"
#include "record/escape.h"

#define SHIM "libconnleak.so"

/* What a process may send to `connleak run` and mean the program. */
static const int passed_on[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
				 SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH };
#define PASSED_ON (sizeof(passed_on) / sizeof(passed_on[0]))

/* What was there before, for the program to find again. */
static struct {
	sigset_t mask;
	struct sigaction child, pipe, size;
} before;

/* NULL if it is not there. */
static const char *real_path(struct arena *arena, const char *path)
{
	char *real = realpath(path, NULL);
	const char *kept = real ? arena_strdup(arena, real) : NULL;

	free(real);
	return kept;
}

const char *launch_find_shim(struct arena *arena)
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

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void launch_prepare(void)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGPIPE, &ignore, &before.pipe);
	sigaction(SIGXFSZ, &ignore, &before.size);
}

/* Signals wait for sigtimedwait(): nothing is interrupted by them. */
static void hold_signals(sigset_t *set)
{
	const struct sigaction fallback = { .sa_handler = SIG_DFL };

	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, UNSEEN_SIGNAL);
	for (size_t i = 0; i < PASSED_ON; i++)
		sigaddset(set, passed_on[i]);
	sigprocmask(SIG_BLOCK, set, &before.mask);
	/* If it was ignored, the kernel would reap before we could look. */
	sigaction(SIGCHLD, &fallback, &before.child);
}

static void give_back_signals(void)
{
	sigaction(SIGCHLD, &before.child, NULL);
	sigaction(SIGPIPE, &before.pipe, NULL);
	sigaction(SIGXFSZ, &before.size, NULL);
	sigprocmask(SIG_SETMASK, &before.mask, NULL);
}

/* In the child: never returns.  An errno in the pipe says why not. */
static _Noreturn void become_program(const struct launch *l, int report)
{
	int err = ENOMEM;

	if (!l->environment || environment_set(l->environment)) {
		give_back_signals();
		execvp(l->program[0], l->program);
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

/* Starts it; the pipe closes by itself when the exec has worked. */
static int start(const struct launch *l, pid_t *ret_pid)
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
		become_program(l, channel[1]);
	close(channel[1]);
	do
		got = read(channel[0], &err, sizeof(err));
	while (got < 0 && errno == EINTR);
	close(channel[0]);
	if (got == sizeof(err)) {
		waitpid(pid, NULL, 0);
		return err == EACCES && !is_there(l->program[0]) ? -ENOENT
								 : -err;
	}
	*ret_pid = pid;
	return 0;
}

static void log_end(struct folder *folder, pid_t pid, int status)
{
	const bool killed = WIFSIGNALED(status);

	folder_log(folder, "end %d %llu %s %d", (int)pid,
		   (unsigned long long)now_ns(CLOCK_REALTIME),
		   killed ? "signal" : "exit",
		   killed ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* The tree of processes as far as it is ours to wait for. */
struct watch {
	struct folder *folder;
	struct unseen *unseen; /* NULL: nothing is kept */
	pid_t program;
	bool ended; /* the program itself */
	bool alone; /* nothing is left to wait for */
	int status;
};

/* Takes every child that has ended. */
static void reap(struct watch *w)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		log_end(w->folder, pid, status);
		if (pid == w->program) {
			w->ended = true;
			w->status = status;
		}
	}
	w->alone = pid < 0 && errno == ECHILD;
}

/* The terminal has sent its signals to the program itself already. */
static void pass_on(const struct watch *w, const siginfo_t *info)
{
	if (info->si_code != SI_KERNEL)
		kill(w->program, info->si_signo);
}

static struct timespec until(uint64_t due, uint64_t now)
{
	const uint64_t most = UINT64_C(3600) * 1000000000;
	const uint64_t left = due > now ? due - now : 0;
	const uint64_t shown = left < most ? left : most;

	return (struct timespec){ .tv_sec = (time_t)(shown / 1000000000),
				  .tv_nsec = (long)(shown % 1000000000) };
}

/* One signal, or what is due; false when nothing more is to be waited for. */
static bool wait_once(struct watch *w, const sigset_t *set, uint64_t end)
{
	const uint64_t now = now_ns(CLOCK_MONOTONIC);
	const uint64_t look = unseen_due(w->unseen);
	const struct timespec left = until(look < end ? look : end, now);
	siginfo_t info;

	if (now >= end)
		return false;
	if (now >= look)
		unseen_look(w->unseen);
	else if (sigtimedwait(set, &info, &left) > 0) {
		if (info.si_signo == UNSEEN_SIGNAL)
			unseen_read(w->unseen);
		else if (info.si_signo != SIGCHLD) {
			/* What is left is not waited for against a will. */
			if (w->ended)
				return false;
			pass_on(w, &info);
		}
	}
	return true;
}

/* Until the program has ended and then, for a while, the rest of its tree. */
static void wait_for_all(struct watch *w, const sigset_t *set, uint64_t wait_ms)
{
	uint64_t end = UINT64_MAX;

	for (reap(w); !w->alone; reap(w)) {
		if (w->ended && end == UINT64_MAX && wait_ms != LAUNCH_FOREVER)
			end = now_ns(CLOCK_MONOTONIC) + wait_ms * 1000000;
		if (!wait_once(w, set, end))
			break;
	}
	unseen_look(w->unseen);
}

/* What is still running is judged as it is now: each descendant is named. */
static void log_left(void *data, pid_t pid)
{
	struct launch *l = data;

	l->left = true;
	folder_log(l->folder, "left %d", (int)pid);
	proc_children(pid, log_left, l);
}

static void log_start(const struct launch *l, pid_t pid)
{
	char exe[4096];

	if (escape_text(exe, sizeof(exe), l->path) <= 0)
		strcpy(exe, "?");
	folder_log(l->folder, "start %llu %d %s",
		   (unsigned long long)now_ns(CLOCK_REALTIME), (int)pid, exe);
}

int launch(struct launch *l, int *ret_status)
{
	struct watch watch = { .folder = l->folder };
	sigset_t set;
	int err;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	hold_signals(&set);
	err = start(l, &watch.program);
	if (err)
		return err;
	log_start(l, watch.program);
	watch.unseen = unseen_new(l->folder, watch.program);
	wait_for_all(&watch, &set, l->wait_ms);
	unseen_free(watch.unseen);
	l->left = false;
	proc_children(getpid(), log_left, l);
	*ret_status = watch.status;
	return 0;
}
