/* SPDX-License-Identifier: MIT */
/*
 * What analyzer/demand.h, replay.h, portions.h and queueing.h promise, on
 * series with answers that can be reckoned by hand.
 */
#include <math.h>

#include "analyzer/portions.h"
#include "analyzer/queueing.h"
#include "analyzer/demand.h"
#include "tests/made_trace.h"
#include "tests/suites.h"

static struct arena arena;
static struct thresholds thresholds;
static struct trace t;
static struct demand d;

static void begin(void)
{
	arena_init(&arena);
	thresholds_default(&thresholds);
}

static void end(void)
{
	arena_release(&arena);
}

static void find(void)
{
	made_done(&t);
	demand_find(&d, &arena, &t, &thresholds);
}

#define ck_near(value, wanted, by)                                      \
	ck_assert_msg(fabs((value) - (wanted)) <= (by), "%g is not %g", \
		      (double)(value), (double)(wanted))

/* queueing */

/* Erlang's C for a load of 2: 3 slots 0.444, 5 slots 0.060, 6 slots 0.018. */
START_TEST(a_pool_has_the_size_that_erlang_says)
{
	ck_assert_uint_eq(queueing_size(2, 0.45), 3);
	ck_assert_uint_eq(queueing_size(2, 0.06), 5);
	ck_assert_uint_eq(queueing_size(2, 0.05), 6);
	ck_assert_uint_eq(queueing_size(0, 0.05), 1);
}
END_TEST

/* 8 threads, out for 2 and thinking for 5: 4 slots 0.115, 5 slots 0.024. */
START_TEST(a_pool_for_threads_that_take_turns_may_be_smaller)
{
	const double load = queueing_closed(8, 2, 5);

	ck_assert_uint_eq(queueing_size_closed(8, load, 0.12), 4);
	ck_assert_uint_eq(queueing_size_closed(8, load, 0.05), 5);
	ck_assert_uint_eq(queueing_size(load, 0.05), 6);
	ck_assert_uint_eq(queueing_size_closed(8, 8, 0.05), 8);
	ck_assert_uint_eq(queueing_size_closed(8, 0, 0.05), 1);
	ck_near((double)queueing_size_closed(5000, 2500, 0.05), 2560, 60);
}
END_TEST

START_TEST(nonsense_has_no_size)
{
	ck_assert_uint_eq(queueing_size_closed(NAN, 1, 0.05), 0);
	ck_assert_uint_eq(queueing_size_closed(1e12, 1, 0.05), 0);
	ck_assert_uint_eq(queueing_size(NAN, 0.05), 0);
	ck_assert_uint_eq(queueing_size(1e12, 0.05), 0);
}
END_TEST

/* P(X <= 17) = 0.9857, P(X <= 18) = 0.9928 for a mean of 10. */
START_TEST(a_peak_is_what_chance_exceeds_once)
{
	ck_near(queueing_peak(10, 100), 18, 0);
	ck_near(queueing_peak(0, 100), 0, 0);
	ck_near(queueing_peak(1000, 100), 1096, 5);
}
END_TEST

START_TEST(threads_that_do_not_think_all_hold_one)
{
	ck_near(queueing_closed(24, 0.02, 0), 24, 0);
	ck_near(queueing_closed(24, 0.02, 0.06), 6, 1e-9);
	ck_near(queueing_closed(24, 0, 0), 0, 0);
}
END_TEST

/* portions */

START_TEST(portions_are_counted_at_their_least_and_most)
{
	struct portions p;

	portions_init(&p, &arena, 100, 3);
	portions_add(&p, 50, 250);
	portions_add(&p, 120, 180);
	portions_add(&p, 90, 90);
	portions_count(&p);
	ck_assert_uint_eq(p.buckets[0].least, 0);
	ck_assert_uint_eq(p.buckets[0].most, 1);
	ck_near(p.buckets[0].mean, 0.5, 1e-9);
	ck_assert_uint_eq(p.buckets[1].least, 1);
	ck_assert_uint_eq(p.buckets[1].most, 2);
	ck_near(p.buckets[1].mean, 1.6, 1e-9);
	ck_assert_uint_eq(p.buckets[2].least, 0);
	ck_near(p.total_s, 260e-9, 1e-15);
}
END_TEST

