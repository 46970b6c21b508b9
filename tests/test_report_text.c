/* SPDX-License-Identifier: MIT */
/* The text report as a whole, one test per sentence. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analyzer/columns.h"
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

static void add_gap(enum report_reason reason, const char *text, bool allowed)
{
	made.gaps[made.report.incomplete_count++] =
		(struct report_incomplete){ reason, text, allowed };
}

static void add_note(int pid, const char *exe, const char *why)
{
	made.notes[made.report.note_count++] =
		(struct report_note){ pid, exe, why, false };
}

START_TEST(a_gap_is_told_with_what_to_do)
{
	clear_findings(REPORT_INCOMPLETE);
	add_gap(REASON_LOST, "3 lost", false);
	ck_assert(says("incomplete (lost):\n    3 lost\n"));
	ck_assert(says("--record-limit"));
	ck_assert_str_eq(last_line(),
			 "connleak: incomplete (lost): 20 connections seen, "
			 "all finished, in 1 process");
}
END_TEST

START_TEST(an_allowed_gap_is_marked_and_asks_for_nothing)
{
	clear_findings(REPORT_INCOMPLETE);
	add_gap(REASON_LOST, "3 lost", true);
	ck_assert(says("incomplete (lost), allowed:\n    3 lost\n\n"));
	ck_assert(says("connleak: incomplete (allowed: lost): 20 connections"));
	add_gap(REASON_BLIND, "1 unseen", false);
	ck_assert(says("connleak: incomplete (blind; allowed: lost): 20 "));
}
END_TEST

START_TEST(gaps_of_one_reason_stand_together_five_at_most)
{
	for (size_t i = 0; i < COUNT(made.gaps); i++)
		add_gap(i == 1 ? REASON_BLIND : REASON_LOST, "x", false);
	ck_assert_int_eq(count_of("incomplete (lost):"), 1);
	ck_assert_int_eq(count_of("\n    x\n"), 5 + 1);
	ck_assert(says("    and 1 more\n"));
	ck_assert(says(";\n  incomplete (blind, lost)\n"));
}
END_TEST

#define NO_LIBPQ \
	"no process of this run ever loaded libpq, so nothing was checked"

START_TEST(that_no_libpq_was_loaded_is_said_once_and_on_one_line)
{
	clear_findings(REPORT_INCOMPLETE);
	add_gap(REASON_NO_LIBPQ, NO_LIBPQ, false);
	ck_assert_int_eq(count_of("    " NO_LIBPQ "\n"), 1);
	ck_assert_int_eq(count_of("nothing was checked"), 1);
	ck_assert_str_eq(last_line(), "connleak: incomplete (no-libpq)");
}
END_TEST

START_TEST(notes_are_five_at_most)
{
	for (size_t i = 0; i < COUNT(made.notes); i++)
		add_note(77, "/bin/sudo", "setuid");
	ck_assert_int_eq(count_of("    77 /bin/sudo: setuid\n"), 5);
	ck_assert(says("    and 2 more\n"));
}
END_TEST

START_TEST(a_clean_report_tells_only_the_notes_on_a_users_mistake)
{
	clear_findings(REPORT_CLEAN);
	add_note(77, "/bin/sudo", "setuid");
	add_note(0, NULL, "rule `x` matched nothing");
	made.notes[1].always = true;
	ck_assert(says("notes:\n    rule `x` matched nothing\n\nconnleak: "));
	ck_assert(!says("setuid"));
	ck_assert(says(" 1 note (--json has it)"));
}
END_TEST

START_TEST(a_view_says_when_and_that_the_program_goes_on)
{
	made.report.viewed_ns = UINT64_C(1700000000000000000);
	ck_assert(says("connleak: what is out at 2023-11-1"));
	ck_assert(says("; the program goes on:\n\n#1  "));
	ck_assert(!says("found"));
	ck_assert(!strncmp(last_line(), "connleak: so far: ", 18));
}
END_TEST

START_TEST(a_view_gates_nothing_and_gives_no_advice)
{
	made.report.viewed_ns = UINT64_C(1700000000000000000);
	made.findings[0].gates = false;
	add_gap(REASON_LOST, "3 lost", false);
	ck_assert(says("incomplete (lost):\n    3 lost\n\n"));
	ck_assert(!says("gate"));
	ck_assert(!says("--record-limit"));
}
END_TEST

START_TEST(a_view_where_nothing_was_checked_yet_does_not_judge)
{
	clear_findings(REPORT_INCOMPLETE);
	made.report.viewed_ns = UINT64_C(1700000000000000000);
	made.report.totals.connects = 0;
	add_gap(REASON_NO_LIBPQ, NO_LIBPQ, false);
	ck_assert_str_eq(last_line(),
			 "connleak: so far: no connection seen, in 1 process; "
			 "incomplete (no-libpq)");
}
END_TEST

static void ck_narrow(void)
{
	show(false);
	for (char *line = strtok(made.text, "\n"); line;
	     line = strtok(NULL, "\n"))
		ck_assert_msg(columns_width(line) <= COLUMNS, "%s", line);
}

START_TEST(endless_names_stay_within_80_columns)
{
	made.handles[0].host = long_name("host.", 300);
	made.handles[0].dbname = long_name("\xE6\x97\xA5", 600);
	made.handles[0].user = long_name("\033", 100);
	made.handles[0].port = long_name("9", 100);
	made.frames[1].function = long_name("name<int, (foo)>::", 4000);
	made.frames[1].file = long_name("/folder", 4000);
	made.frames[1].line = 2147483647;
	made.frames[2].module = long_name("/m\xC3\xBCll", 4000);
	made.frames[2].file = NULL;
	made.frames[2].offset = UINT64_MAX;
	made.frames[2].trouble = TROUBLE_NO_DEBUG;
	made.findings[0].message = long_name("word words ", 2000);
	made.findings[0].count = UINT64_MAX;
	made.process.exe = made.process.end = long_name("x", 900);
	add_gap(REASON_LOST, long_name("gap", 900), false);
	add_note(1, long_name("e", 900), long_name("w ", 900));
	made.report.totals.connects = UINT64_MAX;
	ck_narrow();
}
END_TEST

START_TEST(a_line_number_is_never_cut)
{
	made.frames[1].file = long_name("/folder", 4000);
	made.frames[1].function = long_name("name::", 4000);
	made.frames[1].line = 1234567;
	ck_assert_int_eq(count_of("/folder:1234567\n"), 2);
}
END_TEST

START_TEST(a_dbname_with_escape_codes_cannot_reach_the_terminal)
{
	made.handles[0].dbname = "x\033]0;title\a\033[2J\xC2\x9B"
				 "31m\x9B";
	ck_assert(says("/x\\x1B]0;title\\x07\\x1B[2J\\xC2\\x9B31m\\x9B\n"));
	ck_assert_ptr_null(strchr(made.text, '\033'));
}
END_TEST

START_TEST(no_string_of_a_program_reaches_the_terminal_raw)
{
	const char *evil = "\033[2J\n\xC2\x9B\r";

	made.handles[0].host = made.handles[0].port = evil;
	made.handles[0].user = made.handles[0].dbname = evil;
	made.frames[1].function = made.frames[1].file = evil;
	made.frames[2].file = NULL;
	made.frames[2].module = evil;
	made.frames[2].trouble = TROUBLE_CHANGED;
	made.findings[0].message = evil;
	made.process.exe = made.process.end = made.report.kept = evil;
	add_gap(REASON_LOST, evil, false);
	add_note(1, evil, evil);
	ck_assert(!says("\033"));
	ck_assert(!says("\r"));
	ck_assert(!says("\xC2\x9B"));
}
END_TEST

START_TEST(colour_comes_only_when_asked_for)
{
	ck_assert(!says("\033"));
	show(true);
	ck_assert_ptr_nonnull(strstr(made.text, "\033[1;31m#1"));
	ck_assert(!strcmp(made.text + strlen(made.text) - 5, "\033[0m\n"));
}
END_TEST

START_TEST(a_full_disk_is_an_error)
{
	FILE *full = fopen("/dev/full", "w");

	ck_assert_ptr_nonnull(full);
	ck_assert_int_eq(report_text(&made.report, full, false), -ENOSPC);
	fclose(full);
}
END_TEST

static TCase *circumstance(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	suite_add_tcase(suite, tcase);
	return tcase;
}

static void add_gaps_and_notes(Suite *suite)
{
	TCase *tcase = circumstance(suite, "gaps and notes");

	tcase_add_test(tcase, a_gap_is_told_with_what_to_do);
	tcase_add_test(tcase, an_allowed_gap_is_marked_and_asks_for_nothing);
	tcase_add_test(tcase, gaps_of_one_reason_stand_together_five_at_most);
	tcase_add_test(tcase,
		       that_no_libpq_was_loaded_is_said_once_and_on_one_line);
	tcase_add_test(tcase, notes_are_five_at_most);
	tcase_add_test(tcase,
		       a_clean_report_tells_only_the_notes_on_a_users_mistake);
}

static void add_views(Suite *suite)
{
	TCase *tcase = circumstance(suite, "the program goes on");

	tcase_add_test(tcase, a_view_says_when_and_that_the_program_goes_on);
	tcase_add_test(tcase, a_view_gates_nothing_and_gives_no_advice);
	tcase_add_test(tcase,
		       a_view_where_nothing_was_checked_yet_does_not_judge);
}

static void add_nasty_names(Suite *suite)
{
	TCase *tcase = circumstance(suite, "nasty names");

	tcase_add_test(tcase, endless_names_stay_within_80_columns);
	tcase_add_test(tcase, a_line_number_is_never_cut);
	tcase_add_test(tcase,
		       a_dbname_with_escape_codes_cannot_reach_the_terminal);
	tcase_add_test(tcase, no_string_of_a_program_reaches_the_terminal_raw);
}

static void add_output(Suite *suite)
{
	TCase *tcase = circumstance(suite, "output");

	tcase_add_test(tcase, colour_comes_only_when_asked_for);
	tcase_add_test(tcase, a_full_disk_is_an_error);
}

Suite *report_text_suite(void)
{
	Suite *suite = suite_create("report_text");

	add_gaps_and_notes(suite);
	add_views(suite);
	add_nasty_names(suite);
	add_output(suite);
	return suite;
}
