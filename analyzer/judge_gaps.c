/* SPDX-License-Identifier: MIT */
/* Why the picture may be incomplete: nothing lost goes unsaid. */
#include "analyzer/blind.h"
#include "analyzer/judge.h"
#include "analyzer/naming.h"

#include <string.h>

/* Worded to follow a number; the order is enum record_loss. */
static const char *const losses[LOSS_KINDS] = {
	[LOSS_HANDLE] = "handles",
	[LOSS_SITE] = "acquiring stacks",
	[LOSS_STACK] = ("stacks (one frame of each is known: libpq was loaded "
			"late, or libunwind8 is missing)"),
	[LOSS_SERVER] = "server names",
	[LOSS_MODULE] = "names of modules",
	[LOSS_PROCESS] = "children's records",
	[LOSS_EVENT] = "things done wrong",
	[LOSS_SCAN] = "holders of handles",
	[LOSS_POOL] = "acquires and releases of pools",
	[LOSS_HOLD] = "long holds, errors, or who had a pool that ran dry",
};

void judge_add_incomplete(struct report *r, enum report_reason reason,
			  const char *text)
{
	r->incomplete = arena_grow(&r->arena, r->incomplete,
				   r->incomplete_count, sizeof(*r->incomplete));
	r->incomplete[r->incomplete_count].allowed = false;
	r->incomplete[r->incomplete_count].reason = reason;
	r->incomplete[r->incomplete_count++].text = text;
}

struct report_note *judge_add_note(struct report *r, int pid, const char *exe,
				   const char *why)
{
	struct report_note *note;

	r->notes = arena_grow(&r->arena, r->notes, r->note_count,
			      sizeof(*r->notes));
	note = &r->notes[r->note_count++];
	*note = (struct report_note){ .pid = pid, .exe = exe, .why = why };
	return note;
}

static const char *name_of(struct arena *arena, int pid, const char *exe)
{
	if (!exe)
		return arena_printf(arena, "process %d", pid);
	return arena_printf(arena, "process %d (%s)", pid, naming_base(exe));
}

/* "process 7 (app): 12 handles, 1 server names could not be kept" */
static void add_record(struct report *r, const struct reader *reader)
{
	const struct record_header *header = reader_header(reader);
	const char *what = NULL;

	for (int i = 0; i < LOSS_KINDS; i++) {
		const unsigned long long lost = header->lost[i];

		if (!lost)
			continue;
		r->totals.lost += lost;
		what = arena_printf(&r->arena, "%s%s%llu %s", what ? what : "",
				    what ? ", " : "", lost,
				    losses[i] ? losses[i] : "other things");
	}
	if (what)
		judge_add_incomplete(
			r, REASON_LOST,
			arena_printf(
				&r->arena, "%s: %s could not be kept",
				name_of(&r->arena, header->pid,
					reader_string(reader, header->exe)),
				what));
	if (reader_in_flight(reader) && !r->viewed_ns)
		judge_add_note(
			r, header->pid, reader_string(reader, header->exe),
			arena_printf(&r->arena,
				     "%u events were under way when it ended",
				     reader_in_flight(reader)));
}

static const char *exe_of(const struct log *log, int32_t pid, uint64_t start)
{
	for (size_t i = 0; i < log->count; i++)
		if (log->events[i].kind == LOG_IMAGE &&
		    log->events[i].pid == pid && log->events[i].start == start)
			return log->events[i].exe;
	return NULL;
}

static bool is_there(const struct evidence_run *run, const char *name)
{
	for (size_t i = 0; i < run->name_count; i++)
		if (!strcmp(run->names[i], name))
			return true;
	return false;
}

/* Why there is no record of a process that wanted one; NULL if there is. */
static const char *why_missing(struct report *r, const struct evidence_run *run,
			       const struct log_event *event)
{
	if (event->kind == LOG_LOST)
		return arena_printf(&r->arena,
				    "its record could not be made: %s",
				    strerror(event->number));
	if (event->kind == LOG_RECORD && !is_there(run, event->what))
		return "its record is gone: somebody has removed it";
	return NULL;
}

static bool add_without_record(struct report *r, const struct evidence_run *run)
{
	const struct log *log = &run->log;
	bool any = false;

	for (size_t i = 0; i < log->count; i++) {
		const struct log_event *event = &log->events[i];
		const char *why = why_missing(r, run, event);

		if (!why)
			continue;
		any = true;
		r->totals.lost++;
		judge_add_incomplete(
			r, REASON_LOST,
			arena_printf(
				&r->arena, "%s: %s",
				name_of(&r->arena, event->pid,
					exe_of(log, event->pid, event->start)),
				why));
	}
	if (log->malformed)
		judge_add_note(
			r, 0, NULL,
			arena_printf(&r->arena,
				     "%zu lines of the run's log are not "
				     "whole",
				     log->malformed));
	return any;
}

/* Worded to follow a number. */
static const char *const gaps[GAP_KINDS] = {
	[GAP_RECORD] = "records that could not be made, nor named in the log",
	[GAP_CONNECT] = "connections past libpq that the log could not take",
};

/* What was counted by those that could not write into the log. */
static bool add_gaps(struct report *r, const struct evidence_run *run)
{
	bool any = false;

	for (int i = 0; i < GAP_KINDS; i++) {
		if (!run->gaps[i])
			continue;
		any = true;
		r->totals.lost += run->gaps[i];
		judge_add_incomplete(
			r, REASON_LOST,
			arena_printf(&r->arena, "%llu %s",
				     (unsigned long long)run->gaps[i],
				     gaps[i] ? gaps[i] : "other things"));
	}
	return any;
}

/* We cannot close it for them; but a job that hangs should tell why. */
static void add_holders(struct report *r, const struct log *log)
{
	for (size_t i = 0; i < log->count; i++) {
		const int32_t pid = log->events[i].pid;
		const char *exe = NULL;

		if (log->events[i].kind != LOG_HOLDS)
			continue;
		for (size_t j = 0; j < i; j++)
			if (log->events[j].kind == LOG_IMAGE &&
			    log->events[j].pid == pid)
				exe = log->events[j].exe;
		judge_add_note(r, pid, exe,
			       "was left running with our standard output or "
			       "error open: who waits for the end of that pipe "
			       "waits for it");
	}
}

void judge_gaps(struct report *r, const struct evidence *e,
		const struct unwatched_list *unwatched, const char *could_not)
{
	bool tried = could_not || e->record_count || e->bad_count, blind;

	blind = blind_judge(r, e, unwatched);
	if (could_not)
		judge_add_incomplete(r, REASON_LOST, could_not);
	for (size_t i = 0; i < e->record_count; i++)
		add_record(r, e->records[i].reader);
	for (size_t i = 0; i < e->bad_count; i++)
		judge_add_incomplete(r, REASON_LOST, e->bad[i]);
	r->totals.lost += e->bad_count + (could_not != NULL);
	for (size_t i = 0; i < e->run_count; i++) {
		if (e->runs[i].has_log) {
			tried |= add_without_record(r, &e->runs[i]);
			add_holders(r, &e->runs[i].log);
		}
		tried |= add_gaps(r, &e->runs[i]);
	}
	if (!tried)
		judge_add_incomplete(
			r, REASON_NO_LIBPQ,
			blind ? "no process that was watched ever loaded "
				"libpq, so nothing was checked"
			      : "no process of this run ever loaded "
				"libpq, so nothing was checked");
	if (e->unfinished && !r->viewed_ns)
		judge_add_note(
			r, 0, NULL,
			arena_printf(&r->arena,
				     "%zu processes ended before their first "
				     "connection",
				     e->unfinished));
}
