/* SPDX-License-Identifier: MIT */
/* What analyzer/pools.h and judge.h promise of pools, on records by hand. */
#include <math.h>
#include <string.h>

#include "tests/judged.h"
#include "tests/suites.h"

static struct make_record made;

static void start_record(int pid)
{
	make_init(&made);
	made.header.pid = pid;
}

/* One that is well known: a test changes what it is about. */
static struct record_pool pool_of(const char *function)
{
	struct record_pool pool = {
		.rule = RECORD_NONE,
		.function = make_string(&made, function),
		.capacity = 20,
		.used = 2,
		.peak_used = 20,
		.peak_demand = 23,
		.most_by_thread = 2,
		.longest_wait_ns = 2100000000,
		.sums = { [POOL_ATTEMPTS] = 110,
			  [POOL_ACQUIRES] = 100,
			  [POOL_RELEASES] = 98,
			  [POOL_NOTHING] = 5,
			  [POOL_ERRORS] = 3,
			  [POOL_EXCEPTIONS] = 2,
			  [POOL_WAITS] = 31,
			  [POOL_WAIT_NS] = 9000000000,
			  [POOL_CONNECT_NS] = 500000000,
			  [POOL_BY_OTHERS] = 4,
			  [POOL_NESTED] = 6 },
	};

	pool.wait_us[1] = 90;
	pool.wait_us[20] = 10; /* half a second to a second */
	return pool;
}

static void add_pool(struct record_pool pool)
{
	make_one(&made, RECORD_POOLS, &pool);
}

START_TEST(a_pool_is_told_with_all_its_numbers)
{
	const struct report_pool *pool;

	start_record(7);
	add_pool(pool_of("take"));
	judged_save(&made, "7-815-0.rec");
	judge_scratch();
	ck_assert_uint_eq(report.pool_count, 1);
	pool = report.pools;
	ck_assert_int_eq(pool->pid, 7);
	ck_assert_str_eq(pool->name, "take");
	ck_assert_ptr_null(pool->rule);
	ck_assert_uint_eq(pool->capacity, 20);
	ck_assert_uint_eq(pool->used, 2);
	ck_assert_uint_eq(pool->peak_used, 20);
	ck_assert_uint_eq(pool->peak_demand, 23);
	ck_assert_uint_eq(pool->attempts, 110);
	ck_assert_uint_eq(pool->nothing, 5);
	ck_assert_uint_eq(pool->errors, 3);
	ck_assert_uint_eq(pool->exceptions, 2);
	ck_assert_uint_eq(pool->waits, 31);
	ck_assert_double_eq_tol(pool->wait_s, 9, 0.001);
	ck_assert_double_eq_tol(pool->connect_s, 0.5, 0.001);
	ck_assert_double_eq_tol(pool->wait_p95_s, 1.049, 0.001);
	ck_assert_double_eq_tol(pool->longest_wait_s, 2.1, 0.001);
	ck_assert_uint_eq(pool->nested, 6);
	ck_assert_uint_eq(pool->by_others, 4);
	ck_assert_uint_eq(pool->most_by_one, 2);
}
END_TEST

START_TEST(a_pool_names_the_rule_that_acquires_from_it)
{
	struct record_rule rule = { .flags = 0, .patched = 1 };
	struct record_pool pool;

	start_record(7);
	rule.text = make_string(&made, "acquire take handle=return");
	rule.function = make_string(&made, "take");
	make_one(&made, RECORD_RULES, &rule);
	pool = pool_of("take");
	pool.rule = 0;
	add_pool(pool);
	judged_save(&made, "7-815-0.rec");
	judge_scratch();
	ck_assert_str_eq(report.pools[0].rule, "acquire take handle=return");
}
END_TEST

START_TEST(all_connections_are_no_entry)
{
	struct record_pool all;

	start_record(7);
	all = pool_of("connect");
	all.flags = POOL_CONNECTIONS;
	add_pool(all);
	judged_save(&made, "7-815-0.rec");
	judge_scratch();
	ck_assert_uint_eq(report.pool_count, 0);
	ck_assert_uint_eq(report.totals.acquires, 0);
}
END_TEST

