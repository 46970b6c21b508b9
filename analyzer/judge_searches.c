/* SPDX-License-Identifier: MIT */
/* Why nothing, or less than might be, was called lost. */
#include "analyzer/judge.h"

/* How many handles of a process the search left open; it seeks no lease. */
struct open_questions {
	unsigned undecided, maybe;
};

static struct open_questions count(const struct classes *c)
{
	struct open_questions questions = { 0 };
	struct record_slot slot;
	struct record_scan scan;

	for (uint32_t i = 0; i < c->slot_count; i++) {
		if (!reader_slot(c->reader, i, &slot) ||
		    slot.state == SLOT_FREE || slot.kind == HANDLE_LEASE)
			continue;
		if (!classes_scan(c, i, &slot, &scan) ||
		    scan.answer == ANSWER_NONE)
			questions.undecided++;
		else if (scan.answer == ANSWER_MAYBE)
			questions.maybe++;
	}
	return questions;
}

/* The cure stands behind the cause; words of the outcome, or NULL. */
static const char *why_not_complete(struct arena *arena,
				    const struct record_search *search)
{
	switch (search->outcome) {
	case OUTCOME_LATE:
		return arena_printf(
			arena,
			"the search for what still points to its connections "
			"was cut short after %llu ms: give it more time with "
			"--scan-time",
			(unsigned long long)(search->took_ns / 1000000));
	case OUTCOME_MEMORY:
		return "there was too much memory to search for what still "
		       "points to its connections, or none left to do it: give "
		       "it more time with --scan-time, or a smaller input";
	case OUTCOME_OFF:
		return "what still points to its connections was not searched "
		       "for, because of --no-scan";
	default:
		return "the search for what still points to its connections "
		       "failed";
	}
}

static const struct {
	uint16_t doubt;
	const char *words;
} doubts[] = {
	{ DOUBT_REGISTERS, "the registers of a thread could not be read" },
	{ DOUBT_MEMORY, "some of its memory could not be looked at" },
	{ DOUBT_KERNEL, "the kernel may have been given a pointer" },
	{ DOUBT_LATE, "exit handlers, or an interpreter, may have taken things "
		      "apart before" },
};

static const char *why_in_doubt(struct arena *arena, uint16_t set)
{
	const char *all = NULL;

	for (size_t i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++)
		if (set & doubts[i].doubt)
			all = arena_printf(arena, "%s%s%s", all ? all : "",
					   all ? ", and " : "",
					   doubts[i].words);
	if (!all)
		return NULL;
	return arena_printf(arena,
			    "nothing points to some of its connections, but "
			    "they are not called lost: %s",
			    all);
}

void judge_searches(struct report *r, const struct classes *c)
{
	const struct record_header *header = reader_header(c->reader);
	const struct open_questions questions = count(c);
	const char *why = NULL;

	if (!c->searched)
		return;
	if (c->search.outcome != OUTCOME_COMPLETE && questions.undecided)
		why = why_not_complete(&r->arena, &c->search);
	else if (c->search.outcome == OUTCOME_COMPLETE && questions.maybe)
		why = why_in_doubt(&r->arena, c->search.doubts);
	if (why)
		judge_add_note(r, header->pid,
			       reader_string(c->reader, header->exe), why);
}
