/* SPDX-License-Identifier: MIT */
/*
 * What analyzer/judge.h promises of classes, of searches that left something
 * open, and of suppressions: on a record of three connections from one site.
 */
#include <string.h>

#include "tests/judged.h"
#include "tests/suites.h"

static struct record_search search;
static struct record_scan scan;
static unsigned answers; /* how many of the three have one */

static void begin(void)
{
	judged_begin();
	search = (struct record_search){ .outcome = OUTCOME_COMPLETE,
					 .took_ns = 200900000 };
	scan = (struct record_scan){ .answer = ANSWER_HELD,
				     .holder = HOLDER_STACK,
				     .acquired_ns = 1000,
				     .tid = 9 };
	answers = 3;
}

static void fill(struct make_record *made)
{
	const struct record_frame frame = { .kind = FRAME_NATIVE,
					    .where = RECORD_NONE };
	const struct record_module module = {
		.path = make_string(made, "/opt/shop/bin/app")
	};
	struct record_slot slot = { .kind = HANDLE_CONNECTION,
				    .state = SLOT_ESTABLISHED,
				    .acquired_ns = 1000,
				    .server = RECORD_NONE };
	struct record_frame in_app = frame;

	made->header.exe = module.path;
	in_app.where = make_module(made, &module);
	slot.site = make_site(made, "PQconnectdb", &in_app, 1);
	for (unsigned i = 0; i < 3; i++) {
		scan.slot = make_slot(made, &slot);
		if (i < answers)
			make_scan(made, &scan);
	}
	make_search(made, &search);
}

static void judge_record(void)
{
	struct make_record made;

	make_init(&made);
	fill(&made);
	judged_save(&made, "7-5-0.rec");
	judge_scratch();
}

static void ck_only_note(const char *words)
{
	judge_record();
	ck_assert_uint_eq(report.note_count, 1);
	ck_assert_msg(strstr(report.notes[0].why, words), "%s",
		      report.notes[0].why);
}

static void ck_no_note(void)
{
	judge_record();
	ck_assert_uint_eq(report.note_count, 0);
}

static const struct report_finding *of_class(const char *class)
{
	for (size_t i = 0; i < report.finding_count; i++)
		if (!strcmp(report.findings[i].class, class))
			return &report.findings[i];
	ck_abort_msg("nothing is %s", class);
	return NULL;
}

START_TEST(a_finding_has_its_class_and_each_handle_its_holder)
{
	answers = 2;
	judge_record();
	ck_assert_uint_eq(report.finding_count, 2);
	ck_assert_uint_eq(of_class("held")->count, 2);
	ck_assert_str_eq(of_class("held")->handles[1].held_by,
			 "stack of thread 9");
	ck_assert_ptr_null(of_class("undecided")->handles[0].held_by);
}
END_TEST

START_TEST(what_is_lost_gates)
{
	scan.answer = ANSWER_LOST;
	judge_record();
	ck_assert_str_eq(report.findings[0].class, "lost");
	ck_assert(report.findings[0].gates);
	ck_assert_ptr_null(report.findings[0].handles[0].held_by);
	ck_assert_int_eq(report.status, REPORT_FINDINGS);
}
END_TEST

START_TEST(what_is_held_does_not_gate)
{
	judge_record();
	ck_assert(!report.findings[0].gates);
	ck_assert_int_eq(report.status, REPORT_CLEAN);
}
END_TEST

static const struct {
	uint8_t outcome;
	const char *words;
} outcomes[] = {
	{ OUTCOME_LATE, "cut short after 200 ms: give it more time with "
			"--scan-time" },
	{ OUTCOME_MEMORY, "too much memory" },
	{ OUTCOME_FAILED, "failed" },
	{ OUTCOME_OFF, "because of --no-scan" },
	{ 99, "failed" },
};

START_TEST(a_search_that_was_not_complete_is_told_with_the_cure)
{
	search.outcome = outcomes[_i].outcome;
	answers = 2;
	ck_only_note(outcomes[_i].words);
	ck_assert_int_eq(report.notes[0].pid, 4711);
	ck_assert_str_eq(report.notes[0].exe, "/opt/shop/bin/app");
}
END_TEST

START_TEST(a_search_that_left_nothing_open_is_not_told)
{
	search.outcome = OUTCOME_LATE;
	ck_no_note();
}
END_TEST

START_TEST(a_doubt_is_told_where_it_kept_something_from_being_lost)
{
	search.doubts = DOUBT_REGISTERS | DOUBT_MEMORY;
	scan.answer = ANSWER_MAYBE;
	ck_only_note("the registers of a thread could not be read, and some of "
		     "its memory could not be looked at");
}
END_TEST

START_TEST(a_doubt_that_changed_nothing_is_not_told)
{
	search.doubts = DOUBT_LATE;
	ck_no_note();
}
END_TEST

static struct suppression known[] = { { .pattern = "nowhere", .line = 1 },
				      { .pattern = "bin/app", .line = 4 } };
static struct suppress suppress = { .path = "known.txt",
				    .list = known,
				    .count = 2 };

START_TEST(what_is_suppressed_is_by_design_whatever_was_found)
{
	scan.answer = ANSWER_LOST;
	gate.suppress = &suppress;
	judge_record();
	ck_assert_uint_eq(report.finding_count, 1);
	ck_assert_str_eq(report.findings[0].class, "by-design");
	ck_assert(!report.findings[0].gates);
	ck_assert_uint_eq(report.suppressed, 3);
	ck_assert_int_eq(report.status, REPORT_CLEAN);
}
END_TEST

START_TEST(a_suppression_that_matched_nothing_is_told)
{
	gate.suppress = &suppress;
	ck_only_note("known.txt:1: leak:nowhere matched nothing");
	ck_assert(report.notes[0].always);
}
END_TEST

Suite *searches_suite(void)
{
	Suite *suite = suite_create("searches");
	TCase *test = tcase_create("classes");

	tcase_add_checked_fixture(test, begin, judged_end);
	tcase_add_test(test,
		       a_finding_has_its_class_and_each_handle_its_holder);
	tcase_add_test(test, what_is_lost_gates);
	tcase_add_test(test, what_is_held_does_not_gate);
	suite_add_tcase(suite, test);

	test = tcase_create("notes");
	tcase_add_checked_fixture(test, begin, judged_end);
	tcase_add_loop_test(
		test, a_search_that_was_not_complete_is_told_with_the_cure, 0,
		sizeof(outcomes) / sizeof(outcomes[0]));
	tcase_add_test(test, a_search_that_left_nothing_open_is_not_told);
	tcase_add_test(test,
		       a_doubt_is_told_where_it_kept_something_from_being_lost);
	tcase_add_test(test, a_doubt_that_changed_nothing_is_not_told);
	suite_add_tcase(suite, test);

	test = tcase_create("suppressions");
	tcase_add_checked_fixture(test, begin, judged_end);
	tcase_add_test(test,
		       what_is_suppressed_is_by_design_whatever_was_found);
	tcase_add_test(test, a_suppression_that_matched_nothing_is_told);
	suite_add_tcase(suite, test);
	return suite;
}
