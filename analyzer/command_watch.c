/* SPDX-License-Identifier: MIT */
/*
 * connleak watch: what a program that was preloaded by hand starts for itself
 * (preload/watcher.h).  Waits for its end, and judges its record.
 *
 * No part of it may be seen in the program, or outlive it by more than the
 * judging takes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/commands.h"
#include "analyzer/proc.h"
#include "analyzer/stamps.h"
#include "analyzer/thresholds.h"
#include "analyzer/view.h"
#include "record/reader.h"

#define LOOK_MS	  100 /* between two looks at the program */
#define CERTAINLY 2   /* so many looks must agree */

struct watched {
	pid_t pid;
	uint64_t start;	       /* ticks since boot */
	int pidfd;	       /* -1 where the kernel has none to give */
	unsigned without;      /* looks in a row that did not find our output */
	struct stamps *stamps; /* NULL: no signal asks */
	const struct thresholds *thresholds; /* of views; NULL: the usual */
};

/* Pids come again; 0 is a start that is hidden from us. */
static bool is_another(const struct watched *w)
{
	const uint64_t now = proc_start(w->pid);

	return now && w->start && now != w->start;
}

/* Whether there still is such a process to wait for. */
static bool find(struct watched *w)
{
	w->pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
	if (w->pidfd < 0)
		return errno != ESRCH;
	return !is_another(w);
}

/* True when it has ended, reaped or not, with all its threads. */
static bool wait_once(const struct watched *w)
{
	const struct timespec a_while = { .tv_nsec = LOOK_MS * 1000000 };
	struct pollfd end = { .fd = w->pidfd, .events = POLLIN };

	if (w->pidfd >= 0)
		return poll(&end, 1, LOOK_MS) > 0;
	nanosleep(&a_while, NULL);
	return proc_start(w->pid) != w->start;
}

/* Descriptors come and go while we read; those we may not see count. */
static bool holds(pid_t pid, const struct stat *file)
{
	char path[64];
	struct dirent *entry;
	struct stat about;
	bool found = false;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	folder = opendir(path);
	if (!folder)
		return true;
	while (!found && (entry = readdir(folder)))
		found = !fstatat(dirfd(folder), entry->d_name, &about, 0) &&
			about.st_dev == file->st_dev &&
			about.st_ino == file->st_ino;
	closedir(folder);
	return found;
}

/* A process that is ending gives up its memory first. */
static bool has_memory(pid_t pid)
{
	char exe[2];

	proc_exe(pid, exe, sizeof(exe));
	return exe[0];
}

/*
 * Who reads a pipe waits until nobody holds its other end.  So what the
 * program has let go of (a daemon, its terminal) we let go of too; then there
 * is no place left for a report as text.
 */
static void follow(struct watched *w)
{
	struct stat output;
	int nothing;

	if (w->without >= CERTAINLY || fstat(STDERR_FILENO, &output))
		return;
	if (holds(w->pid, &output) || !has_memory(w->pid))
		w->without = 0;
	else if (++w->without == CERTAINLY) {
		nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
		dup2(nothing, STDOUT_FILENO);
		dup2(nothing, STDERR_FILENO);
		close(nothing);
	}
}

/*
 * The program may have made its output one that never waits, and all that have
 * it share that: we have to have one of our own, or the report ends where the
 * pipe is full.
 */
static void wait_for_readers(void)
{
	const int flags = fcntl(STDERR_FILENO, F_GETFL);
	int own;

	if (flags < 0 || !(flags & O_NONBLOCK))
		return;
	own = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_APPEND);
	if (own < 0)
		return;
	fcntl(own, F_SETFL, O_APPEND);
	dup2(own, STDERR_FILENO);
	dup2(own, STDOUT_FILENO);
	close(own);
}

/* Whether it was asked for while the process runs; it cannot say so itself. */
static void show_if_asked(struct watched *w, const char *record)
{
	if (!w->stamps || !stamps_look(w->stamps))
		return;
	wait_for_readers();
	view_print(record, w->thresholds, stderr);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int read_process(const char *record, struct watched *w,
			struct arena *arena, const char **ret_error)
{
	struct reader *reader;
	const char *why;
	int err = reader_open(AT_FDCWD, record, &reader, &why);

	if (err) {
		*ret_error = arena_printf(arena, "%s: %s", record, why);
		return err;
	}
	w->pid = reader_header(reader)->pid;
	w->start = reader_header(reader)->start_ticks;
	reader_free(reader);
	return 0;
}

/* What is wrong with a setting is said at the end. */
static const struct thresholds *read_thresholds(char **argv,
						struct arena *arena)
{
	struct thresholds *thresholds = arena_alloc(arena, sizeof(*thresholds));
	const char *why;
	struct options o;

	if (options_parse(&o, COMMAND_REPORT, 2, argv, arena, &why) ||
	    command_thresholds(thresholds, &o, arena, &why))
		return NULL;
	return thresholds;
}

int command_watch(int argc, char **argv, struct arena *arena,
		  const char **ret_error)
{
	struct judging judging = { .text = stderr };
	struct watched w = { .pidfd = -1 };

	if (argc != 3) {
		*ret_error = "watch is what CONNLEAK_REPORT=exit starts; to "
			     "watch a program, type connleak run PROGRAM";
		return STATUS_FAILED;
	}
	closefrom(STDERR_FILENO + 1); /* where orphan.c could not */
	if (read_process(argv[1], &w, arena, ret_error))
		return STATUS_FAILED;
	if (getenv("CONNLEAK_SIGNAL")) {
		w.stamps = stamps_new(argv[1]);
		w.thresholds = read_thresholds(argv, arena);
	}
	if (find(&w))
		while (!wait_once(&w)) {
			follow(&w);
			show_if_asked(&w, argv[1]);
		}
	stamps_free(w.stamps);
	judging.kept = argv[1];
	judging.ended_ns = now_ns();
	/* Relative names are meant there; if it is gone, they lead nowhere. */
	if (chdir(argv[2]) && chdir("/proc"))
		return STATUS_FAILED;
	wait_for_readers();
	return judge_records(2, argv, &judging, arena, ret_error);
}
