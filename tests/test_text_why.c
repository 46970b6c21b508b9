/* SPDX-License-Identifier: MIT */
/* What the text report promises of why a pool ran dry. */
#include <string.h>

#include "tests/made_report.h"
#include "tests/suites.h"

static struct made made;
static struct report_verdict verdict[2];

static void begin(void)
{
	made_report(&made);
	verdict[0] = (struct report_verdict){
		.pool = "db_take",
		.pid = 4711,
		.headline = "db_take ran dry: leak and slow-query; fix both",
		.cause = "leak",
		.text = "11 of 20 slots were never released",
		.advice = "release it",
	};
	verdict[1] = (struct report_verdict){
		.pool = "db_take",
		.pid = 4711,
		.cause = "slow-query",
		.text = "7 of 20 slots were held for more than 5.0 s",
	};
	made.report.verdict = verdict;
	made.report.verdict_count = 2;
}

static void end(void)
{
	made_release(&made);
}

START_TEST(the_answer_comes_first_then_numbers_then_what_to_do)
{
	static const char all[] =
		"db_take ran dry: leak and slow-query; fix both\n"
		"    leak: 11 of 20 slots were never released.\n"
		"    -> release it\n"
		"    slow-query: 7 of 20 slots were held for more than 5.0 s.\n"
		"\n"
		"connleak found, the worst first:\n";

	ck_assert(says(all));
	ck_assert(!strncmp(made.text, all, strlen(all)));
}
END_TEST

START_TEST(a_view_says_what_it_is_before_anything_else)
{
	made.report.viewed_ns = NOON;
	ck_assert(says("; the program goes on:\n\ndb_take ran dry: "));
	ck_assert(!strncmp(made.text, "connleak: what is out at ", 25));
}
END_TEST

START_TEST(nothing_wrong_is_one_line_above_the_last)
{
	clear_findings(REPORT_CLEAN);
	verdict[0].cause = "nothing";
	verdict[0].headline = "db_take: peak 9 of 20, no wait";
	made.report.verdict_count = 1;
	ck_assert(says("nothing is wrong with db_take: peak 9 of 20, no "
		       "wait.\nconnleak: clean: "));
	ck_assert_int_eq(count_of("db_take: peak"), 1);
}
END_TEST

START_TEST(a_pool_of_one_of_many_processes_says_of_which)
{
	made.report.process_count = 2;
	made.report.processes =
		(struct report_process[2]){ made.process, made.process };
	ck_assert(says("; fix both (process 4711)\n"));
}
END_TEST

Suite *text_why_suite(void)
{
	Suite *suite = suite_create("text_why");
	TCase *test = tcase_create("verdicts");

	tcase_add_checked_fixture(test, begin, end);
	tcase_add_test(test,
		       the_answer_comes_first_then_numbers_then_what_to_do);
	tcase_add_test(test, a_view_says_what_it_is_before_anything_else);
	tcase_add_test(test, nothing_wrong_is_one_line_above_the_last);
	tcase_add_test(test, a_pool_of_one_of_many_processes_says_of_which);
	suite_add_tcase(suite, test);
	return suite;
}
