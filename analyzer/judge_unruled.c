/* SPDX-License-Identifier: MIT */
/*
 * A pool that no rule is about: its threads take turns with connections, and
 * what it hands out is not watched.  Nobody would miss it in the report.
 */
#include "analyzer/judge.h"

#include <string.h>

#include "analyzer/naming.h"
#include "analyzer/printable.h"

#define SHARED_LEAST 2 /* one that all use behind a lock is no pool */

static bool has_pool(const struct pools *pools)
{
	for (uint32_t i = 0; i < pools->count; i++)
		if (pools->list[i].name)
			return true;
	return false;
}

static uint64_t count_shared(const struct reader *reader)
{
	const uint32_t slots = reader_count(reader, RECORD_SLOTS);
	uint64_t count = reader_header(reader)->totals[TOTAL_TAKEN_TURNS];
	struct record_slot slot;

	for (uint32_t i = 0; i < slots; i++)
		if (reader_slot(reader, i, &slot) && slot.state != SLOT_FREE &&
		    slot.kind == HANDLE_CONNECTION && slot.turns)
			count++;
	return count;
}

/* No rule can be written for a pool that is a script's. */
static bool is_script(const char *exe)
{
	struct report_frame frame = { .module = exe };
	const struct report_stack stack = { .frames = &frame, .count = 1 };

	return !naming_has_users(&stack);
}

static bool was_told(const struct report *r, const char *exe)
{
	for (size_t i = 0; i < r->note_count; i++)
		if (r->notes[i].always && r->notes[i].exe &&
		    !strcmp(r->notes[i].exe, exe))
			return true;
	return false;
}

void judge_unruled(struct report *r, const struct evidence *e,
		   const struct pools *pools)
{
	for (size_t i = 0; i < e->record_count; i++) {
		const struct reader *reader = e->records[i].reader;
		const struct record_header *header = reader_header(reader);
		const char *exe = reader_string(reader, header->exe);
		const uint64_t shared = count_shared(reader);

		if (shared < SHARED_LEAST || has_pool(&pools[i]) || !exe ||
		    is_script(exe) || was_told(r, exe))
			continue;
		judge_add_note(
			r, header->pid, exe,
			arena_printf(&r->arena,
				     "threads took turns with %llu "
				     "connections, as with those of a pool, "
				     "but no rule is about it; to look for "
				     "one: connleak scan %s",
				     (unsigned long long)shared,
				     printable_word(&r->arena, exe)))
			->always = true;
	}
}
