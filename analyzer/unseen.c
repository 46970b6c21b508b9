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

#include "analyzer/address.h"
#include "analyzer/proc.h"
#include "analyzer/sockets.h"
#include "record/escape.h"
#include "record/format.h"
#include "record/log.h"

#define MILLISECOND  UINT64_C(1000000)
#define EVERY	     (50 * MILLISECOND)
#define SHARE	     50 /* a look is followed by so many pauses */
#define BLINDLY	     (1000 * MILLISECOND) /* if nobody says that the log grew */
#define SETTLED	     (40 * MILLISECOND)	  /* an exec has happened or failed */
#define OTHERS	     16 /* addresses of a process that may be PostgreSQL's */
#define PIECE	     65536
#define SUSPECTS_MAX 65536

/* A process that is about to become something, or has become it. */
struct suspect {
	pid_t pid;
	uint64_t start, since;
};

/* A line that was written; forgotten when the process is gone. */
struct told {
	pid_t pid;
	uint64_t start, hash;
	unsigned look; /* the last in which the process was there */
	bool other;    /* an address like any */
};

struct unseen {
	struct folder *folder;
	int log, notify; /* -1 if there is none */
	off_t at;	 /* in the log; all before it was read */
	struct suspect *suspects;
	size_t suspect_count;
	struct told *told;
	size_t told_count;
	unsigned look;
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
	u->folder = folder;
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
	free(u->told);
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

static uint64_t hash_text(uint64_t hash, const char *text)
{
	do
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	while (*text++);
	return hash;
}

/* Whether it is the first time that this is said of the process. */
static bool is_news(struct unseen *u, const struct told *new)
{
	struct told *larger;

	for (size_t i = 0; i < u->told_count; i++) {
		struct told *told = &u->told[i];

		if (told->pid == new->pid && told->start == new->start &&
		    told->hash == new->hash)
			return false;
	}
	larger = reallocarray(u->told, u->told_count + 1, sizeof(*larger));
	if (!larger)
		return false;
	u->told = larger;
	u->told[u->told_count++] = *new;
	return true;
}

static size_t count_others(const struct unseen *u, const struct told *new)
{
	size_t count = 0;

	for (size_t i = 0; i < u->told_count; i++)
		count += u->told[i].other && u->told[i].pid == new->pid &&
			 u->told[i].start == new->start;
	return count;
}

/* A process without the shim, while it is looked at. */
struct sight {
	struct unseen *u;
	pid_t pid;
	uint64_t start;
	char exe[4096];
};

static void tell(struct sight *s, const char *evidence, bool other)
{
	const uint64_t seed = UINT64_C(0xcbf29ce484222325);
	char exe[4096], what[1024];
	struct told new = {
		.pid = s->pid,
		.start = s->start,
		.hash = hash_text(hash_text(seed, s->exe), evidence),
		.look = s->u->look,
		.other = other,
	};

	if (!is_news(s->u, &new) ||
	    escape_text(what, sizeof(what), evidence) <= 0)
		return;
	if (escape_text(exe, sizeof(exe), s->exe) <= 0)
		strcpy(exe, "?");
	folder_log(s->u->folder, "unseen %d %llu %s %s", (int)s->pid,
		   (unsigned long long)s->start, what, exe);
}

/* Of the rest, which only a `peer` can make PostgreSQL's, not all are kept. */
static void tell_address(void *data, const char *address)
{
	struct sight *s = data;
	const struct told key = { .pid = s->pid, .start = s->start };

	if (address_is_usual(address))
		tell(s, address, false);
	else if (strncmp(address, "tcp:", 4) != 0)
		return;
	else if (count_others(s->u, &key) < OTHERS)
		tell(s, address, true);
	else
		tell(s, "more", false);
}

static void keep_told(struct unseen *u, pid_t pid, uint64_t start)
{
	for (size_t i = 0; i < u->told_count; i++)
		if (u->told[i].pid == pid && u->told[i].start == start)
			u->told[i].look = u->look;
}

static void describe(struct sight *s, const struct proc_maps *maps)
{
	s->exe[0] = 0;
	if (maps->readable)
		proc_exe(s->pid, s->exe, sizeof(s->exe));
	if (!s->exe[0])
		proc_name(s->pid, s->exe, sizeof(s->exe));
	if (!s->exe[0])
		return;
	tell(s, "none", false);
	if (maps->libpq)
		tell(s, "libpq", false);
	sockets_list(s->pid, tell_address, s);
}

/*
 * One of our own user that hides itself (prctl) may well be watched: nothing
 * can be said of it.
 */
static void look_at(struct unseen *u, pid_t pid, uint64_t start)
{
	struct sight sight = { .u = u, .pid = pid, .start = start };
	struct proc_maps maps;

	proc_maps(pid, &maps);
	if (maps.shim || (!maps.readable && !proc_is_foreign(pid)))
		return;
	u->running++;
	keep_told(u, pid, start);
	describe(&sight, &maps);
}

static void visit(void *data, pid_t pid)
{
	const uint64_t start = proc_start(pid);

	if (start)
		look_at(data, pid, start);
	proc_children(pid, visit, data);
}

static void forget(struct unseen *u)
{
	const uint64_t now = now_ns();
	size_t kept = 0;

	for (size_t i = 0; i < u->told_count; i++)
		if (u->told[i].look == u->look)
			u->told[kept++] = u->told[i];
	u->told_count = kept;
	kept = 0;
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
	u->look++;
	u->running = 0;
	proc_children(getpid(), visit, u);
	forget(u);
	plan(u, SHARE * (now_ns() - before));
}
