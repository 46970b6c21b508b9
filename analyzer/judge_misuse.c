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
} kinds[] = {
	{ EVENT_FORKED_FINISH, KIND_FORKED_FINISH },
	{ EVENT_HEIR_FINISH,
	  KIND_FORKED_FINISH }, /* if it was not handed over */
	{ EVENT_DOUBLE_FINISH, KIND_DOUBLE_FINISH },
	{ EVENT_DOUBLE_RELEASE, KIND_DOUBLE_RELEASE },
	{ EVENT_UNKNOWN_RELEASE, KIND_UNKNOWN_RELEASE },
	{ EVENT_USE_AFTER_RELEASE, KIND_USE_AFTER_RELEASE },
	{ EVENT_FINISHED_WHILE_LEASED, KIND_FINISHED_WHILE_LEASED },
	{ EVENT_RELEASED_IN_TRANSACTION, KIND_RELEASED_IN_TRANSACTION },
	{ EVENT_RELEASED_UNDRAINED, KIND_RELEASED_UNDRAINED },
};

/* One event, by the process whose pools these are. */
struct misuse {
	struct record_event event;
	const struct pools *by;
	const struct process *process;
	const struct pools *owner; /* NULL: its record is missing */
	enum kind_id kind;	   /* KINDS: of a newer version */
	struct record_slot slot;   /* of the handle in the owner's record ... */
	uint32_t slot_number;	   /* ... or RECORD_NONE */
};

static enum kind_id kind_of(const struct record_event *event)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].event == event->kind)
			return kinds[i].kind;
	return KINDS;
}

/* Whoever says nothing of it means himself. */
static const struct pools *owner_of(const struct misuse *m,
				    const struct evidence *e,
				    const struct pools *all)
{
	if (!m->event.owner_pid)
		return m->by;
	for (size_t i = 0; i < e->record_count; i++) {
		const struct record_header *header =
			reader_header(e->records[i].reader);

		if (header->started_mono == m->event.owner_began &&
		    header->pid == m->event.owner_pid)
			return &all[i];
	}
	return NULL;
}

/*
 * The slot that the handle had when it was misused: a free one still says what
 * it was, until another handle takes it.
 */
static void find_slot(struct misuse *m)
{
	const struct reader *owner = m->owner->reader;
	const uint64_t when = reader_header(m->by->reader)->started_mono +
			      m->event.when_ns -
			      reader_header(owner)->started_mono;
	struct record_slot slot;

	for (uint32_t i = 0; i < reader_count(owner, RECORD_SLOTS); i++) {
		if (!reader_slot(owner, i, &slot) ||
		    slot.handle != m->event.handle ||
		    slot.site != m->event.owner_site || slot.acquired_ns > when)
			continue;
		if (m->slot_number != RECORD_NONE &&
		    m->slot.acquired_ns > slot.acquired_ns)
			continue;
		m->slot = slot;
		m->slot_number = i;
	}
}

static void look_at(struct misuse *m, const struct evidence *e,
		    const struct pools *all)
{
	m->owner = owner_of(m, e, all);
	m->kind = kind_of(&m->event);
	m->slot = (struct record_slot){ .server = RECORD_NONE,
					.pool = RECORD_NONE };
	m->slot_number = RECORD_NONE;
	if (m->owner)
		find_slot(m);
}

bool judge_is_handed_over(const struct handovers *h,
			  const struct reader *reader, uint32_t slot)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->list[i].reader == reader && h->list[i].slot == slot)
			return true;
	return false;
}

/* The first heir of what was never given back; all others did wrong. */
static bool is_handover(const struct misuse *m, const struct handovers *h)
{
	return m->event.kind == EVENT_HEIR_FINISH &&
	       m->slot_number != RECORD_NONE && m->slot.state != SLOT_FREE &&
	       !judge_is_handed_over(h, m->owner->reader, m->slot_number);
}

/*
 * To finish what has no session ends nobody's.  Nor is an owner harmed that has
 * ended; where its record is missing, as when a process is judged alone, nobody
 * can say that there was another heir.
 */
static bool is_harmless(const struct misuse *m)
{
	return m->kind == KIND_FORKED_FINISH &&
	       (!(m->event.flags & EVENT_ESTABLISHED) ||
		(m->event.kind == EVENT_HEIR_FINISH && !m->owner));
}

static void add_handover(struct arena *arena, struct handovers *h,
			 const struct misuse *m)
{
	h->list = arena_grow(arena, h->list, h->count, sizeof(*h->list));
	h->list[h->count].reader = m->owner->reader;
	h->list[h->count++].slot = m->slot_number;
}

/* Acquired by its owner, but misused by another process. */
static void fill_handle(struct arena *arena, const struct misuse *m,
			struct report_handle *out)
{
	const struct record_header *header = reader_header(m->by->reader);
	const uint64_t now = header->started_ns + m->event.when_ns;

	judge_fill_handle(arena, m->owner ? m->owner : m->by, &m->slot, NULL,
			  out);
	if (m->event.pool != RECORD_NONE)
		out->pool = pools_name(m->by, m->event.pool);
	if (m->slot_number == RECORD_NONE)
		out->acquired_at = 0;
	else if (now > out->acquired_at)
		out->age_s = (double)(now - out->acquired_at) / 1e9;
	out->pid = header->pid;
	out->process = m->process ? m->process->number : SIZE_MAX;
	out->tid = m->event.tid;
}

static void add_misuse(struct report *r, struct places *places,
		       const struct misuse *m)
{
	struct place *where =
		places_find(places, m->by->reader, m->event.stack);
	struct place *place = where;
	struct report_handle handle;

	fill_handle(&r->arena, m, &handle);
	if (m->owner)
		place = places_find(places, m->owner->reader,
				    m->event.owner_site);
	if (place == places->nowhere)
		place = where;
	places_add_misuse(places, place, m->kind, where, &handle,
			  m->event.more);
}

static void add_unknown(struct report *r, const struct reader *reader,
			unsigned count)
{
	if (!count)
		return;
	r->totals.lost += count;
	judge_add_incomplete(r, REASON_LOST,
			     arena_printf(&r->arena,
					  "process %d: this version does not "
					  "know %u things that it did wrong",
					  reader_header(reader)->pid, count));
}

static void add_record(struct report *r, struct places *places,
		       const struct evidence *e, const struct pools *all,
		       struct misuse m, struct handovers *h)
{
	unsigned unknown = 0;

	for (uint32_t i = 0; i < reader_count(m.by->reader, RECORD_EVENTS);
	     i++) {
		if (!reader_event(m.by->reader, i, &m.event) ||
		    !pools_counts(m.by, m.event.pool))
			continue;
		look_at(&m, e, all);
		if (m.kind == KINDS)
			unknown++;
		else if (is_handover(&m, h))
			add_handover(&r->arena, h, &m);
		else if (!is_harmless(&m))
			add_misuse(r, places, &m);
	}
	add_unknown(r, m.by->reader, unknown);
}

void judge_misuses(struct report *r, struct places *places,
		   const struct evidence *e, const struct pools *pools,
		   const struct processes *processes,
		   struct handovers *ret_handovers)
{
	*ret_handovers = (struct handovers){ .count = 0 };
	for (size_t i = 0; i < e->record_count; i++)
		add_record(
			r, places, e, pools,
			(struct misuse){ .by = &pools[i],
					 .process = processes_of(
						 processes, &e->records[i]) },
			ret_handovers);
}
