/* SPDX-License-Identifier: MIT */
/* Pools and leases in the text report, one test per sentence. */
#include <string.h>
#include "analyzer/columns.h"
#include "tests/made_report.h"
#include "tests/suites.h"

static struct made made;
static struct report_pool pools[8];

static void set_up(void)
{
	made_report(&made);
	memset(pools, 0, sizeof(pools));
	for (size_t i = 0; i < COUNT(pools); i++)
		pools[i] = (struct report_pool){
			.pid = 4242,
			.name = "db_take",
			.capacity = 20,
			.peak_used = 12,
			.peak_demand = 12,
			.attempts = 90,
			.acquires = 90,
		};
	made.report.pools = pools;
	made.report.pool_count = 1;
}

static void tear_down(void)
{
	made_release(&made);
}

START_TEST(a_pool_is_one_short_line)
{
	ck_assert(says("\npool db_take: 12 of 20 in use at most\n\n"));
}
END_TEST

START_TEST(a_pool_that_was_too_small_says_how_much)
{
	pools[0].peak_used = 20;
	pools[0].peak_demand = 23;
	pools[0].waits = 31;
	pools[0].longest_wait_s = 2.1;
	pools[0].nothing = 3;
	pools[0].exceptions = 2;
	ck_assert(says("\npool db_take: 20 of 20 in use at most, 23 wanted at "
		       "once;\n  31 waits, longest 2.1 s; 5 failures\n"));
}
END_TEST

START_TEST(a_capacity_that_is_unknown_is_not_told)
{
	pools[0].capacity = 0;
	ck_assert(says("\npool db_take: 12 in use at most\n"));
}
END_TEST

START_TEST(one_of_each_is_said_as_one)
{
	pools[0].waits = pools[0].errors = 1;
	ck_assert(says("; 1 wait, longest 0 ms; 1 failure\n"));
}
END_TEST

START_TEST(a_pool_that_nobody_asked_says_so)
{
	pools[0].attempts = 0;
	ck_assert(says("\npool db_take: never asked\n"));
}
END_TEST

START_TEST(who_acquires_twice_is_told)
{
	pools[0].nested = 4;
	ck_assert(says("; 4 acquires by a thread that still had one\n"));
}
END_TEST

START_TEST(pools_of_several_processes_say_whose_they_are)
{
	pools[1].pid = 4243;
	made.report.pool_count = 2;
	ck_assert(says("\npool db_take in process 4242: "));
	ck_assert(says("\npool db_take in process 4243: "));
}
END_TEST

START_TEST(five_pools_at_most_are_listed)
{
	made.report.pool_count = 8;
	ck_assert_int_eq(count_of("pool db_take: "), 5);
	ck_assert(says("\nand 3 more pools (--json has them)\n"));
}
END_TEST

START_TEST(without_a_pool_nothing_is_said_of_any)
{
	made.report.pool_count = 0;
	ck_assert(!says("pool"));
}
END_TEST

START_TEST(the_last_line_counts_leases_that_came_back)
{
	clear_findings(REPORT_CLEAN);
	made.report.totals.acquires = made.report.totals.releases = 90;
	ck_assert(says("connleak: clean: 20 connections acquired, all "
		       "finished, 90 leases, all released,\n  in 1 process\n"));
}
END_TEST

START_TEST(what_pools_keep_is_a_number_and_no_block)
{
	made.findings[0].in_pools = true;
	made.findings[0].gates = false;
	made.findings[0].count = 20;
	made.report.status = REPORT_CLEAN;
	ck_assert(!says("#1"));
	ck_assert(!says("by design"));
	ck_assert(says(" 20 left in pools\n"));
}
END_TEST

START_TEST(a_view_says_what_is_in_pools)
{
	made.findings[0].in_pools = true;
	made.findings[0].gates = false;
	made.report.viewed_ns = NOON;
	ck_assert(says(" 1 in pools\n"));
}
END_TEST

START_TEST(a_lease_says_of_which_pool_it_is)
{
	made.findings[0].kind = "leaked-lease";
	made.findings[0].class = "held";
	made.report.totals.acquires = 90;
	made.handles[0].pool = "db_take";
	made.handles[0].held_by = "thread 12, which had not ended";
	ck_assert(says("#1  1 lease never released\n"));
	ck_assert(says("    held: the thread that had it was running when the "
		       "process ended\n"));
	ck_assert(says("    held by  thread 12, which had not ended\n"));
	ck_assert(says("    pool     db_take\n"));
	ck_assert(says("1 of 90 leases never released"));
}
END_TEST

START_TEST(a_class_is_explained_for_leases_and_for_connections)
{
	made.findings[0].class = "lost";
	made.findings[1].class = "lost";
	made.findings[1].kind = "leaked-lease";
	made.report.finding_count = 2;
	ck_assert(says("lost: nothing in the program points to it"));
	ck_assert(says("lost: the thread that had it has ended"));
}
END_TEST

START_TEST(endless_names_of_pools_stay_within_80_columns)
{
	pools[0].name = made.handles[0].pool = long_name("pool\033 ", 900);
	pools[0].peak_used = pools[0].peak_demand = pools[0].waits =
		pools[0].nothing = pools[0].capacity = UINT64_MAX;
	pools[0].longest_wait_s = 1e300;
	show(false);
	for (char *line = strtok(made.text, "\n"); line;
	     line = strtok(NULL, "\n"))
		ck_assert_msg(columns_width(line) <= COLUMNS, "%s", line);
}
END_TEST

Suite *text_pools_suite(void)
{
	Suite *suite = suite_create("text_pools");
	TCase *test = tcase_create("pools");

	tcase_add_checked_fixture(test, set_up, tear_down);
	tcase_add_test(test, a_pool_is_one_short_line);
	tcase_add_test(test, a_pool_that_was_too_small_says_how_much);
	tcase_add_test(test, a_capacity_that_is_unknown_is_not_told);
	tcase_add_test(test, one_of_each_is_said_as_one);
	tcase_add_test(test, a_pool_that_nobody_asked_says_so);
	tcase_add_test(test, who_acquires_twice_is_told);
	tcase_add_test(test, pools_of_several_processes_say_whose_they_are);
	tcase_add_test(test, five_pools_at_most_are_listed);
	tcase_add_test(test, without_a_pool_nothing_is_said_of_any);
	tcase_add_test(test, the_last_line_counts_leases_that_came_back);
	tcase_add_test(test, what_pools_keep_is_a_number_and_no_block);
	tcase_add_test(test, a_view_says_what_is_in_pools);
	tcase_add_test(test, a_lease_says_of_which_pool_it_is);
	tcase_add_test(test,
		       a_class_is_explained_for_leases_and_for_connections);
	tcase_add_test(test, endless_names_of_pools_stay_within_80_columns);
	suite_add_tcase(suite, test);
	return suite;
}
