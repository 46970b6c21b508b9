/* SPDX-License-Identifier: MIT */
/* What stands behind the findings, one test per sentence. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/made_report.h"
#include "tests/suites.h"

static struct made made;

static void set_up(void)
{
	made_report(&made);
}

static void tear_down(void)
{
	made_release(&made);
}

START_TEST(a_clean_report_is_one_line)
{
	clear_findings(REPORT_CLEAN);
	made.report.totals.connects = 12;
	made.report.processes_seen = 3;
	made.report.processes_watched = 2;
	show(false);
	ck_assert_str_eq(made.text,
			 "connleak: clean: 12 connections acquired, all "
			 "finished, in 2 of 3 processes\n");
	made.report.note_count = 1;
	ck_assert(says("processes;\n  1 note (--json has it)\n"));
	ck_assert(!says("sudo"));
}
END_TEST

START_TEST(what_is_by_design_is_counted_and_not_listed)
{
	made.report.status = REPORT_CLEAN;
	made.report.totals.connects = made.report.totals.open_at_end = 3;
	made.findings[0].class = "by-design";
	made.findings[0].gates = false;
	made.findings[0].count = 3;
	ck_assert(says("connleak: clean: 3 connections seen, in 1 process; "
		       "3 kept by design\n"));
	ck_assert(!says("#1"));
	ck_assert(!says("connleak found"));
	made.report.suppressed = 2;
	ck_assert(says("; 3 kept by design,\n  2 of them suppressed\n") ||
		  says("\n  3 kept by design, 2 of them suppressed\n"));
	made.report.suppressed = 3;
	ck_assert(says("; 3 suppressed\n"));
}
END_TEST

START_TEST(what_is_by_design_is_in_no_other_count)
{
	made.report.finding_count = 2;
	made.findings[0].count = 1;
	made.findings[1].class = "by-design";
	made.findings[1].gates = false;
	made.findings[1].count = 4;
	made.report.totals.connects = 9;
	ck_assert(says("connleak: findings: 1 of 9 connections never "
		       "finished, at 1 place;\n  4 kept by design\n"));
	ck_assert(says("#1 "));
	ck_assert(!says("#2 "));
}
END_TEST

START_TEST(a_single_connection_is_one)
{
	clear_findings(REPORT_CLEAN);
	made.report.totals.connects = 1;
	ck_assert_str_eq(last_line(), "connleak: clean: 1 connection acquired "
				      "and finished, in 1 process");
}
END_TEST

START_TEST(a_folder_that_just_fits_stays_on_the_line)
{
	clear_findings(REPORT_CLEAN);
	made.report.totals.connects = 0;
	made.report.kept = "/123456789abcd";
	ck_assert_uint_eq(strlen(last_line()), 80);
	made.report.kept = "/123456789abcde";
	ck_assert_str_eq(last_line(), "  records in /123456789abcde");
}
END_TEST

START_TEST(a_clean_report_without_connections_says_so)
{
	clear_findings(REPORT_CLEAN);
	made.report.totals.connects = 0;
	ck_assert_str_eq(last_line(), "connleak: clean: no connection "
				      "acquired, in 1 process");
}
END_TEST

START_TEST(findings_that_do_not_gate_are_counted_and_not_called_clean)
{
	made.report.status = REPORT_CLEAN;
	made.findings[0].gates = false;
	ck_assert_str_eq(last_line(),
			 "connleak: nothing gates: 1 of 20 connections never "
			 "finished, at 1 place");
	ck_assert(says("#1  1 connection never finished\n"));
}
END_TEST

static struct report_verdict verdict = { .pool = "take",
					 .headline = "take: peak 9 of 20",
					 .cause = "nothing" };
static struct report_pool pool = { .name = "take", .attempts = 40 };

static void have_pool(const char *cause, uint64_t nothing)
{
	clear_findings(REPORT_CLEAN);
	verdict.cause = cause;
	pool.nothing = nothing;
	made.report.verdict = &verdict;
	made.report.verdict_count = 1;
	made.report.pools = &pool;
	made.report.pool_count = 1;
	made.report.would_gate = "util=80,wait=50ms";
}

START_TEST(a_pool_that_was_short_is_not_called_clean)
{
	have_pool("pool-too-small", 3);
	ck_assert(says("connleak: nothing gates, but take needs attention "
		       "(pool-too-small): 20"));
	ck_assert(says("--fail-on +util=80,wait=50ms would gate that"));
	made.report.would_gate = NULL;
	ck_assert(!says("--fail-on"));
}
END_TEST

START_TEST(nor_is_one_that_gave_nothing)
{
	have_pool("nothing", 3);
	ck_assert(says("connleak: nothing gates, but 3 of 40 acquires of take "
		       "failed: 20"));
	ck_assert(says("\ntake: peak 9 of 20.\n"));
	ck_assert(!says("nothing is wrong"));
}
END_TEST

START_TEST(a_pool_with_which_nothing_is_wrong_leaves_the_line_alone)
{
	have_pool("nothing", 0);
	ck_assert(says("\nnothing is wrong with take: peak 9 of 20.\n"));
	ck_assert(says("connleak: clean: 20"));
	ck_assert(!says("--fail-on"));
}
END_TEST

START_TEST(the_last_line_counts_connections_of_all_kinds_together)
{
	made.report.finding_count = 3;
	made.findings[0].count = 4;
	made.findings[1].kind = "unfinished-failed-connect";
	made.findings[2].kind = "leaked-cancel";
	ck_assert(says("\nconnleak: findings: 5 of 20 connections never "
		       "finished, 1 cancel handle never"));
}
END_TEST

START_TEST(the_last_line_says_where_the_records_are)
{
	made.report.kept = "/tmp/run";
	ck_assert_str_eq(last_line(), "  records in /tmp/run");
	clear_findings(REPORT_CLEAN);
	made.report.totals.connects = 0;
	ck_assert_str_eq(last_line(),
			 "connleak: clean: no connection acquired, in 1 "
			 "process; records in /tmp/run");
}
END_TEST

START_TEST(the_folder_of_the_records_is_never_cut)
{
	const char *folder = long_name("/folder name", 500);
	char *expected = NULL;

	made.report.kept = folder;
	ck_assert_int_gt(asprintf(&expected, "  records in %s", folder), 0);
	ck_assert_str_eq(last_line(), expected);
	free(expected);
}
END_TEST

static TCase *circumstance(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	suite_add_tcase(suite, tcase);
	return tcase;
}

static void add_last_line(Suite *suite)
{
	TCase *tcase = circumstance(suite, "last line");

	tcase_add_test(tcase, a_clean_report_is_one_line);
	tcase_add_test(tcase, a_single_connection_is_one);
	tcase_add_test(tcase, what_is_by_design_is_counted_and_not_listed);
	tcase_add_test(tcase, what_is_by_design_is_in_no_other_count);
	tcase_add_test(tcase, a_folder_that_just_fits_stays_on_the_line);
	tcase_add_test(tcase, a_clean_report_without_connections_says_so);
	tcase_add_test(
		tcase,
		findings_that_do_not_gate_are_counted_and_not_called_clean);
	tcase_add_test(tcase, a_pool_that_was_short_is_not_called_clean);
	tcase_add_test(tcase, nor_is_one_that_gave_nothing);
	tcase_add_test(
		tcase,
		a_pool_with_which_nothing_is_wrong_leaves_the_line_alone);
	tcase_add_test(tcase,
		       the_last_line_counts_connections_of_all_kinds_together);
	tcase_add_test(tcase, the_last_line_says_where_the_records_are);
	tcase_add_test(tcase, the_folder_of_the_records_is_never_cut);
}

Suite *text_summary_suite(void)
{
	Suite *suite = suite_create("text_summary");

	add_last_line(suite);
	return suite;
}