/* demand, while nobody waits */

START_TEST(with_nothing_wrong_every_world_is_the_one_that_was_seen)
{
	made_trace(&t, &arena, 20, 5);
	made_time(&t, 0, 5, 300, 6, 0);
	made_time(&t, 2, 2.01, 300, 9, 0);
	made_site(&t, "web", 1500, 20);
	find();
	for (unsigned i = 0; i < DEMAND_WORLDS; i++)
		ck_near(d.peak[i], 9, 0);
	ck_near(d.short_s, 0.02, 0.001);
	ck_near(d.dry_share, 0, 0);
	ck_assert(!d.spike.found);
}
END_TEST

START_TEST(a_leak_is_taken_off_where_it_was_out_all_the_time)
{
	made_trace(&t, &arena, 20, 5);
	made_time(&t, 0, 2, 300, 6, 0);
	made_time(&t, 2, 5, 300, 9, 0);
	made_site(&t, "web", 1500, 20);
	for (int i = 0; i < 3; i++)
		made_lease(&t, 0, TRACE_LEAKED, 1.995, 5);
	find();
	ck_near(d.peak[0], 9, 0);
	ck_near(d.peak[WITHOUT_LEAKS], 6, 0);
	ck_near(d.peak[WITHOUT_HOLDS], 9, 0);
}
END_TEST

/* The last bucket is wider than what is left of the run. */
START_TEST(a_leak_is_taken_off_up_to_the_end)
{
	made_trace(&t, &arena, 20, 5);
	made_time(&t, 0, 5, 300, 9, 0);
	made_site(&t, "web", 1500, 20);
	for (int i = 0; i < 7; i++)
		made_lease(&t, 0, TRACE_LEAKED, 0, 4.995);
	t.end_ns -= 5000000;
	find();
	ck_near(d.peak[WITHOUT_LEAKS], 2, 0);
}
END_TEST

START_TEST(what_is_kept_by_design_or_only_out_is_no_leak)
{
	made_trace(&t, &arena, 20, 5);
	made_time(&t, 0, 5, 300, 9, 0);
	made_site(&t, "web", 1500, 20);
	made_lease(&t, 0, TRACE_KEPT, 0, 5);
	made_lease(&t, 0, TRACE_OUT, 4.9, 5);
	find();
	ck_near(d.peak[WITHOUT_LEAKS], 9, 0);
	ck_near(d.peak[WITHOUT_LEAKS | WITHOUT_HOLDS], 9, 0);
}
END_TEST

/* A median of 12 ms makes 250 ms long: what lies behind it is cut. */
START_TEST(a_long_hold_is_cut_short_and_not_removed)
{
	made_trace(&t, &arena, 20, 5);
	made_time(&t, 0, 1, 300, 6, 0);
	made_time(&t, 1, 1.2, 300, 10, 0);
	made_time(&t, 1.2, 4, 300, 11, 0);
	made_time(&t, 4, 5, 300, 6, 0);
	made_site(&t, "web", 1500, 16);
	for (int i = 0; i < 4; i++)
		made_lease(&t, 0, TRACE_RETURNED, 1, 4);
	find();
	ck_assert_uint_eq(d.cap_ns, RECORD_HOLD_NS);
	ck_near(d.peak[0], 11, 0);
	ck_near(d.peak[WITHOUT_LEAKS], 11, 0);
	ck_near(d.peak[WITHOUT_HOLDS], 11, 0); /* from 1.2 s to 1.25 s */
	t.buckets[122].most_demand = t.buckets[123].most_demand =
		t.buckets[124].most_demand = t.buckets[121].most_demand =
			t.buckets[120].most_demand = 10;
	demand_find(&d, &arena, &t, &thresholds);
	ck_near(d.peak[WITHOUT_HOLDS], 10, 0);
}
END_TEST

