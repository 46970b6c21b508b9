/* SPDX-License-Identifier: MIT */
#include "analyzer/launch.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/proc.h"
#include "analyzer/relay.h"
#include "analyzer/stamps.h"
#include "analyzer/start.h"
#include "analyzer/unseen.h"
#include "record/escape.h"

#define NEVER	       UINT64_MAX
#define VIEW_PAUSE     UINT64_C(20000000) /* ns */
#define REAPED_AT_ONCE 256

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
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
	const struct launch *launch;
	struct relay relay;
	struct unseen *unseen; /* NULL: nothing is kept */
	struct stamps *stamps; /* NULL: no signal asks */
	uint64_t view_ns;      /* when to show what is out; or NEVER */
	pid_t program;
	bool ended; /* the program itself */
	bool alone; /* nothing is left to wait for */
	int status;
};

static void note_end(struct watch *w, pid_t pid, int status)
{
	log_end(w->launch->folder, pid, status);
	if (pid != w->program)
		return;
	w->ended = true;
	w->status = status;
	relay_ended(&w->relay);
}

/*
 * Takes what has ended, though not for ever: where processes come and go all
 * the time, signals must still be seen.  True if there may be more.
 */
static bool reap(struct watch *w)
{
	unsigned most = REAPED_AT_ONCE;
	int status;
	pid_t pid = 1;

	while (most-- && (pid = waitpid(-1, &status,
					WNOHANG | WUNTRACED | WCONTINUED)) > 0)
		if (WIFEXITED(status) || WIFSIGNALED(status))
			note_end(w, pid, status);
		else if (pid == w->program)
			relay_changed(&w->relay, status);
	w->alone = pid < 0 && errno == ECHILD;
	return pid > 0;
}

/* A moment later: others may have been asked by the same signal. */
static void plan_view(struct watch *w)
{
	if (w->view_ns == NEVER)
		w->view_ns = now_ns(CLOCK_MONOTONIC) + VIEW_PAUSE;
}

static void show_view(struct watch *w)
{
	stamps_look(w->stamps);
	w->view_ns = NEVER;
	w->launch->view(w->launch->view_data);
}

/* False where somebody wants an end: what is left is not waited for then. */
static bool take(struct watch *w, const siginfo_t *info)
{
	if (info->si_signo == UNSEEN_SIGNAL)
		unseen_read(w->unseen);
	else if (info->si_signo == w->launch->signal)
		plan_view(w);
	else if (info->si_signo != SIGCHLD && w->ended && relay_ends(info))
		return false;
	else if (info->si_signo != SIGCHLD)
		relay_take(&w->relay, info);
	return true;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_due(const struct watch *w)
{
	const uint64_t look =
		least(unseen_due(w->unseen), stamps_due(w->stamps));

	return least(least(look, w->view_ns), relay_due(&w->relay));
}

static void do_what_is_due(struct watch *w, uint64_t now)
{
	if (now >= relay_due(&w->relay))
		relay_look(&w->relay);
	if (now >= unseen_due(w->unseen))
		unseen_look(w->unseen);
	if (now >= stamps_due(w->stamps) && stamps_look(w->stamps))
		plan_view(w);
	if (now >= w->view_ns)
		show_view(w);
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
static bool wait_once(struct watch *w, uint64_t end, bool more)
{
	const uint64_t now = now_ns(CLOCK_MONOTONIC);
	const uint64_t due = more ? now : least(next_due(w), end);
	const struct timespec left = until(due, now);
	siginfo_t info;

	if (now >= end)
		return false;
	do_what_is_due(w, now);
	if (sigtimedwait(&w->relay.held, &info, &left) > 0)
		return take(w, &info);
	return true;
}

/* Until the program has ended and then, for a while, the rest of its tree. */
static void wait_for_all(struct watch *w)
{
	const uint64_t wait_ms = w->launch->wait_ms;
	uint64_t end = NEVER;
	bool more;

	for (more = reap(w); !w->alone; more = reap(w)) {
		if (w->ended && end == NEVER && wait_ms != LAUNCH_FOREVER)
			end = now_ns(CLOCK_MONOTONIC) + wait_ms * 1000000;
		if (!wait_once(w, end, more))
			break;
	}
	unseen_look(w->unseen);
}

/*
 * Whoever reads what we write to a pipe, as a CI job does, waits for its end,
 * and so for all that have it open.
 */
static bool holds_pipe(pid_t pid)
{
	struct stat about;

	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (!fstat(fd, &about) &&
		    (S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode)) &&
		    proc_has_open(pid, &about))
			return true;
	return false;
}

/* What is still running is judged as it is now: each descendant is named. */
static void log_left(void *data, pid_t pid)
{
	struct launch *l = data;

	l->left = true;
	folder_log(l->folder, "left %d", (int)pid);
	if (holds_pipe(pid))
		folder_log(l->folder, "holds %d", (int)pid);
	proc_children(pid, log_left, l);
}

static void log_start(const struct launch *l, pid_t pid)
{
	char exe[4096];

	if (escape_text(exe, sizeof(exe), l->path) <= 0)
		strcpy(exe, "?");
	if (proc_space())
		folder_log(l->folder, "space %u", (unsigned)proc_space());
	folder_log(l->folder, "start %llu %d %s",
		   (unsigned long long)now_ns(CLOCK_REALTIME), (int)pid, exe);
}

int launch(struct launch *l, int *ret_status)
{
	struct watch watch = { .launch = l, .view_ns = NEVER };
	int err;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	relay_hold(&watch.relay);
	watch.relay.fellow = fellow_new(l->program);
	err = start_program(l->program, l->environment, &watch.program);
	if (err) {
		fellow_free(watch.relay.fellow);
		return err;
	}
	watch.relay.program = watch.program;
	log_start(l, watch.program);
	watch.unseen = unseen_new(l->folder, watch.program);
	if (l->signal && l->folder->path)
		watch.stamps = stamps_new(l->folder->path);
	wait_for_all(&watch);
	fellow_free(watch.relay.fellow);
	stamps_free(watch.stamps);
	unseen_free(watch.unseen);
	l->left = false;
	proc_children(getpid(), log_left, l);
	*ret_status = watch.status;
	return 0;
}
