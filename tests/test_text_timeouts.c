/* SPDX-License-Identifier: MIT */
/* The block of the timeouts in the text report, one test per sentence. */
#include <math.h>
#include <string.h>

#include "analyzer/columns.h"
#include "tests/made_report.h"
#include "tests/suites.h"

static struct made made;

static struct report_endless waits = {
	.pool = "take",
	.waits = 31,
	.longest_wait_s = 4.2,
	.hold_s = 0.02,
};

static void set_up(void)
{
	struct report_timeouts *t;

	made_report(&made);
	t = &made.report.timeouts;
	t->connections = 14;
	t->no_connect_timeout = 12;
	t->no_user_timeout = 14;
	t->late_s = 7200;
	t->advice = "connect_timeout=10 tcp_user_timeout=30000";
}

static void tear_down(void)
{
	made_release(&made);
}

/* A second finding, of the kind that has no block of its own. */
static void add_place(bool gates)
{
	made.report.finding_count = 2;
	made.findings[1].kind = "no-timeout";
	made.findings[1].class = NULL;
	made.findings[1].gates = gates;
	made.findings[1].aside = !gates;
}

START_TEST(there_is_one_block_and_no_line_per_handle)
{
	add_place(false);
	ck_assert(says(
		"timeouts:\n"
		"    without connect_timeout: 12 of 14 connections over TCP, "
		"acquired by\n"
		"        load_orders /opt/shop/src/orders.c:42\n"
		"    without tcp_user_timeout: 14 of 14 connections over TCP; "
		"a "
		"silent peer is\n"
		"      looked after when 2 h 0 min have passed\n"
		"    to set in the connection string:\n"
		"        connect_timeout=10 tcp_user_timeout=30000\n\n"));
	ck_assert_int_eq(count_of("no-timeout"), 0);
	ck_assert(!says("by design"));
}
END_TEST

START_TEST(what_gates_has_a_block_too)
{
	add_place(true);
	ck_assert(says("\n    no-timeout\n"));
	ck_assert(says("timeouts:\n"));
}
END_TEST

START_TEST(a_clean_report_stays_a_line)
{
	clear_findings(REPORT_CLEAN);
	ck_assert_int_eq(count_of("timeouts:"), 0);
	ck_assert(says("12 without connect_timeout (--json says where)"));
}
END_TEST

START_TEST(a_pool_that_waits_for_ever_is_told_of_a_clean_run)
{
	clear_findings(REPORT_CLEAN);
	made.report.timeouts = (struct report_timeouts){
		.endless = &waits,
		.endless_count = 1,
	};
	ck_assert(says(
		"timeouts:\n"
		"    pool take: 31 waits, of up to 4.2 s where half of the "
		"leases are back after\n"
		"      20 ms, and nobody gave up: its acquire needs a "
		"deadline\n\n"));
}
END_TEST

START_TEST(who_waits_at_the_end_is_told_if_that_is_longer)
{
	struct report_endless stuck = waits;

	stuck.waiting = 2;
	stuck.still_s = 12;
	made.report.timeouts.endless = &stuck;
	made.report.timeouts.endless_count = 1;
	ck_assert(says("    pool take: 2 threads still waited at the end, for "
		       "12.0 s where half"));
}
END_TEST

static struct report_server_limits limits = {
	.user = "app",
	.dbname = "orders",
	.seconds = { [SERVER_LIMIT_STATEMENT] = 30 },
};

/* Of a clean run that lacks nothing. */
static void ask(const char *why_not)
{
	clear_findings(REPORT_CLEAN);
	limits.seconds[SERVER_LIMIT_LOCK] = NAN;
	memset(&made.report.timeouts, 0, sizeof(made.report.timeouts));
	made.report.timeouts.asked = (struct report_asked){
		.wanted = true,
		.why_not = why_not,
		.host = "db1",
		.port = "5432",
		.max_connections = 100,
		.reserved = 3,
		.connections = 12,
		.limits = &limits,
		.limit_count = 1,
	};
}

START_TEST(what_the_server_said_is_told_of_a_clean_run_too)
{
	ask(NULL);
	ck_assert(says(
		"timeouts:\n"
		"    server db1:5432: 100 connections, 3 of them reserved, "
		"12 open now\n"
		"    role app in database orders: statement_timeout "
		"30.0 s, lock_timeout not\n"
		"      known, idle_in_transaction_session_timeout none\n"
		"    what the program may set for itself is not seen; "));
}
END_TEST

START_TEST(why_it_was_not_asked_is_told)
{
	ask("nobody listens there");
	ck_assert(
		says("timeouts:\n    the server was not asked: nobody listens "
		     "there\n\n"));
}
END_TEST

START_TEST(where_nothing_is_missing_nothing_is_said)
{
	memset(&made.report.timeouts, 0, sizeof(made.report.timeouts));
	ck_assert(!says("timeout"));
}
END_TEST

Suite *text_timeouts_suite(void)
{
	Suite *s = suite_create("text_timeouts");
	TCase *c = tcase_create("a run");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, there_is_one_block_and_no_line_per_handle);
	tcase_add_test(c, what_gates_has_a_block_too);
	tcase_add_test(c, a_clean_report_stays_a_line);
	tcase_add_test(c, a_pool_that_waits_for_ever_is_told_of_a_clean_run);
	tcase_add_test(c, who_waits_at_the_end_is_told_if_that_is_longer);
	tcase_add_test(c, what_the_server_said_is_told_of_a_clean_run_too);
	tcase_add_test(c, why_it_was_not_asked_is_told);
	tcase_add_test(c, where_nothing_is_missing_nothing_is_said);
	suite_add_tcase(s, c);
	return s;
}
