/* SPDX-License-Identifier: MIT */
/* What the block of a finding tells, one test per sentence. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
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

START_TEST(a_finding_says_what_how_many_and_where)
{
	made.findings[0].count = 5;
	ck_assert(says("#1  5 connections never finished\n"
		       "    load_orders /opt/shop/src/orders.c:42\n"
		       "    leaked-connection:undecided\n"));
	made.findings[0].count = 1;
	ck_assert(says("#1  1 connection never finished\n"));
}
END_TEST

START_TEST(the_sentence_of_the_judge_is_the_heading)
{
	made.findings[0].message = "2 connections; acquired by PQconnectdb";
	ck_assert(says("#1  2 connections; acquired by PQconnectdb\n"));
	ck_assert(!says("1 connection never finished\n"));
}
END_TEST

START_TEST(a_kind_that_is_not_known_goes_by_its_name)
{
	made.findings[0].kind = "of-tomorrow";
	made.findings[0].class = NULL;
	ck_assert(says("#1  1 x of-tomorrow\n"));
}
END_TEST

START_TEST(where_it_was_misused_comes_last)
{
	struct report_misuse misuses[] = {
		{ "PQfinish", 1, made.findings[0].stack },
		{ "PQreset", 2, made.findings[0].stack },
	};

	made.findings[0].misused_at = misuses;
	made.findings[0].misused_count = 1;
	ck_assert(!says("then PQfinish")); /* it is there already */
	made.findings[0].function = "PQconnectdb";
	ck_assert(says("\n\n    then PQfinish:\n"
		       "    > load_orders  /opt/shop/src/orders.c:42\n"
		       "      main         /opt/shop/src/main.c:7\n\n"));
	made.findings[0].count = 3;
	made.findings[0].misused_count = 2;
	ck_assert(says("\n\n    then PQreset (2 of them):\n"));
}
END_TEST

START_TEST(undecided_is_explained_once)
{
	made.report.finding_count = 2;
	ck_assert_int_eq(count_of("\n    undecided: nobody could look whether "
				  "the program still points to it\n"),
			 1);
}
END_TEST

static void hold(const char *by, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		made.handles[i].held_by = by;
}

START_TEST(one_holder_of_all_is_told_once)
{
	made.findings[0].count = made.findings[0].handle_count = 4;
	hold("global pool (app)", 0, 4);
	ck_assert_int_eq(count_of("\n    held by  global pool (app)\n"), 1);
	ck_assert_int_eq(count_of("global pool"), 1);
}
END_TEST

START_TEST(the_most_frequent_holder_comes_first_with_its_number)
{
	made.findings[0].count = made.findings[0].handle_count = 7;
	hold("stack of thread 9", 0, 2);
	hold("global pool (app)", 2, 6);
	ck_assert(says("\n    held by  global pool (app) (4 of 7)\n"
		       "             stack of thread 9 (2 of 7)\n"));
	hold("a", 0, 1);
	hold("b", 1, 2);
	hold("c", 2, 3);
	hold("d", 3, 4);
	ck_assert(says("\n    held by  global pool (app) (2 of 7)\n"
		       "             a (1 of 7)\n"
		       "             b (1 of 7)\n"
		       "             and 2 others\n"));
}
END_TEST

START_TEST(without_a_holder_there_is_no_line_of_one)
{
	ck_assert(!says("held by"));
}
END_TEST

START_TEST(what_does_not_gate_is_marked)
{
	ck_assert(!says("does not gate"));
	made.findings[0].gates = false;
	ck_assert(says("leaked-connection:undecided (does not gate)\n"));
}
END_TEST

START_TEST(a_server_is_shown_as_far_as_it_is_known)
{
	ck_assert(says("server   app@db1.example:5432/orders\n"));
	made.handles[0].user = NULL;
	ck_assert(says("server   db1.example:5432/orders\n"));
	made.handles[0].port = made.handles[0].dbname = NULL;
	ck_assert(says("server   db1.example\n"));
	made.handles[0].host = NULL;
	ck_assert(!says("server"));
}
END_TEST

