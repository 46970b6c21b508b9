/* SPDX-License-Identifier: MIT */
/*
 * What analyzer/gate.h promises of limits, on records by hand.  A test begins
 * with a pool of 10, take(), that was first seen at noon.
 */
#include <string.h>

#include "tests/judged.h"
#include "tests/suites.h"

#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)
#define NOON   (UINT64_C(1763726400) * SECOND)

static struct thresholds thresholds;
static struct make_record made;
static struct record_pool pool;
static struct record_bucket buckets[RECORD_BUCKETS]; /* 10 s and a bit */

static void start_record(int pid)
{
	make_init(&made);
	made.header.pid = pid;
	made.header.started_ns = NOON;
	memset(buckets, 0, sizeof(buckets));
	pool = (struct record_pool){
		.rule = RECORD_NONE,
		.function = make_string(&made, "take"),
		.flags = POOL_TIMED,
		.capacity = 10,
		.peak_used = 10,
		.bucket_ns = RECORD_BUCKET_NS,
		.changed_ns = 10 * SECOND,
		.longest_wait_ns = 90 * MS,
		.sums = { [POOL_ATTEMPTS] = 100, [POOL_ACQUIRES] = 100 },
	};
	pool.wait_us[1] = 100;
}

static void begin(void)
{
	judged_begin();
	thresholds_default(&thresholds);
	start_record(7);
}

/* So many leases are out from this second to that. */
static void use(unsigned from, unsigned to, uint32_t leases)
{
	for (unsigned i = 100 * from; i < 100 * to; i++) {
		buckets[i].most_used = leases;
		buckets[i].used_ns = leases * RECORD_BUCKET_NS;
	}
}

static void add_pool(void)
{
	pool.first_bucket = make_one(&made, RECORD_SERIES, &buckets[0]);
	for (size_t i = 1; i < RECORD_BUCKETS; i++)
		make_one(&made, RECORD_SERIES, &buckets[i]);
	make_one(&made, RECORD_POOLS, &pool);
}

static void judge_against(const char *fail_on)
{
	const char *error = "";

	ck_assert_msg(
		!gate_parse(&gate, fail_on, false, NULL, &report.arena, &error),
		"%s", error);
	gate.thresholds = &thresholds;
	judge_scratch();
}

static void judge_pool(const char *fail_on)
{
	add_pool();
	judged_save(&made, "7-815-0.rec");
	judge_against(fail_on);
}

/* There is one finding, which gates. */
static void ck_passed(const char *message)
{
	ck_assert_int_eq(report.status, REPORT_FINDINGS);
	ck_assert_uint_eq(report.finding_count, 1);
	ck_assert(report.findings[0].gates);
	ck_assert_str_eq(report.findings[0].kind, "over-limit");
	ck_assert_uint_eq(report.findings[0].count, 1);
	ck_assert_str_eq(report.findings[0].message, message);
}

static void ck_kept(void)
{
	ck_assert_uint_eq(report.finding_count, 0);
	ck_assert_int_eq(report.status, REPORT_CLEAN);
}

START_TEST(more_connections_than_the_peak_pass_it)
{
	made.header.totals[TOTAL_PEAK_OPEN] = 41;
	judge_pool("peak=40");
	ck_passed("41 connections open at once in process 7; the limit is "
		  "peak=40");
}
END_TEST

START_TEST(as_many_connections_as_the_peak_do_not)
{
	made.header.totals[TOTAL_PEAK_OPEN] = 40;
	judge_pool("peak=40");
	ck_kept();
}
END_TEST

START_TEST(a_pool_in_use_for_long_passes_util)
{
	use(2, 8, 8);
	judge_pool("util=80");
	ck_passed("take: at least 80 % of 10 in use for 6.0 s from 2025-11-21 "
		  "12:00:02 UTC on, 2.0 s after it was first seen, in process "
		  "7; the limit is util=80");
}
END_TEST

START_TEST(a_pool_that_is_full_to_the_end_passes_util)
{
	use(4, 10, 10);
	judge_pool("util=100");
	ck_assert_uint_eq(report.finding_count, 1);
}
END_TEST

/* An alert is for larger ones, but this one was asked for. */
START_TEST(a_small_pool_passes_util)
{
	pool.capacity = 1;
	pool.peak_used = 1;
	use(2, 8, 1);
	judge_pool("util=80");
	ck_assert_uint_eq(report.finding_count, 1);
}
END_TEST

START_TEST(a_pool_full_for_less_than_5_s_does_not)
{
	use(2, 6, 10);
	judge_pool("util=80");
	ck_kept();
}
END_TEST

