/* SPDX-License-Identifier: MIT */
#include "tests/judged.h"

#include <check.h>

struct gate gate;
struct evidence evidence;
struct report report;

static struct arena arena;

void judged_begin(void)
{
	const char *error;

	scratch_make();
	arena_init(&arena);
	arena_init(&report.arena);
	ck_assert_int_eq(gate_parse(&gate, NULL, false, NULL, &arena, &error),
			 0);
}

void judged_end(void)
{
	evidence_release(&evidence);
	arena_release(&report.arena);
	arena_release(&arena);
	scratch_remove();
}

void judged_save(struct make_record *m, const char *name)
{
	make_finish(m);
	make_save(m, scratch_path(name));
	make_release(m);
}

void read_scratch(void)
{
	const char *error = "";

	evidence_init(&evidence, &arena);
	ck_assert_msg(!evidence_add(&evidence, scratch, &error), "%s", error);
}

void judge_scratch(void)
{
	read_scratch();
	judge(&report, &evidence, &gate, NULL);
}