START_TEST(a_socket_folder_and_an_ipv6_address_are_hosts)
{
	made.handles[0].host = "/run/postgresql";
	ck_assert(says("app@/run/postgresql:5432/orders\n"));
	made.handles[0].host = "::1";
	ck_assert(says("app@[::1]:5432/orders\n"));
}
END_TEST

START_TEST(each_server_is_named_once_and_three_at_most)
{
	static const char *const names[] = {
		"a", "b", "a", "c", "d", "e", "d"
	};

	made.findings[0].count = made.findings[0].handle_count = COUNT(names);
	for (size_t i = 0; i < COUNT(names); i++) {
		made.handles[i].host = NULL;
		made.handles[i].port = made.handles[i].user = NULL;
		made.handles[i].dbname = names[i];
	}
	ck_assert(says("server   ?/a, ?/b, ?/c and 2 more\n"));
}
END_TEST

START_TEST(what_is_not_listed_is_not_counted)
{
	static const char *const names[] = { "a", "b", "c", "d" };

	made.findings[0].count = 200;
	made.findings[0].handle_count = COUNT(names);
	for (size_t i = 0; i < COUNT(names); i++)
		made.handles[i].dbname = names[i];
	ck_assert(says("5432/c and more\n"));
}
END_TEST

START_TEST(backends_are_listed_as_far_as_they_are_known)
{
	made.findings[0].count = made.findings[0].handle_count = 3;
	made.handles[1].backend_pid = 0;
	ck_assert(says("backend  700, 702\n"));
	made.handles[0].backend_pid = made.handles[2].backend_pid = 0;
	ck_assert(!says("backend"));
}
END_TEST

START_TEST(many_backends_are_cut)
{
	made.findings[0].count = made.findings[0].handle_count = 10;
	ck_assert(says("706, 707 and 2 more"));
	ck_assert(!says("708"));
}
END_TEST

START_TEST(a_process_is_shown_with_its_end)
{
	ck_assert(says("process  4242 app (exit 0)\n"));
	made.process.exe = made.process.end = NULL;
	ck_assert(says("process  4242 (unknown end)\n"));
	made.report.process_count = 0;
	ck_assert(says("process  4242\n"));
}
END_TEST

START_TEST(the_thread_that_died_is_shown_with_what_it_acquired)
{
	made.process.end = "signal 11";
	ck_assert(!says("thread"));
	made.process.died_in = 4250;
	ck_assert(says("process  4242 app (signal 11, in thread 4250)\n"));
	ck_assert(!says("of these"));
	made.findings[0].thread_died = 2;
	ck_assert(says("\n    thread   2 of these by the one that died\n"));
}
END_TEST

START_TEST(a_finding_without_stack_or_handles_is_shown)
{
	made.findings[0].kind = "over-limit";
	made.findings[0].class = NULL;
	made.findings[0].handle_count = made.findings[0].stack.count = 0;
	ck_assert(says("#1  1 limit exceeded\n    over-limit\n\n"));
	ck_assert_str_eq(last_line(), "connleak: findings: 1 limit exceeded");
}
END_TEST

START_TEST(the_oldest_and_the_newest_have_time_and_age)
{
	ck_assert(says("since    2025-11-21 12:00:00 UTC, out for 4 min 12 s"
		       "\n"));
	ck_assert(!says("newest"));
	made.findings[0].count = made.findings[0].handle_count = 3;
	ck_assert(says("since    2025-11-21 12:00:00 UTC, out for 4 min 12 s\n"
		       "    newest   2025-11-21 12:00:02 UTC, out for 4 min "
		       "10 s\n"));
	made.handles[2] = made.handles[0];
	ck_assert(!says("newest"));
}
END_TEST

