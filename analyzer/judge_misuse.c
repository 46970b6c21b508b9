/* SPDX-License-Identifier: MIT */
/*
 * What was done wrong with handles.
 *
 * A finding is at the place that acquired, which may stand in the record of
 * another process than the one that did wrong; where that is not known, it is
 * at the place of the misuse itself.
 */
#include "analyzer/judge.h"

/* A kind of event that becomes a finding is a row here. */
static const struct {
	enum record_event_kind event;
	enum kind_id kind;
} misuses[] = {
	{ EVENT_FORKED_FINISH, KIND_FORKED_FINISH },
};

/* KINDS if the record is of a newer version. */
static enum kind_id kind_of(const struct record_event *event)
{
	for (size_t i = 0; i < sizeof(misuses) / sizeof(misuses[0]); i++)
		if (misuses[i].event == event->kind)
			return misuses[i].kind;
	return KINDS;
}

static const struct evidence_record *owner_of(const struct evidence *e,
					      const struct record_event *event)
{
	for (size_t i = 0; i < e->record_count; i++) {
		const struct record_header *header =
			reader_header(e->records[i].reader);

		if (header->started_mono == event->owner_began &&
		    header->pid == event->owner_pid)
			return &e->records[i];
	}
	return NULL;
}

/*
 * The slot that the handle had when it was misused, at the monotonic time
 * `when`: a free one still says what it was, until another handle takes it.
 */
static bool find_slot(const struct reader *owner,
		      const struct record_event *event, uint64_t when,
		      struct record_slot *ret)
{
	const uint64_t began = reader_header(owner)->started_mono;
	struct record_slot slot;
	bool found = false;

	for (uint32_t i = 0; i < reader_count(owner, RECORD_SLOTS); i++) {
		if (!reader_slot(owner, i, &slot) ||
		    slot.handle != event->handle ||
		    slot.site != event->owner_site ||
		    began + slot.acquired_ns > when)
			continue;
		if (found && ret->acquired_ns > slot.acquired_ns)
			continue;
		*ret = slot;
		found = true;
	}
	return found;
}

/* Acquired by its owner, but misused by the process of `record`. */
static void fill_handle(struct report *r, const struct evidence_record *owner,
			const struct reader *reader,
			const struct process *process,
			const struct record_event *event,
			struct report_handle *out)
{
	const struct record_header *header = reader_header(reader);
	const uint64_t now = header->started_ns + event->when_ns;
	struct record_slot slot = { .server = RECORD_NONE };
	bool known;

	known = owner &&
		find_slot(owner->reader, event,
			  header->started_mono + event->when_ns, &slot);
	judge_fill_handle(&r->arena, owner ? owner->reader : reader, &slot,
			  NULL, out);
	if (!known)
		out->acquired_at = 0;
	else if (now > out->acquired_at)
		out->age_s = (double)(now - out->acquired_at) / 1e9;
	out->pid = header->pid;
	out->process = process ? process->number : SIZE_MAX;
	out->tid = event->tid;
}

static void add_misuse(struct report *r, struct places *places,
		       const struct evidence *e, const struct reader *reader,
		       const struct process *process,
		       const struct record_event *event)
{
	const struct evidence_record *owner = owner_of(e, event);
	struct place *where = places_find(places, reader, event->stack);
	struct place *place = where;
	struct report_handle handle;

	fill_handle(r, owner, reader, process, event, &handle);
	if (owner)
		place = places_find(places, owner->reader, event->owner_site);
	if (place == places->nowhere)
		place = where;
	places_add_misuse(places, place, kind_of(event), where, &handle);
}

void judge_misuses(struct report *r, struct places *places,
		   const struct evidence *e, const struct processes *processes)
{
	for (size_t i = 0; i < e->record_count; i++) {
		const struct reader *reader = e->records[i].reader;
		const struct process *process =
			processes_of(processes, &e->records[i]);
		struct record_event event;
		unsigned unknown = 0;

		for (uint32_t n = 0; n < reader_count(reader, RECORD_EVENTS);
		     n++) {
			if (!reader_event(reader, n, &event))
				continue;
			if (kind_of(&event) == KINDS)
				unknown++;
			else
				add_misuse(r, places, e, reader, process,
					   &event);
		}
		r->totals.lost += unknown;
		if (unknown)
			judge_add_incomplete(
				r, REASON_LOST,
				arena_printf(&r->arena,
					     "process %d: this version does "
					     "not know %u things it did wrong",
					     reader_header(reader)->pid,
					     unknown));
	}
}