START_TEST(where_all_holds_are_long_a_long_one_is_longer)
{
	made_trace(&t, &arena, 20, 20);
	made_time(&t, 0, 20, 3, 6, 0);
	made_site(&t, "report", 60, 1000);
	find();
	ck_assert_uint_eq(d.cap_ns, UINT64_C(5000000000));
}
END_TEST

/* demand, while the pool is full */

/*
 * 10 leaks have all of it, 50 wait; 100 attempts a second of 20 ms each are a
 * load of 2, and 2 had at most 8 out at once in the time before.
 */
START_TEST(who_waits_behind_a_leak_is_no_demand)
{
	made_trace(&t, &arena, 10, 10);
	made_time(&t, 0, 4, 100, 2, 0);
	made_time(&t, 4, 10, 100, 10, 50);
	made_failures(&t, 5, 10, 500);
	made_site(&t, "web", 400, 20);
	for (int i = 0; i < 10; i++)
		made_lease(&t, 0, TRACE_LEAKED, 4, 10);
	find();
	ck_near(d.peak[0], 60, 0);
	ck_assert(d.peak[WITHOUT_LEAKS] <= 8);
	ck_assert(d.peak[WITHOUT_HOLDS] >= 10);
	ck_near(d.dry_share, 0.6, 0.02);
	ck_near((double)d.dry_ns / 1e9, 4, 0.02);
}
END_TEST

/* As above, but one is on its way from who gave it back to who waits. */
START_TEST(who_waits_for_a_lease_on_its_way_is_no_demand)
{
	made_trace(&t, &arena, 10, 10);
	made_time(&t, 0, 4, 100, 2, 0);
	made_time(&t, 4, 10, 100, 10, 50);
	made_time(&t, 7, 7.02, 100, 9, 51);
	made_failures(&t, 5, 10, 500);
	made_site(&t, "web", 400, 20);
	for (int i = 0; i < 9; i++)
		made_lease(&t, 0, TRACE_LEAKED, 4, 10);
	find();
	ck_assert(d.peak[WITHOUT_LEAKS] <= 8);
}
END_TEST

/* As above, but whoever gets nothing tries again a thousand times. */
START_TEST(tries_again_behind_a_leak_are_no_demand)
{
	made_trace(&t, &arena, 10, 10);
	made_time(&t, 0, 4, 100, 2, 0);
	made_time(&t, 4, 10, 50000, 10, 0);
	made_failures(&t, 4, 10, 300000);
	made_site(&t, "web", 400, 20);
	for (int i = 0; i < 10; i++)
		made_lease(&t, 0, TRACE_LEAKED, 4, 10);
	find();
	ck_assert(d.peak[WITHOUT_LEAKS] <= 10);
}
END_TEST

/* 46 of 50 slots are reports', and 90 more want one: a leak is not why. */
START_TEST(who_waits_behind_long_holds_is_demand_without_a_leak)
{
	made_trace(&t, &arena, 50, 10);
	made_time(&t, 0, 4, 100, 2, 0);
	made_time(&t, 4, 10, 100, 50, 90);
	made_site(&t, "web", 400, 20);
	for (int i = 0; i < 4; i++)
		made_lease(&t, 0, TRACE_LEAKED, 3, 10);
	for (int i = 0; i < 46; i++)
		made_lease(&t, 0, TRACE_RETURNED, 4, 10);
	find();
	ck_near(d.peak[0], 140, 0);
	ck_near(d.peak[WITHOUT_LEAKS], 136, 0);
	ck_assert(d.peak[WITHOUT_LEAKS | WITHOUT_HOLDS] < 60);
}
END_TEST