START_TEST(a_pool_with_a_break_does_not)
{
	use(1, 5, 10);
	use(5, 6, 7);
	use(6, 10, 10);
	judge_pool("util=80");
	ck_kept();
}
END_TEST

START_TEST(one_lease_less_for_long_does_not)
{
	use(0, 10, 7);
	judge_pool("util=80");
	ck_kept();
}
END_TEST

START_TEST(how_long_is_long_is_a_setting)
{
	thresholds.of[THRESHOLD_UTIL_TIME] = 4;
	use(2, 6, 10);
	judge_pool("util=80");
	ck_assert_uint_eq(report.finding_count, 1);
}
END_TEST

START_TEST(without_any_capacity_util_gates_and_says_what_is_missing)
{
	pool.capacity = 0;
	judge_pool("util=80");
	ck_passed("util=80 cannot be checked: the capacity of take is not "
		  "known; a rule (--hook 'capacity FUNCTION value=argN') or a "
		  "call of connleak_capacity tells it");
}
END_TEST

START_TEST(without_any_pool_util_gates)
{
	judged_save(&made, "7-815-0.rec");
	judge_against("util=80");
	ck_passed("util=80 cannot be checked: no pool was seen; rules (--hook "
		  "'acquire ...', 'release ...', 'capacity ...') or calls of "
		  "connleak.h tell of one");
}
END_TEST

START_TEST(one_pool_without_capacity_beside_another_is_a_note)
{
	add_pool();
	pool.capacity = 0;
	pool.function = make_string(&made, "lend");
	judge_pool("util=80");
	ck_kept();
	ck_assert_uint_eq(report.note_count, 1);
	ck_assert_str_eq(report.notes[0].why,
			 "util=80 was not checked of lend: its capacity is not "
			 "known");
}
END_TEST

START_TEST(a_pool_whose_series_was_not_kept_is_incomplete)
{
	pool.first_bucket = RECORD_NONE;
	make_one(&made, RECORD_POOLS, &pool);
	judged_save(&made, "7-815-0.rec");
	judge_against("util=80");
	ck_assert_int_eq(report.status, REPORT_INCOMPLETE);
	ck_assert_str_eq(report.incomplete[0].text,
			 "process 7: how much of take was in use over time "
			 "could not be kept, and util=80 is not known to hold");
}
END_TEST

/* It never had so many. */
START_TEST(a_pool_that_was_never_so_full_needs_no_series)
{
	pool.first_bucket = RECORD_NONE;
	pool.peak_used = 7;
	make_one(&made, RECORD_POOLS, &pool);
	judged_save(&made, "7-815-0.rec");
	judge_against("util=80");
	ck_kept();
}
END_TEST

/* Nothing has happened from 10 s on; its process ended at 12 s. */
static void judge_waiting(uint32_t waiting)
{
	const struct record_mark mark = { .kind = MARK_EXIT,
					  .when_ns = 12 * SECOND };

	pool.waiting = waiting;
	make_one(&made, RECORD_MARKS, &mark);
	judge_pool("wait=50ms");
}

START_TEST(who_still_waits_at_the_end_passes_wait)
{
	judge_waiting(6);
	ck_passed("take: 6 of 100 acquires had not ended, after 2.0 s at "
		  "least, when process 7 did; the limit is wait=50ms");
	ck_assert_str_eq(report.would_gate, "wait=50ms");
}
END_TEST

START_TEST(five_in_a_hundred_who_still_wait_do_not)
{
	judge_waiting(5);
	ck_kept();
}
END_TEST

/* 65.5 ms is where the bucket of these six ends. */
START_TEST(a_95th_percentile_above_it_passes_wait)
{
	pool.wait_us[1] = 94;
	pool.wait_us[16] = 6;
	judge_pool("wait=50ms");
	ck_passed("take: 95 % of 100 acquires took up to 66 ms, connecting not "
		  "counted, the longest 90 ms, in process 7; the limit is "
		  "wait=50ms");
}
END_TEST

START_TEST(five_in_a_hundred_do_not)
{
	pool.wait_us[1] = 95;
	pool.wait_us[16] = 5;
	judge_pool("wait=50ms");
	ck_kept();
}
END_TEST

START_TEST(a_wait_of_as_long_as_the_limit_does_not)
{
	pool.wait_us[16] = 100;
	pool.longest_wait_ns = 50 * MS;
	judge_pool("wait=50ms");
	ck_kept();
}
END_TEST

START_TEST(a_pool_that_nobody_asked_does_not)
{
	memset(pool.wait_us, 0, sizeof(pool.wait_us));
	judge_pool("wait=0ms");
	ck_kept();
}
END_TEST

