/* SPDX-License-Identifier: MIT */
/* Which record a core goes with, and what it adds to that. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "analyzer/core.h"
#include "analyzer/evidence.h"
#include "analyzer/naming.h"
#include "analyzer/printable.h"

/* The record, as far as it is in the core itself. */
static int open_pages(const struct core *c, const struct core_record *record,
		      struct reader **ret, const char **ret_why)
{
	struct input pages;

	if (!record->part_count) {
		*ret_why = NULL;
		return -ENOENT;
	}
	input_parts(&pages, &c->in, record->parts, record->part_count);
	return reader_open_input(&pages, ret, ret_why);
}

/* The file that the process had mapped, if it is still that. */
static struct reader *open_file(const struct core_record *record)
{
	const struct record_header *header;
	struct reader *reader;
	const char *why;

	if (reader_open(AT_FDCWD, record->path, &reader, &why))
		return NULL;
	header = reader_header(reader);
	if (header->pid == record->pid && header->start_ticks == record->start)
		return reader;
	reader_free(reader);
	return NULL;
}

static const char *why_missing(struct evidence *e, const struct core *c,
			       const struct core_record *record,
			       const char *damage)
{
	const char *path = printable_text(e->arena, record->path);

	if (c->cut)
		return arena_printf(e->arena,
				    "it is truncated: the record of process %d "
				    "is not whole in it, and %s is gone",
				    record->pid, path);
	if (damage)
		return arena_printf(e->arena,
				    "the record of process %d in it: %s",
				    record->pid, damage);
	return arena_printf(
		e->arena,
		"the record of process %d is not in it, and %s is gone; name "
		"it too if it was moved\n"
		"  To have it in the next one: echo 0x3b "
		">/proc/$$/coredump_filter in the shell that starts the "
		"program, or CoredumpFilter=default shared-file-backed in its "
		"systemd unit",
		record->pid, path);
}

static const char *why_none(struct evidence *e, const struct core *c)
{
	const struct core_record *other = c->records;

	if (!c->record_count)
		return arena_printf(e->arena,
				    "process %d had no record: it was not "
				    "watched, or had not used libpq yet",
				    c->pid);
	return arena_printf(e->arena,
			    "process %d had no record of its own, only that of "
			    "process %d: it was forked from there and had not "
			    "used libpq since%s",
			    c->pid, other->pid,
			    c->by_kernel || !record_space(other->start)
				    ? ""
				    : ", or gdb wrote the core from outside of "
				      "its pid namespace");
}

static int refuse(struct evidence *e, const char *path, const char *why,
		  const char **ret_error)
{
	*ret_error = arena_printf(e->arena, "%s: %s", path, why);
	return -ENODATA;
}

int evidence_add_core(struct evidence *e, const char *path, struct input *in,
		      const char **ret_error)
{
	struct evidence_core new = { .path = path };
	const struct core_record *record;
	const char *why;
	struct core c;

	if (core_read(&c, e->arena, in, &why))
		return refuse(e, path, why, ret_error);
	record = core_own_record(&c);
	if (!record)
		return refuse(e, path, why_none(e, &c), ret_error);
	new.record_path = record->path;
	new.signal = c.signal;
	/* From outside of the pid namespace, threads had other numbers. */
	new.tid = record->pid == c.pid ? c.tid : 0;
	new.pages = !open_pages(&c, record, &new.reader, &why);
	if (!new.pages) {
		new.reader = open_file(record);
		new.why = why_missing(e, &c, record, why);
	}
	e->cores = arena_grow(e->arena, e->cores, e->core_count,
			      sizeof(*e->cores));
	e->cores[e->core_count++] = new;
	return 0;
}

static bool is_same(const struct record_header *a,
		    const struct record_header *b)
{
	return a->pid == b->pid && a->start_ticks == b->start_ticks &&
	       a->started_ns == b->started_ns;
}

/* By what both say; by its name where the core has no more than that. */
static struct evidence_record *find_record(const struct evidence *e,
					   const struct evidence_core *core)
{
	const char *name = naming_base(core->record_path);

	for (size_t i = 0; i < e->record_count; i++) {
		struct evidence_record *record = &e->records[i];

		if (core->reader ? is_same(reader_header(record->reader),
					   reader_header(core->reader))
				 : !strcmp(record->name, name))
			return record;
	}
	return NULL;
}

/* The run whose log knows the process; a new one if there is none. */
static size_t find_run(struct evidence *e, const struct record_header *header)
{
	for (size_t i = 0; i < e->run_count; i++) {
		const struct log *log = &e->runs[i].log;

		for (size_t j = 0; e->runs[i].has_log && j < log->count; j++)
			if (log->events[j].kind == LOG_IMAGE &&
			    log->events[j].pid == header->pid &&
			    log->events[j].start == header->start_ticks)
				return i;
	}
	return evidence_add_run(e);
}

static int settle(struct evidence *e, struct evidence_core *core,
		  const char **ret_error)
{
	struct evidence_record *record = find_record(e, core);
	const bool is_new = !record;

	if (!record && !core->reader)
		return refuse(e, core->path, core->why, ret_error);
	if (is_new) {
		const size_t run = find_run(e, reader_header(core->reader));

		record = evidence_add_record(e, core->reader, core->record_path,
					     run);
		core->reader = NULL;
	}
	/* Who was alive then has gone on: a file tells of a later moment. */
	if (!core->signal && !(is_new && core->pages))
		return 0;
	record->in_core = true;
	record->died_of = core->signal;
	record->died_in = core->tid;
	return 0;
}

int evidence_settle(struct evidence *e, const char **ret_error)
{
	int err = 0;

	for (size_t i = 0; i < e->core_count && !err; i++)
		err = settle(e, &e->cores[i], ret_error);
	return err;
}