/* 500 come in a second for 20 ms each: a load of 10, whatever was granted. */
START_TEST(attempts_are_the_demand_and_not_what_was_granted)
{
	made_trace(&t, &arena, 3, 10);
	made_time(&t, 0, 10, 500, 3, 100);
	made_failures(&t, 0.5, 10, 3325); /* 150 a second are served */
	made_site(&t, "web", 1500, 20);
	find();
	ck_near(d.load, 9.3, 0.7);
	ck_assert(d.peak[DEMAND_WORLDS - 1] > 15);
	ck_assert(d.peak[DEMAND_WORLDS - 1] < 30);
}
END_TEST

/*
 * 24 threads, 3 hold and 9 wait, so 12 think; 150 attempts a second: each
 * thinks for 80 ms and holds for 20, so 24 * 20 / 100 = 4.8 would be out.
 */
START_TEST(the_attempts_of_threads_that_take_turns_are_slowed_down)
{
	made_trace(&t, &arena, 3, 10);
	made_time(&t, 0, 10, 150, 3, 9);
	made_site(&t, "web", 1500, 20);
	t.threads = 24;
	find();
	ck_near(d.threads, 24, 0);
	ck_near(d.load, 4.8, 0.1);
	ck_assert(d.peak[DEMAND_WORLDS - 1] <= 12);
}
END_TEST

START_TEST(threads_that_come_once_take_no_turns)
{
	made_trace(&t, &arena, 3, 10);
	made_time(&t, 0, 10, 150, 3, 9);
	made_site(&t, "web", 1500, 20);
	t.threads = 1500;
	find();
	ck_near(d.threads, 0, 0);
	ck_near(d.load, 3, 0.1);
}
END_TEST

START_TEST(no_more_than_the_threads_can_be_out)
{
	made_trace(&t, &arena, 3, 10);
	made_time(&t, 0, 10, 5000, 3, 1);
	made_failures(&t, 0, 10, 48500);
	made_site(&t, "web", 1500, 20);
	t.threads = 7;
	find();
	ck_near(d.peak[DEMAND_WORLDS - 1], 7, 0);
}
END_TEST

START_TEST(a_touch_of_the_ceiling_is_no_shortage)
{
	made_trace(&t, &arena, 10, 10);
	made_time(&t, 0, 10, 300, 6, 0);
	t.buckets[500].most_used = 10;
	t.buckets[500].most_waiting = 2;
	t.buckets[500].most_demand = 12;
	made_site(&t, "web", 3000, 20);
	find();
	ck_near(d.dry_share, 0, 0);
}
END_TEST

/* capacity */

START_TEST(a_ceiling_that_was_not_told_is_the_one_that_was_met)
{
	made_trace(&t, &arena, 0, 10);
	made_time(&t, 0, 10, 300, 7, 3);
	made_failures(&t, 1, 2, 5);
	made_site(&t, "web", 3000, 20);
	find();
	ck_assert_uint_eq(d.capacity, 7);
	ck_assert(!d.told);
}
END_TEST

START_TEST(without_any_wait_nobody_knows_the_capacity)
{
	made_trace(&t, &arena, 0, 10);
	made_time(&t, 0, 10, 300, 7, 1);
	made_site(&t, "web", 3000, 20);
	find();
	ck_assert_uint_eq(d.capacity, 0);
	ck_near(d.dry_share, 0, 0);
}
END_TEST

START_TEST(a_capacity_that_was_passed_is_what_was_out)
{
	made_trace(&t, &arena, 5, 10);
	made_time(&t, 0, 10, 300, 7, 0);
	made_site(&t, "web", 3000, 20);
	find();
	ck_assert_uint_eq(d.capacity, 7);
}
END_TEST

