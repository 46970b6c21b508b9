/* SPDX-License-Identifier: MIT */
#include "analyzer/unseen.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/fellow.h"
#include "analyzer/proc.h"
#include "analyzer/sights.h"
#include "record/format.h"
#include "record/log.h"

#define MILLISECOND  UINT64_C(1000000)
#define EVERY	     (50 * MILLISECOND)
#define SHARE	     50 /* a look is followed by so many pauses */
#define BLINDLY	     (1000 * MILLISECOND) /* if nobody says that the log grew */
#define SETTLED	     (40 * MILLISECOND)	  /* an exec has happened or failed */
#define PIECE	     65536
#define SUSPECTS_MAX 65536

/* A process that is about to become something, or has become it. */
struct suspect {
	pid_t pid;
	uint64_t start, since;
};

struct unseen {
	int log, notify; /* -1 if there is none */
	off_t at;	 /* in the log; all before it was read */
	struct suspect *suspects;
	size_t suspect_count;
	struct sights sights;
	size_t running; /* unwatched processes, when last looked */
	uint64_t due;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A signal with each line that anybody adds to the log. */
static int watch_log(const char *path)
{
	const int notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (notify < 0)
		return -1;
	if (inotify_add_watch(notify, path, IN_MODIFY) >= 0 &&
	    !fcntl(notify, F_SETOWN, getpid()) &&
	    !fcntl(notify, F_SETFL, O_NONBLOCK | O_ASYNC))
		return notify;
	close(notify);
	return -1;
}

static void add_suspect(struct unseen *u, pid_t pid, uint64_t start)
{
	struct suspect *larger;

	if (u->suspect_count == SUSPECTS_MAX)
		return;
	larger = reallocarray(u->suspects, u->suspect_count + 1,
			      sizeof(*larger));
	if (!larger)
		return;
	u->suspects = larger;
	u->suspects[u->suspect_count++] = (struct suspect){ .pid = pid,
							    .start = start,
							    .since = now_ns() };
}

static void clear_suspect(struct unseen *u, pid_t pid, uint64_t start)
{
	size_t kept = 0;

	for (size_t i = 0; i < u->suspect_count; i++)
		if (u->suspects[i].pid != pid || u->suspects[i].start != start)
			u->suspects[kept++] = u->suspects[i];
	u->suspect_count = kept;
}

static void plan(struct unseen *u, uint64_t pause)
{
	const bool idle = !u->suspect_count && !u->running;

	if (idle && u->notify >= 0)
		u->due = UNSEEN_NEVER;
	else if (u->due == UNSEEN_NEVER || pause)
		u->due = now_ns() + (idle	     ? BLINDLY
				     : pause > EVERY ? pause
						     : EVERY);
}

struct unseen *unseen_new(struct folder *folder, pid_t program)
{
	char path[FOLDER_PATH_MAX + sizeof("/" RECORD_LOG)];
	struct unseen *u;

	if (folder->log < 0)
		return NULL;
	u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	snprintf(path, sizeof(path), "%s/" RECORD_LOG, folder->path);
	u->sights.folder = folder;
	u->at = sizeof(RECORD_LOG_FIRST);
	u->notify = watch_log(path);
	u->log = open(path, O_RDONLY | O_CLOEXEC);
	u->due = UNSEEN_NEVER;
	add_suspect(u, program, proc_start(program));
	plan(u, 0);
	unseen_read(u);
	return u;
}

void unseen_free(struct unseen *u)
{
	if (!u)
		return;
	if (u->notify >= 0)
		close(u->notify);
	if (u->log >= 0)
		close(u->log);
	free(u->suspects);
	sights_release(&u->sights);
	free(u);
}

static void read_event(struct unseen *u, const struct log_event *event)
{
	if (event->kind == LOG_EXEC || event->kind == LOG_BARE)
		add_suspect(u, event->pid, event->start);
	else if (event->kind == LOG_IMAGE)
		clear_suspect(u, event->pid, event->start);
}

/* `piece` has room for the first line of a log, then whole lines. */
static void read_lines(struct unseen *u, char *piece, size_t size)
{
	struct log log;
	const char *why;

	memcpy(piece, RECORD_LOG_FIRST "\n", sizeof(RECORD_LOG_FIRST));
	if (log_open_memory(&log, piece, sizeof(RECORD_LOG_FIRST) + size, &why))
		return;
	for (size_t i = 0; i < log.count; i++)
		read_event(u, &log.events[i]);
	log_release(&log);
}

/* A line that is not whole yet is read again; one too long for us is none. */
static bool read_piece(struct unseen *u)
{
	const size_t head = sizeof(RECORD_LOG_FIRST);
	char piece[sizeof(RECORD_LOG_FIRST) + PIECE], *last;
	const ssize_t got = pread(u->log, piece + head, PIECE, u->at);
	size_t size;

	if (got <= 0)
		return false;
	last = memrchr(piece + head, '\n', (size_t)got);
	size = last	      ? (size_t)(last + 1 - piece) - head
	       : got == PIECE ? PIECE
			      : 0;
	read_lines(u, piece, size);
	u->at += (off_t)size;
	return size;
}

void unseen_read(struct unseen *u)
{
	char events[4096];

	if (!u || u->log < 0)
		return;
	while (u->notify >= 0 && read(u->notify, events, sizeof(events)) > 0)
		;
	while (read_piece(u))
		;
	plan(u, 0);
}

uint64_t unseen_due(const struct unseen *u)
{
	return u ? u->due : UNSEEN_NEVER;
}

/*
 * One of our own user that hides itself (prctl) may well be watched: nothing
 * can be said of it.
 */
static void look_at(struct unseen *u, pid_t pid, uint64_t start)
{
	struct proc_maps maps;

	proc_maps(pid, &maps);
	if (maps.shim || (!maps.readable && !proc_is_foreign(pid)))
		return;
	u->running++;
	sights_add(&u->sights, pid, start, &maps);
}

static void visit(void *data, pid_t pid)
{
	const uint64_t start = fellow_is(pid) ? 0 : proc_start(pid);

	if (start)
		look_at(data, pid, start);
	proc_children(pid, visit, data);
}

static void forget_settled(struct unseen *u)
{
	const uint64_t now = now_ns();
	size_t kept = 0;

	for (size_t i = 0; i < u->suspect_count; i++)
		if (now - u->suspects[i].since < SETTLED)
			u->suspects[kept++] = u->suspects[i];
	u->suspect_count = kept;
}

/* Orphans are our children: the whole tree begins here. */
void unseen_look(struct unseen *u)
{
	const uint64_t before = now_ns();

	unseen_read(u);
	if (!u || u->due == UNSEEN_NEVER)
		return;
	u->running = 0;
	sights_begin_look(&u->sights);
	proc_children(getpid(), visit, u);
	sights_end_look(&u->sights);
	forget_settled(u);
	plan(u, SHARE * (now_ns() - before));
}