START_TEST(times_are_local)
{
	setenv("TZ", "XYZ-3", 1);
	tzset();
	ck_assert(says("since    2025-11-21 15:00:00 XYZ"));
}
END_TEST

START_TEST(the_newest_is_not_told_when_not_all_are_listed)
{
	made.findings[0].handle_count = 3;
	made.findings[0].count = 200;
	ck_assert(!says("newest"));
}
END_TEST

START_TEST(unknown_times_and_ages_are_left_out)
{
	made.handles[0].age_s = NAN;
	ck_assert(says("2025-11-21 12:00:00 UTC\n"));
	made.handles[0].least_age_s = 4.2;
	ck_assert(says("2025-11-21 12:00:00 UTC, out for at least 4.2 s\n"));
	made.handles[0].acquired_at = 0;
	ck_assert(!says("since"));
}
END_TEST

static const struct {
	double seconds;
	const char *shown;
} ages[] = {
	{ 0, "0 ms" },		{ 0.25, "250 ms" },    { 4.25, "4.2 s" },
	{ 60, "1 min 0 s" },	{ 3600, "1 h 0 min" }, { 90000, "25 h 0 min" },
	{ 180000, "2 d 2 h" },	{ 1e300, "d " },       { 0.9996, "1.0 s" },
	{ 59.97, "1 min 0 s" },
};

START_TEST(ages_have_two_units_at_most)
{
	made.handles[0].age_s = ages[_i].seconds;
	ck_assert(says("out for"));
	ck_assert(says(ages[_i].shown));
}
END_TEST

static TCase *circumstance(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	suite_add_tcase(suite, tcase);
	return tcase;
}

static void add_words(Suite *suite)
{
	TCase *tcase = circumstance(suite, "words");

	tcase_add_test(tcase, a_finding_says_what_how_many_and_where);
	tcase_add_test(tcase, the_sentence_of_the_judge_is_the_heading);
	tcase_add_test(tcase, a_kind_that_is_not_known_goes_by_its_name);
	tcase_add_test(tcase, where_it_was_misused_comes_last);
	tcase_add_test(tcase, undecided_is_explained_once);
	tcase_add_test(tcase, what_does_not_gate_is_marked);
	tcase_add_test(tcase, one_holder_of_all_is_told_once);
	tcase_add_test(tcase,
		       the_most_frequent_holder_comes_first_with_its_number);
	tcase_add_test(tcase, without_a_holder_there_is_no_line_of_one);
}

static void add_handles(Suite *suite)
{
	TCase *tcase = circumstance(suite, "handles");

	tcase_add_test(tcase, a_server_is_shown_as_far_as_it_is_known);
	tcase_add_test(tcase, a_socket_folder_and_an_ipv6_address_are_hosts);
	tcase_add_test(tcase, each_server_is_named_once_and_three_at_most);
	tcase_add_test(tcase, what_is_not_listed_is_not_counted);
	tcase_add_test(tcase, backends_are_listed_as_far_as_they_are_known);
	tcase_add_test(tcase, many_backends_are_cut);
	tcase_add_test(tcase, a_process_is_shown_with_its_end);
	tcase_add_test(tcase,
		       the_thread_that_died_is_shown_with_what_it_acquired);
	tcase_add_test(tcase, a_finding_without_stack_or_handles_is_shown);
}

static void add_times(Suite *suite)
{
	TCase *tcase = circumstance(suite, "times");

	tcase_add_test(tcase, the_oldest_and_the_newest_have_time_and_age);
	tcase_add_test(tcase, times_are_local);
	tcase_add_test(tcase, the_newest_is_not_told_when_not_all_are_listed);
	tcase_add_test(tcase, unknown_times_and_ages_are_left_out);
	tcase_add_loop_test(tcase, ages_have_two_units_at_most, 0,
			    (int)COUNT(ages));
}

Suite *text_finding_suite(void)
{
	Suite *suite = suite_create("text_finding");

	add_words(suite);
	add_handles(suite);
	add_times(suite);
	return suite;
}