/* 6 at a time for 1 s of 1.3, of which 0.25 s are left: a load of 1.2. */
START_TEST(what_is_left_of_long_holds_that_begin_at_once_is_a_mean)
{
	made_trace(&t, &arena, 6, 10);
	made_time(&t, 0, 10, 100, 6, 4);
	made_site(&t, "web", 950, 2);
	for (int i = 0; i < 42; i++)
		made_lease(&t, 0, TRACE_RETURNED, 1.3 * (i / 6),
			   1.3 * (i / 6) + 1);
	find();
	ck_assert_uint_eq(d.cap_ns, RECORD_HOLD_NS);
	ck_assert(d.load > 1.2);
	ck_assert(d.load < 4);
	ck_assert(d.peak[WITHOUT_HOLDS] >= 6);
}
END_TEST

/* 3 threads had 6 of 8 at last; but for a moment none of these was a leak. */
static void make_leaks_of_threads(void)
{
	made_trace(&t, &arena, 8, 1);
	made_time(&t, 0, 1, 100, 6, 1);
	made_site(&t, "web", 100, 20);
	for (int i = 0; i < 6; i++)
		made_lease(&t, 0, TRACE_LEAKED, 0.805, 1);
	t.threads = 3;
	t.most_by_thread = 5;
	t.most_needed = 1;
}

START_TEST(a_world_without_leaks_has_no_more_than_its_threads_need)
{
	make_leaks_of_threads();
	find();
	ck_near(d.each, 1, 0);
	ck_near(d.peak[WITHOUT_LEAKS], 3, 0);
	t.most_needed = 2;
	demand_find(&d, &arena, &t, &thresholds);
	ck_near(d.peak[WITHOUT_LEAKS], 6, 0);
}
END_TEST

/* One thread asks, and hands them to others. */
START_TEST(leases_that_others_release_are_not_bound_by_them)
{
	make_leaks_of_threads();
	t.threads = 1;
	t.sums[POOL_BY_OTHERS] = t.sums[POOL_RELEASES] = 94;
	find();
	ck_near(d.threads, 0, 0);
	ck_near(d.peak[WITHOUT_LEAKS], 7, 0);
}
END_TEST

/* spike */

/* A load of 2, and of 20 from 4 s to 5 s. */
static void make_spike(double hold_s)
{
	made_trace(&t, &arena, 10, 10);
	made_time(&t, 0, 10, 100, 2, 0);
	made_time(&t, 4, 5, 1000, 10, 30);
	made_failures(&t, 4, 5, (uint64_t)(1000 - 10 / hold_s));
	made_site(&t, "web", 1400, 20);
}

START_TEST(a_rush_that_comes_and_goes_is_a_spike)
{
	make_spike(0.02);
	find();
	ck_assert(d.spike.found);
	ck_assert(d.spike.over);
	ck_near(d.spike.times, 10, 2);
	ck_near((double)d.spike.from_ns / 1e9, 4, 0.7);
	ck_near((double)d.spike.to_ns / 1e9, 5, 0.7);
	ck_near(d.peak[WITHOUT_SPIKE], 2, 0);
	ck_assert(d.peak[WITHOUT_LEAKS] > 20);
}
END_TEST

START_TEST(a_rush_in_which_holds_grow_is_no_spike)
{
	make_spike(0.1);
	find();
	ck_assert(!d.spike.found);
	ck_assert(d.spike.inflation > 1.5);
}
END_TEST

START_TEST(what_lasts_for_half_of_the_run_is_no_spike)
{
	made_trace(&t, &arena, 10, 10);
	made_time(&t, 0, 5, 20, 1, 0);
	made_time(&t, 5, 10, 400, 8, 0);
	made_site(&t, "web", 2100, 20);
	find();
	ck_assert(!d.spike.found);
}
END_TEST

START_TEST(a_crowd_behind_a_leak_is_no_spike)
{
	made_trace(&t, &arena, 10, 10);
	made_time(&t, 0, 8, 100, 2, 0);
	made_time(&t, 8, 10, 1000, 10, 300);
	made_failures(&t, 8, 10, 2000);
	made_site(&t, "web", 800, 20);
	for (int i = 0; i < 10; i++)
		made_lease(&t, 0, TRACE_LEAKED, 7.9, 10);
	find();
	ck_assert(!d.spike.found);
}
END_TEST

