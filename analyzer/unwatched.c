/* SPDX-License-Identifier: MIT */
#include "analyzer/unwatched.h"

#include <stdlib.h>
#include <string.h>
#include "analyzer/search_path.h"

#define SECOND UINT64_C(1000000000)

struct look {
	const char *path;
	struct executable file;
};

/* The log of one run, its lines brought into an order for each question. */
struct finder {
	struct arena *arena;
	struct unwatched_list *out;
	size_t run;
	const struct log_event **told; /* by processes, of themselves */
	size_t told_count;
	const struct log_event **ends; /* of processes */
	size_t end_count;
	const struct log_event **starts; /* by the launcher; usually one */
	size_t start_count;
	struct look **looks;
	size_t look_count;
};

/*
 * One process, while its lines are read: `now.event` is what it was about to
 * become when last heard of, or NULL while the shim is in it.
 */
struct story {
	struct finder *f;
	struct unwatched now;
};

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static const struct log_event *event_at(const void *element)
{
	return *(const struct log_event *const *)element;
}

static int in_order(const struct log_event *a, const struct log_event *b)
{
	return compare((uintptr_t)a, (uintptr_t)b);
}

static int by_process(const void *a, const void *b)
{
	const struct log_event *x = event_at(a), *y = event_at(b);

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (x->start != y->start)
		return compare(x->start, y->start);
	return in_order(x, y);
}

static int by_end(const void *a, const void *b)
{
	const struct log_event *x = event_at(a), *y = event_at(b);

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return in_order(x, y);
}

static void sort(const struct log_event **events, size_t count,
		 int (*order)(const void *, const void *))
{
	if (count)
		qsort(events, count, sizeof(*events), order);
}

static void read_log(struct finder *f, const struct log *log)
{
	f->told = arena_array(f->arena, log->count, sizeof(*f->told));
	f->ends = arena_array(f->arena, log->count, sizeof(*f->ends));
	f->starts = arena_array(f->arena, log->count, sizeof(*f->starts));
	for (size_t i = 0; i < log->count; i++) {
		const struct log_event *event = &log->events[i];

		switch (event->kind) {
		case LOG_START:
			f->starts[f->start_count++] = event;
			break;
		case LOG_EXIT:
		case LOG_SIGNAL:
			f->ends[f->end_count++] = event;
			break;
		case LOG_SPACE:
		case LOG_LEFT:
		case LOG_STOP:
			break;
		default:
			f->told[f->told_count++] = event;
		}
	}
	sort(f->told, f->told_count, by_process);
	sort(f->ends, f->end_count, by_end);
}

/* Where names alone are known, as of sudo's children, PATH knows more. */
static struct executable *look(struct finder *f, const char *path)
{
	const char *found =
		strchr(path, '/') ? path : search_path_find(f->arena, path);
	struct look *new;

	for (size_t i = 0; i < f->look_count; i++)
		if (!strcmp(f->looks[i]->path, path))
			return &f->looks[i]->file;
	new = arena_alloc(f->arena, sizeof(*new));
	new->path = path;
	executable_look(&new->file, f->arena, found ? found : path);
	f->looks = arena_grow(f->arena, f->looks, f->look_count,
			      sizeof(*f->looks));
	f->looks[f->look_count++] = new;
	return &new->file;
}

/* How the process ended after this line; NULL if nobody saw. */
static const struct log_event *end_after(const struct finder *f,
					 const struct log_event *event)
{
	size_t low = 0, high = f->end_count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const struct log_event *end = f->ends[middle];

		if (end->pid < event->pid ||
		    (end->pid == event->pid && end->time < event->time))
			low = middle + 1;
		else
			high = middle;
	}
	return low < f->end_count && f->ends[low]->pid == event->pid
		       ? f->ends[low]
		       : NULL;
}

/* What the shell, env and their like end with after an exec that failed. */
static bool ended_as_if_not_run(const struct log_event *end)
{
	return end && end->kind == LOG_EXIT &&
	       (end->number == 126 || end->number == 127);
}

/* Killed before the shim could say that it is there. */
static bool ended_too_soon(const struct unwatched *u,
			   const struct log_event *end)
{
	return end && end->kind == LOG_SIGNAL &&
	       end->time - u->event->time < SECOND;
}

/* Whether it is known why the shim was not there. */
static bool is_explained(const struct unwatched *u)
{
	return u->how == UNWATCHED_BARE ||
	       (u->file->kind > EXECUTABLE_UNUSABLE &&
		!executable_can_preload(u->file));
}

static bool has_run(const struct finder *f, const struct unwatched *u)
{
	const struct log_event *end;

	if (u->found || u->how == UNWATCHED_STARTED)
		return true;
	if (u->file->kind == EXECUTABLE_MISSING ||
	    u->file->kind == EXECUTABLE_UNUSABLE)
		return false;
	end = end_after(f, u->event);
	return !ended_as_if_not_run(end) &&
	       (is_explained(u) || !ended_too_soon(u, end));
}

