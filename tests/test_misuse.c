/* SPDX-License-Identifier: MIT */
/*
 * What was done wrong with handles becomes a finding where they were acquired:
 * analyzer/judge_misuse.c, on records made by hand.
 */
#include <stdio.h>
#include <string.h>

#include "tests/judged.h"
#include "tests/suites.h"

#define OWNER_BEGAN 5000u /* monotonic */

static struct make_record made;

static uint32_t start_record(int pid, uint64_t began, const char *function,
			     uint64_t offset)
{
	struct record_module module = { .build_id_size = 20 };

	make_init(&made);
	made.header.pid = pid;
	made.header.started_mono = began;
	made.header.started_ns = 1000000 + began;
	memset(module.build_id, 0xab, 20);
	make_module(&made, &module);
	return make_site_at(&made, function, offset);
}

/* As if so many had been acquired at its site. */
static void save_record(const char *name, uint64_t acquired)
{
	struct record_site *site;

	make_finish(&made);
	site = make_element(&made, RECORD_SITES, 0);
	site->acquired = acquired;
	make_save(&made, scratch_path(name));
	make_release(&made);
}

/*
 * Process 7 acquired handle 0x10, gave it back or not, and later another one
 * at the same address.
 */
static void make_owner(enum record_slot_state state)
{
	struct record_slot slot = {
		.kind = HANDLE_CONNECTION,
		.state = (uint8_t)state,
		.handle = 0x10,
		.site = start_record(7, OWNER_BEGAN, "PQconnectdb", 0x100),
		.server = RECORD_NONE,
		.acquired_ns = 100,
		.backend_pid = 42,
	};

	make_slot(&made, &slot);
	slot.acquired_ns = 90000; /* when it had been misused long ago */
	slot.backend_pid = 43;
	slot.state = SLOT_FREE;
	make_slot(&made, &slot);
	made.header.totals[TOTAL_CONNECTS] = 2;
	made.header.totals[TOTAL_FINISHES] = 1;
	save_record("7-5-0.rec", 2);
}

/* Process `pid` did something wrong with it, at 2000 of its own time. */
static void make_child_of(int pid, unsigned kind, uint64_t offset,
			  unsigned flags)
{
	struct record_event event = {
		.kind = (uint16_t)kind,
		.flags = (uint16_t)flags,
		.when_ns = 2000,
		.handle = 0x10,
		.owner_began = OWNER_BEGAN,
		.owner_pid = 7,
		.tid = pid,
	};
	char name[32];

	event.stack = start_record(pid, 6000, "PQfinish", offset);
	make_event(&made, &event);
	snprintf(name, sizeof(name), "%d-5-0.rec", pid);
	save_record(name, 0);
}

static void make_child(int pid, unsigned kind, uint64_t offset)
{
	make_child_of(pid, kind, offset, EVENT_ESTABLISHED);
}

static uint64_t finding_count(const char *kind)
{
	for (size_t i = 0; i < report.finding_count; i++)
		if (!strcmp(report.findings[i].kind, kind))
			return report.findings[i].count;
	return 0;
}

START_TEST(a_misuse_is_found_where_the_handle_was_acquired)
{
	const struct report_finding *f;

	make_owner(SLOT_FREE);
	make_child(8, EVENT_FORKED_FINISH, 0x200);
	judge_scratch();
	f = report.findings;
	ck_assert_uint_eq(report.finding_count, 1);
	ck_assert_str_eq(f->kind, "forked-finish");
	ck_assert_ptr_null(f->class);
	ck_assert(f->gates);
	ck_assert_str_eq(f->function, "PQconnectdb");
	ck_assert_uint_eq(f->stack.frames[0].offset, 0x100);
	ck_assert_uint_eq(f->misused_count, 1);
	ck_assert_str_eq(f->misused_at[0].function, "PQfinish");
	ck_assert_uint_eq(f->misused_at[0].stack.frames[0].offset, 0x200);
	ck_assert_int_eq(report.status, REPORT_FINDINGS);
}
END_TEST

START_TEST(its_handle_is_the_owners_and_its_process_the_other)
{
	make_owner(SLOT_FREE);
	make_child(8, EVENT_FORKED_FINISH, 0x200);
	judge_scratch();
	ck_assert_int_eq(report.findings[0].handles[0].pid, 8);
	ck_assert_int_eq(report.findings[0].handles[0].tid, 8);
	ck_assert_int_eq(report.findings[0].handles[0].backend_pid, 42);
	ck_assert_uint_eq(report.findings[0].handles[0].acquired_at,
			  1000000 + OWNER_BEGAN + 100);
}
END_TEST

START_TEST(each_place_that_did_wrong_is_named_once)
{
	make_owner(SLOT_FREE);
	make_child(8, EVENT_FORKED_FINISH, 0x200);
	make_child(9, EVENT_FORKED_FINISH, 0x300);
	make_child(10, EVENT_FORKED_FINISH, 0x200);
	judge_scratch();
	ck_assert_uint_eq(report.finding_count, 1);
	ck_assert_uint_eq(report.findings[0].count, 3);
	ck_assert_uint_eq(report.findings[0].misused_count, 2);
	ck_assert_uint_eq(report.findings[0].misused_at[0].count +
				  report.findings[0].misused_at[1].count,
			  3);
}
END_TEST