START_TEST(without_any_pool_wait_is_a_note)
{
	judged_save(&made, "7-815-0.rec");
	judge_against("wait=50ms");
	ck_assert_uint_eq(report.finding_count, 0);
	ck_assert_uint_eq(report.note_count, 1);
	ck_assert(report.notes[0].always);
	ck_assert_ptr_nonnull(strstr(report.notes[0].why, "no pool was seen"));
}
END_TEST

START_TEST(each_pool_and_limit_has_a_finding_of_its_own)
{
	pool.wait_us[16] = 100;
	use(2, 8, 10);
	add_pool();
	pool.function = make_string(&made, "lend");
	judge_pool("wait=50ms,util=80");
	ck_assert_uint_eq(report.finding_count, 4);
	for (size_t i = 1; i < 4; i++)
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(report.findings[i].fingerprint,
					 report.findings[j].fingerprint);
}
END_TEST

START_TEST(nothing_is_limited_unless_it_is_asked_for)
{
	pool.wait_us[16] = 100;
	use(2, 8, 10);
	made.header.totals[TOTAL_PEAK_OPEN] = 41;
	judge_pool("default,over-limit");
	ck_kept();
}
END_TEST

/* What the last line of the report advises must do what it says. */
START_TEST(a_limit_that_would_gate_is_found_unasked)
{
	pool.wait_us[16] = 100;
	use(2, 8, 10);
	judge_pool("none");
	ck_kept();
	ck_assert_str_eq(report.would_gate, "util=80,wait=50ms");
}
END_TEST

START_TEST(a_limit_that_is_kept_is_not_advised)
{
	pool.wait_us[15] = 100;
	pool.longest_wait_ns = 50 * MS;
	use(2, 6, 10);
	judge_pool("none");
	ck_assert_str_eq(report.would_gate, "wait=10ms");
}
END_TEST

START_TEST(where_all_usual_limits_are_kept_there_is_nothing_to_advise)
{
	judge_pool("none");
	ck_assert_ptr_null(report.would_gate);
}
END_TEST

static TCase *about(Suite *suite, const char *name)
{
	TCase *test = tcase_create(name);

	tcase_add_checked_fixture(test, begin, judged_end);
	suite_add_tcase(suite, test);
	return test;
}

static void add_util(Suite *suite)
{
	TCase *test = about(suite, "util");

	tcase_add_test(test, a_pool_in_use_for_long_passes_util);
	tcase_add_test(test, a_pool_that_is_full_to_the_end_passes_util);
	tcase_add_test(test, a_small_pool_passes_util);
	tcase_add_test(test, a_pool_full_for_less_than_5_s_does_not);
	tcase_add_test(test, a_pool_with_a_break_does_not);
	tcase_add_test(test, one_lease_less_for_long_does_not);
	tcase_add_test(test, how_long_is_long_is_a_setting);
	tcase_add_test(
		test, without_any_capacity_util_gates_and_says_what_is_missing);
	tcase_add_test(test, without_any_pool_util_gates);
	tcase_add_test(test,
		       one_pool_without_capacity_beside_another_is_a_note);
	tcase_add_test(test, a_pool_whose_series_was_not_kept_is_incomplete);
	tcase_add_test(test, a_pool_that_was_never_so_full_needs_no_series);
}

Suite *limits_suite(void)
{
	Suite *suite = suite_create("limits");
	TCase *test = about(suite, "peak");

	tcase_add_test(test, more_connections_than_the_peak_pass_it);
	tcase_add_test(test, as_many_connections_as_the_peak_do_not);
	add_util(suite);
	test = about(suite, "wait");
	tcase_add_test(test, a_95th_percentile_above_it_passes_wait);
	tcase_add_test(test, five_in_a_hundred_do_not);
	tcase_add_test(test, a_wait_of_as_long_as_the_limit_does_not);
	tcase_add_test(test, a_pool_that_nobody_asked_does_not);
	test = about(suite, "all");
	tcase_add_test(test, without_any_pool_wait_is_a_note);
	tcase_add_test(test, each_pool_and_limit_has_a_finding_of_its_own);
	tcase_add_test(test, who_still_waits_at_the_end_passes_wait);
	tcase_add_test(test, five_in_a_hundred_who_still_wait_do_not);
	tcase_add_test(test, nothing_is_limited_unless_it_is_asked_for);
	tcase_add_test(test, a_limit_that_would_gate_is_found_unasked);
	tcase_add_test(test, a_limit_that_is_kept_is_not_advised);
	tcase_add_test(
		test,
		where_all_usual_limits_are_kept_there_is_nothing_to_advise);
	return suite;
}
