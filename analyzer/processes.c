/* SPDX-License-Identifier: MIT */
#include "analyzer/processes.h"

#include <string.h>
#include <time.h>

#include "analyzer/proc.h"

#define END_UNKNOWN "unknown"
#define END_RUNNING "running"

static struct process *add(struct processes *p, size_t run, int pid,
			   uint32_t space)
{
	struct process *new = &p->list[p->count++];

	new->run = run;
	new->pid = pid;
	new->space = space;
	new->end = END_UNKNOWN;
	return new;
}

/* The newest one of this pid that has not ended. */
static struct process *find_open(struct processes *p, size_t run, int pid,
				 uint32_t space)
{
	for (size_t i = p->count; i-- > 0;)
		if (p->list[i].run == run && p->list[i].pid == pid &&
		    p->list[i].space == space && p->list[i].open)
			return &p->list[i];
	return NULL;
}

/* A new process, or one that has called exec. */
static struct process *add_image(struct processes *p, size_t run,
				 const struct log_event *event)
{
	const uint32_t space = record_space(event->start);
	struct process *before = find_open(p, run, event->pid, space);
	struct process *new;

	if (before && before->guessed) {
		/* The launcher's own line about it came first. */
		before->pid = -1;
	} else if (before &&
		   (!before->start || before->start == event->start)) {
		before->end = "exec";
		before->ended_ns = event->time;
	}
	if (before)
		before->open = false;
	new = add(p, run, event->pid, space);
	new->start = event->start;
	new->began_ns = event->time;
	new->exe = event->exe;
	new->open = true;
	return new;
}

/* The launcher began the program; it may never say so itself. */
static void add_program(struct processes *p, size_t run,
			const struct log_event *event, uint32_t home,
			bool unwatched)
{
	struct process *new;

	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].run == run && p->list[i].pid == event->pid &&
		    p->list[i].space == home)
			return;
	new = add(p, run, event->pid, home);
	new->exe = event->exe;
	new->open = true;
	new->guessed = !unwatched;
}

static void add_end(struct processes *p, struct arena *arena, size_t run,
		    const struct log_event *event, uint32_t home)
{
	const char *how = event->kind == LOG_EXIT ? "exit" : "signal";
	struct process *process = find_open(p, run, event->pid, home);

	/* A child of fork(): its record, if it has one, will claim this. */
	if (!process)
		process = add(p, run, event->pid, home);
	process->end = arena_printf(arena, "%s %d", how, event->number);
	process->ended_ns = event->time;
	process->open = false;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void add_left(struct processes *p, size_t run,
		     const struct log_event *event, uint32_t home)
{
	struct process *process = find_open(p, run, event->pid, home);

	if (!process)
		process = add(p, run, event->pid, home);
	process->end = END_RUNNING;
	process->ended_ns = now_ns();
}

static void read_log(struct processes *p, const struct evidence *e, size_t run,
		     const struct unwatched_list *unwatched)
{
	const struct log *log = &e->runs[run].log;
	uint32_t home = 0; /* the launcher's pids are of this namespace */

	for (size_t i = 0; i < log->count; i++) {
		const struct log_event *event = &log->events[i];

		switch (event->kind) {
		case LOG_SPACE:
			home = (uint32_t)event->number;
			break;
		case LOG_START:
			add_program(p, run, event, home,
				    unwatched_by(unwatched, event));
			break;
		case LOG_IMAGE:
			add_image(p, run, event)->watched = true;
			break;
		case LOG_EXEC:
		case LOG_BARE:
		case LOG_UNSEEN:
			if (unwatched_by(unwatched, event))
				add_image(p, run, event);
			break;
		case LOG_EXIT:
		case LOG_SIGNAL:
			add_end(p, e->arena, run, event, home);
			break;
		case LOG_LEFT:
			add_left(p, run, event, home);
			break;
		default: /* nothing about which processes there were */
			break;
		}
	}
}

/* The image that was in the process when the record began. */
static struct process *find_image(const struct processes *p, size_t run,
				  const struct record_header *header)
{
	struct process *best = NULL;

	for (size_t i = 0; i < p->count; i++) {
		struct process *process = &p->list[i];

		if (process->run == run && process->pid == header->pid &&
		    process->start == header->start_ticks &&
		    process->began_ns &&
		    process->began_ns <= header->started_ns &&
		    (!best || process->began_ns >= best->began_ns))
			best = process;
	}
	return best;
}

/* One that called exec after its record began. */
static const struct process *find_later(const struct processes *p, size_t run,
					const struct record_header *header)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct process *process = &p->list[i];

		if (process->run == run && process->pid == header->pid &&
		    process->start == header->start_ticks &&
		    process->began_ns > header->started_ns)
			return process;
	}
	return NULL;
}

/* One of which only the end is known. */
static struct process *find_fork(struct processes *p, size_t run,
				 const struct record_header *header)
{
	for (size_t i = 0; i < p->count; i++) {
		struct process *process = &p->list[i];

		if (process->run == run && process->pid == header->pid &&
		    process->space == record_space(header->start_ticks) &&
		    !process->began_ns && !process->start &&
		    process->ended_ns > header->started_ns)
			return process;
	}
	return NULL;
}