START_TEST(a_trace_without_any_time_has_no_demand)
{
	made_trace(&t, &arena, 10, 1);
	find();
	for (unsigned i = 0; i < DEMAND_WORLDS; i++)
		ck_near(d.peak[i], 0, 0);
	ck_near(d.load, 0, 0);
}
END_TEST

Suite *demand_suite(void)
{
	Suite *suite = suite_create("demand");
	TCase *test = tcase_create("queueing");

	tcase_add_checked_fixture(test, begin, end);
	tcase_add_test(test, a_pool_has_the_size_that_erlang_says);
	tcase_add_test(test, nonsense_has_no_size);
	tcase_add_test(test, a_peak_is_what_chance_exceeds_once);
	tcase_add_test(test, threads_that_do_not_think_all_hold_one);
	tcase_add_test(test, a_pool_for_threads_that_take_turns_may_be_smaller);
	tcase_add_test(test, portions_are_counted_at_their_least_and_most);
	suite_add_tcase(suite, test);

	test = tcase_create("nobody waits");
	tcase_add_checked_fixture(test, begin, end);
	tcase_add_test(test,
		       with_nothing_wrong_every_world_is_the_one_that_was_seen);
	tcase_add_test(test, a_leak_is_taken_off_where_it_was_out_all_the_time);
	tcase_add_test(test, a_leak_is_taken_off_up_to_the_end);
	tcase_add_test(test, what_is_kept_by_design_or_only_out_is_no_leak);
	tcase_add_test(test, a_long_hold_is_cut_short_and_not_removed);
	tcase_add_test(test, where_all_holds_are_long_a_long_one_is_longer);
	tcase_add_test(test, a_trace_without_any_time_has_no_demand);
	suite_add_tcase(suite, test);

	test = tcase_create("full");
	tcase_add_checked_fixture(test, begin, end);
	tcase_add_test(test, who_waits_behind_a_leak_is_no_demand);
	tcase_add_test(test, who_waits_for_a_lease_on_its_way_is_no_demand);
	tcase_add_test(test,
		       who_waits_behind_long_holds_is_demand_without_a_leak);
	tcase_add_test(test, tries_again_behind_a_leak_are_no_demand);
	tcase_add_test(test, attempts_are_the_demand_and_not_what_was_granted);
	tcase_add_test(test,
		       the_attempts_of_threads_that_take_turns_are_slowed_down);
	tcase_add_test(test, threads_that_come_once_take_no_turns);
	tcase_add_test(test,
		       what_is_left_of_long_holds_that_begin_at_once_is_a_mean);
	tcase_add_test(test, no_more_than_the_threads_can_be_out);
	tcase_add_test(test,
		       a_world_without_leaks_has_no_more_than_its_threads_need);
	tcase_add_test(test, leases_that_others_release_are_not_bound_by_them);
	tcase_add_test(test, a_touch_of_the_ceiling_is_no_shortage);
	suite_add_tcase(suite, test);

	test = tcase_create("capacity");
	tcase_add_checked_fixture(test, begin, end);
	tcase_add_test(test,
		       a_ceiling_that_was_not_told_is_the_one_that_was_met);
	tcase_add_test(test, without_any_wait_nobody_knows_the_capacity);
	tcase_add_test(test, a_capacity_that_was_passed_is_what_was_out);
	suite_add_tcase(suite, test);

	test = tcase_create("spike");
	tcase_add_checked_fixture(test, begin, end);
	tcase_add_test(test, a_rush_that_comes_and_goes_is_a_spike);
	tcase_add_test(test, a_rush_in_which_holds_grow_is_no_spike);
	tcase_add_test(test, what_lasts_for_half_of_the_run_is_no_spike);
	tcase_add_test(test, a_crowd_behind_a_leak_is_no_spike);
	suite_add_tcase(suite, test);
	return suite;
}