START_TEST(sums_are_over_processes_and_the_peak_is_the_highest)
{
	for (int pid = 7; pid < 9; pid++) {
		start_record(pid);
		made.header.totals[TOTAL_PEAK_LEASES] = (uint64_t)pid;
		add_pool(pool_of("take"));
		add_pool(pool_of("give"));
		judged_save(&made, pid == 7 ? "7-815-0.rec" : "8-815-0.rec");
	}
	judge_scratch();
	ck_assert_uint_eq(report.pool_count, 4);
	ck_assert_uint_eq(report.totals.acquires, 400);
	ck_assert_uint_eq(report.totals.releases, 392);
	ck_assert_uint_eq(report.totals.leases_at_end, 8);
	ck_assert_uint_eq(report.totals.peak_leases, 8);
}
END_TEST

static bool has_pool(int pid, const char *name)
{
	for (size_t i = 0; i < report.pool_count; i++)
		if (report.pools[i].pid == pid &&
		    !strcmp(report.pools[i].name, name))
			return true;
	return false;
}

START_TEST(pools_of_one_name_in_a_process_are_numbered)
{
	struct record_pool unproven;

	start_record(7);
	add_pool(pool_of("take"));
	unproven = pool_of("take");
	unproven.flags = POOL_BUILT_IN;
	add_pool(unproven);
	add_pool(pool_of("other"));
	add_pool(pool_of("take"));
	judged_save(&made, "7-815-0.rec");
	start_record(8);
	add_pool(pool_of("take"));
	judged_save(&made, "8-815-0.rec");
	judge_scratch();
	ck_assert_uint_eq(report.pool_count, 4);
	ck_assert(has_pool(7, "take #1"));
	ck_assert(has_pool(7, "take #2"));
	ck_assert(has_pool(7, "other"));
	ck_assert(has_pool(8, "take"));
}
END_TEST

START_TEST(who_failed_comes_first_then_who_waited)
{
	struct record_pool pool;

	start_record(7);
	pool = pool_of("idle");
	memset(pool.sums, 0, sizeof(pool.sums));
	add_pool(pool);
	pool = pool_of("waits");
	pool.sums[POOL_NOTHING] = 0;
	pool.sums[POOL_ERRORS] = pool.sums[POOL_EXCEPTIONS] = 0;
	add_pool(pool);
	add_pool(pool_of("fails"));
	judged_save(&made, "7-815-0.rec");
	judge_scratch();
	ck_assert_str_eq(report.pools[0].name, "fails");
	ck_assert_str_eq(report.pools[1].name, "waits");
	ck_assert_str_eq(report.pools[2].name, "idle");
}
END_TEST

START_TEST(nobody_waited_nobody_knows_how_long)
{
	struct record_pool pool;

	start_record(7);
	pool = pool_of("take");
	memset(pool.wait_us, 0, sizeof(pool.wait_us));
	pool.capacity = 0;
	add_pool(pool);
	judged_save(&made, "7-815-0.rec");
	judge_scratch();
	ck_assert(isnan(report.pools[0].wait_p95_s));
	ck_assert_uint_eq(report.pools[0].capacity, 0);
}
END_TEST

START_TEST(what_a_pool_lost_makes_it_incomplete)
{
	start_record(7);
	made.header.lost[LOSS_POOL] = 3;
	made.header.lost[LOSS_HOLD] = 1;
	judged_save(&made, "7-815-0.rec");
	judge_scratch();
	ck_assert_int_eq(report.status, REPORT_INCOMPLETE);
	ck_assert_uint_eq(report.totals.lost, 4);
	ck_assert_str_eq(report.incomplete[0].text,
			 "process 7: 3 acquires and releases of pools, 1 long "
			 "holds, errors, or who had a pool that ran dry could "
			 "not be kept");
}
END_TEST

Suite *pools_suite(void)
{
	Suite *suite = suite_create("pools");
	TCase *test = tcase_create("pools");

	tcase_add_checked_fixture(test, judged_begin, judged_end);
	tcase_add_test(test, a_pool_is_told_with_all_its_numbers);
	tcase_add_test(test, a_pool_names_the_rule_that_acquires_from_it);
	tcase_add_test(test, all_connections_are_no_entry);
	tcase_add_test(test,
		       sums_are_over_processes_and_the_peak_is_the_highest);
	tcase_add_test(test, pools_of_one_name_in_a_process_are_numbered);
	tcase_add_test(test, who_failed_comes_first_then_who_waited);
	tcase_add_test(test, nobody_waited_nobody_knows_how_long);
	tcase_add_test(test, what_a_pool_lost_makes_it_incomplete);
	suite_add_tcase(suite, test);
	return suite;
}