static void became(struct process *process, const struct process *next)
{
	process->end = "exec";
	process->ended_ns = next->began_ns;
}

/*
 * Without a line in the log, which a child of fork() never has, a record tells
 * of its image itself.  The second one of a process came after an exec, and
 * what is known of the end is the end of that.
 */
static void claim(struct processes *p, const struct evidence_record *record)
{
	const struct record_header *header = reader_header(record->reader);
	struct process *image = find_image(p, record->run, header);
	const struct process *later = find_later(p, record->run, header);
	struct process *process = NULL;

	if (image && !image->recorded) {
		image->recorded = true;
		return;
	}
	if (!image && !later)
		process = find_fork(p, record->run, header);
	if (!process)
		process = add(p, record->run, header->pid,
			      record_space(header->start_ticks));
	process->start = header->start_ticks;
	process->began_ns = header->started_ns;
	process->exe = reader_string(record->reader, header->exe);
	process->watched = true;
	process->recorded = true;
	if (image) {
		process->end = image->end;
		process->ended_ns = image->ended_ns;
		became(image, process);
	} else if (later) {
		became(process, later);
	}
}

/*
 * Nobody has told of their end since there was none (a run that goes on), or
 * since nobody was there but one who saw that they were gone.
 */
static void find_living(struct processes *p, uint64_t ended_ns)
{
	for (size_t i = 0; i < p->count; i++) {
		struct process *process = &p->list[i];

		if (strcmp(process->end, END_UNKNOWN))
			continue;
		if (!process->ended_ns)
			process->ended_ns = ended_ns;
		if (!process->start ||
		    proc_start(process->pid) != process->start)
			continue;
		process->end = END_RUNNING;
		process->ended_ns = now_ns();
	}
}

/* What nobody has seen, or was seen as well: the kernel's word for it. */
static void add_death(struct processes *p, struct arena *arena,
		      const struct evidence_record *record)
{
	struct process *process =
		find_image(p, record->run, reader_header(record->reader));
	const char *end = record->died_of ? arena_printf(arena, "signal %d",
							 record->died_of)
					  : END_RUNNING;

	if (!process)
		return;
	if (!strcmp(process->end, END_UNKNOWN))
		process->end = end;
	if (record->died_of && !strcmp(process->end, end))
		process->died_in = record->died_in;
}

/* The last one that we know: a newer shim may mark other things. */
static bool last_mark(const struct reader *reader, struct record_mark *ret)
{
	uint32_t n = reader_count(reader, RECORD_MARKS);

	while (n-- > 0)
		if (reader_mark(reader, n, ret) && ret->kind >= MARK_EXIT &&
		    ret->kind <= MARK_RAW_EXIT)
			return true;
	return false;
}

/*
 * Who was reaped by the launcher has told it how, and may have been killed
 * after the mark; who is alive may have been about to end.
 */
static void take_mark(struct processes *p, struct arena *arena,
		      const struct evidence_record *record)
{
	const struct record_header *header = reader_header(record->reader);
	struct process *process = find_image(p, record->run, header);
	struct record_mark mark;

	if (!process || strcmp(process->end, END_UNKNOWN) ||
	    !last_mark(record->reader, &mark))
		return;
	process->end = arena_printf(arena, "exit %d", mark.status & 0377);
	process->ended_ns = header->started_ns + mark.when_ns;
}

/* Ends of processes that nothing else is known of tell nothing. */
static void drop_unknown(struct processes *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].pid > 0 &&
		    (p->list[i].watched || p->list[i].exe))
			p->list[kept++] = p->list[i];
	p->count = kept;
}

void processes_find(struct processes *p, const struct evidence *e,
		    const struct unwatched_list *unwatched)
{
	size_t most = e->record_count;

	for (size_t i = 0; i < e->run_count; i++)
		most += e->runs[i].has_log ? e->runs[i].log.count : 0;
	p->count = 0;
	p->list = arena_array(e->arena, most + 1, sizeof(*p->list));
	for (size_t i = 0; i < e->run_count; i++)
		if (e->runs[i].has_log)
			read_log(p, e, i, unwatched);
	for (size_t i = 0; i < e->record_count; i++)
		claim(p, &e->records[i]);
	find_living(p, e->ended_ns);
	for (size_t i = 0; i < e->record_count; i++)
		if (e->records[i].in_core)
			add_death(p, e->arena, &e->records[i]);
	for (size_t i = 0; i < e->record_count; i++)
		take_mark(p, e->arena, &e->records[i]);
	drop_unknown(p);
	for (size_t i = 0; i < p->count; i++)
		p->list[i].number = i;
}

const struct process *processes_of(const struct processes *p,
				   const struct evidence_record *record)
{
	return find_image(p, record->run, reader_header(record->reader));
}