START_TEST(without_the_owners_record_it_is_found_where_it_was_done)
{
	make_child(8, EVENT_FORKED_FINISH, 0x200);
	judge_scratch();
	ck_assert_uint_eq(report.finding_count, 1);
	ck_assert_uint_eq(report.findings[0].stack.frames[0].offset, 0x200);
	ck_assert_ptr_null(report.findings[0].function);
	ck_assert_uint_eq(report.findings[0].handles[0].acquired_at, 0);
}
END_TEST

/* The same pid, as of one that has called exec; it began at another time. */
START_TEST(what_a_child_finishes_after_its_owners_end_is_finished)
{
	make_owner(SLOT_ESTABLISHED);
	make_child(8, EVENT_HEIR_FINISH, 0x200);
	judge_scratch();
	ck_assert_uint_eq(report.finding_count, 0);
	ck_assert_int_eq(report.status, REPORT_CLEAN);
	ck_assert_uint_eq(report.totals.finishes, 2);
	ck_assert_uint_eq(report.totals.open_at_end, 0);
	ck_assert_uint_eq(report.sites[0].released, 1);
	ck_assert_uint_eq(report.sites[0].open, 0);
}
END_TEST

START_TEST(only_one_child_is_the_heir)
{
	make_owner(SLOT_ESTABLISHED);
	make_child(8, EVENT_HEIR_FINISH, 0x200);
	make_child(9, EVENT_HEIR_FINISH, 0x200);
	judge_scratch();
	ck_assert_uint_eq(report.finding_count, 1);
	ck_assert_uint_eq(finding_count("forked-finish"), 1);
	ck_assert_uint_eq(report.totals.finishes, 2);
}
END_TEST

START_TEST(there_is_no_heir_of_what_its_owner_has_finished)
{
	make_owner(SLOT_FREE);
	make_child(8, EVENT_HEIR_FINISH, 0x200);
	judge_scratch();
	ck_assert_uint_eq(finding_count("forked-finish"), 1);
	ck_assert_uint_eq(report.totals.finishes, 1);
}
END_TEST

START_TEST(an_heir_alone_has_done_no_wrong)
{
	make_child(8, EVENT_HEIR_FINISH, 0x200);
	judge_scratch();
	ck_assert_uint_eq(report.finding_count, 0);
	ck_assert_int_eq(report.status, REPORT_CLEAN);
}
END_TEST

START_TEST(to_finish_what_has_no_session_harms_nobody)
{
	make_owner(SLOT_FREE);
	make_child_of(8, EVENT_HEIR_FINISH, 0x200, 0);
	judge_scratch();
	ck_assert_uint_eq(report.finding_count, 0);
}
END_TEST

START_TEST(another_image_of_the_owner_is_not_the_owner)
{
	make_owner(SLOT_FREE);
	start_record(7, OWNER_BEGAN + 1, "PQconnectdb", 0x400);
	save_record("7-5-1.rec", 1);
	make_child(8, EVENT_FORKED_FINISH, 0x200);
	judge_scratch();
	ck_assert_uint_eq(report.finding_count, 1);
	ck_assert_uint_eq(report.findings[0].stack.frames[0].offset, 0x100);
}
END_TEST

START_TEST(a_place_that_only_did_wrong_is_no_site)
{
	make_owner(SLOT_FREE);
	make_child(8, EVENT_FORKED_FINISH, 0x200);
	judge_scratch();
	ck_assert_uint_eq(report.site_count, 1);
	ck_assert_uint_eq(report.sites[0].stack.frames[0].offset, 0x100);
	ck_assert_uint_eq(report.sites[0].open, 0);
}
END_TEST

START_TEST(a_misuse_of_a_later_version_is_lost_and_never_clean)
{
	make_owner(SLOT_FREE);
	make_child(8, 999, 0x200);
	judge_scratch();
	ck_assert_uint_eq(report.finding_count, 0);
	ck_assert_int_eq(report.status, REPORT_INCOMPLETE);
	ck_assert_int_eq(report.incomplete[0].reason, REASON_LOST);
	ck_assert_uint_eq(report.totals.lost, 1);
}
END_TEST

Suite *misuse_suite(void)
{
	Suite *suite = suite_create("misuse");
	TCase *test = tcase_create("a child");

	tcase_add_checked_fixture(test, judged_begin, judged_end);
	tcase_add_test(test, a_misuse_is_found_where_the_handle_was_acquired);
	tcase_add_test(test,
		       its_handle_is_the_owners_and_its_process_the_other);
	tcase_add_test(test, each_place_that_did_wrong_is_named_once);
	tcase_add_test(test,
		       without_the_owners_record_it_is_found_where_it_was_done);
	tcase_add_test(test,
		       what_a_child_finishes_after_its_owners_end_is_finished);
	tcase_add_test(test, only_one_child_is_the_heir);
	tcase_add_test(test, there_is_no_heir_of_what_its_owner_has_finished);
	tcase_add_test(test, an_heir_alone_has_done_no_wrong);
	tcase_add_test(test, to_finish_what_has_no_session_harms_nobody);
	tcase_add_test(test, another_image_of_the_owner_is_not_the_owner);
	tcase_add_test(test, a_place_that_only_did_wrong_is_no_site);
	tcase_add_test(test,
		       a_misuse_of_a_later_version_is_lost_and_never_clean);
	suite_add_tcase(suite, test);
	return suite;
}