static void begin(struct story *s, enum unwatched_how how,
		  const struct log_event *event)
{
	s->now = (struct unwatched){
		.run = s->f->run,
		.how = how,
		.event = event,
		.file = look(s->f, event->exe),
	};
}

static void keep(struct story *s)
{
	struct unwatched_list *out = s->f->out;

	out->list = arena_grow(s->f->arena, out->list, out->count,
			       sizeof(*out->list));
	out->list[out->count++] = s->now;
	s->now.event = NULL;
}

/* Nothing more is heard of the process. */
static void conclude(struct story *s)
{
	if (s->now.event && has_run(s->f, &s->now))
		keep(s);
	s->now.event = NULL;
}

/*
 * The shim is in the process: what it was about to execute has failed, unless
 * the launcher saw that run.
 */
static void is_watched(struct story *s)
{
	if (s->now.event && s->now.found)
		keep(s);
	s->now.event = NULL;
}

static bool is_image_of(const struct unwatched *u,
			const struct log_event *image)
{
	return !strcmp(u->event->exe, image->exe) ||
	       (u->file->file && !strcmp(u->file->file, image->exe));
}

/* It has become what it was about to, or, unwatched, something else since. */
static void read_image(struct story *s, const struct log_event *image)
{
	const struct unwatched *u = &s->now;

	if (!u->event)
		return;
	if (is_image_of(u, image)) /* it may have taken long to load */
		s->now.event = NULL;
	else if (u->evidence_count ||
		 (u->how != UNWATCHED_FOUND && is_explained(u)))
		conclude(s);
	s->now.event = NULL;
}

static void read_unseen(struct story *s, const struct log_event *event)
{
	struct unwatched *u = &s->now;

	if (u->event && u->how == UNWATCHED_FOUND &&
	    strcmp(u->event->exe, event->exe) != 0)
		conclude(s);
	if (!u->event)
		begin(s, UNWATCHED_FOUND, event);
	u->found = true;
	if (!strcmp(event->what, "none"))
		return;
	u->evidence = arena_grow(s->f->arena, u->evidence, u->evidence_count,
				 sizeof(*u->evidence));
	u->evidence[u->evidence_count++] = event->what;
}

static void read_event(struct story *s, const struct log_event *event)
{
	switch (event->kind) {
	case LOG_IMAGE:
		read_image(s, event);
		break;
	case LOG_UNSEEN:
		read_unseen(s, event);
		break;
	case LOG_EXEC:
	case LOG_BARE:
		is_watched(s);
		begin(s,
		      event->kind == LOG_EXEC ? UNWATCHED_EXECUTED
					      : UNWATCHED_BARE,
		      event);
		break;
	default: /* only the shim says such things */
		is_watched(s);
	}
}

/* The launcher's line about the program itself belongs to its first process. */
static void begin_program(struct story *s, pid_t pid)
{
	struct finder *f = s->f;

	for (size_t i = 0; i < f->start_count; i++) {
		if (!f->starts[i] || (pid && f->starts[i]->pid != pid))
			continue;
		begin(s, UNWATCHED_STARTED, f->starts[i]);
		f->starts[i] = NULL;
		return;
	}
}

static void read_processes(struct finder *f)
{
	struct story s = { .f = f };

	for (size_t i = 0; i < f->told_count; i++) {
		const struct log_event *event = f->told[i];

		if (!i || f->told[i - 1]->pid != event->pid ||
		    f->told[i - 1]->start != event->start) {
			conclude(&s);
			begin_program(&s, event->pid);
		}
		read_event(&s, event);
	}
	/* Of these nothing was heard but that they were started. */
	for (size_t i = 0; i <= f->start_count; i++) {
		conclude(&s);
		begin_program(&s, 0);
	}
}

static int by_event(const void *a, const void *b)
{
	const struct unwatched *x = a, *y = b;

	return in_order(x->event, y->event);
}

void unwatched_find(struct unwatched_list *u, const struct evidence *e)
{
	*u = (struct unwatched_list){ .list = NULL };
	for (size_t i = 0; i < e->run_count; i++) {
		struct finder f = { .arena = e->arena, .out = u, .run = i };

		if (!e->runs[i].has_log)
			continue;
		read_log(&f, &e->runs[i].log);
		read_processes(&f);
	}
	if (u->count)
		qsort(u->list, u->count, sizeof(*u->list), by_event);
}

const struct unwatched *unwatched_by(const struct unwatched_list *u,
				     const struct log_event *event)
{
	const struct unwatched key = { .event = event };

	return u->count
		       ? bsearch(&key, u->list, u->count, sizeof(key), by_event)
		       : NULL;
}
