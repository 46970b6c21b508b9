/* SPDX-License-Identifier: MIT */
/*
 * Five outages and a healthy program, simulated: the verdict must be right for
 * any seed, whether clients come and go or are threads that take turns, and
 * whether the time of who waits was kept.
 */
#include <string.h>

#include "analyzer/verdict.h"
#include "tests/simulated_pool.h"
#include "tests/suites.h"

#define SEEDS 6

#define CROWDS(...)                   \
	(const struct crowd[])        \
	{                             \
		__VA_ARGS__,          \
		{                     \
			.where = NULL \
		}                     \
	}

static struct arena arena;
static struct trace t;
static struct verdict v;

static void begin(void)
{
	arena_init(&arena);
}

static void end(void)
{
	arena_release(&arena);
}

/* Every second seed leaves out what a smaller record does not have. */
static void play(struct simulation s, int seed)
{
	struct thresholds thresholds;

	thresholds_default(&thresholds);
	s.seed = (uint64_t)seed + 1;
	s.untimed = seed % 2;
	simulate(&t, &arena, &s);
	verdict_find(&v, &arena, &t, &thresholds);
}

static double number(size_t cause, const char *name)
{
	const struct cause *c = &v.causes[cause];

	for (size_t i = 0; i < c->number_count; i++)
		if (!strcmp(c->numbers[i].name, name))
			return c->numbers[i].value;
	ck_abort_msg("there is no number %s", name);
}

static void ck_first(enum cause_id id)
{
	ck_assert_msg(v.causes[0].id == id, "%s: %s", v.headline,
		      v.causes[0].text);
}

static bool names(enum cause_id id)
{
	for (size_t i = 0; i < v.count; i++)
		if (v.causes[i].id == id)
			return true;
	return false;
}

/* A sudden crowd on a healthy pool. */
START_TEST(a_sudden_crowd_is_a_spike)
{
	play((struct simulation){ .seconds = 20,
				  .size = 20,
				  .told = true,
				  .patience = 0.5,
				  .listeners = 1,
				  .crowds = CROWDS({ .where = "web",
						     .rate = 280,
						     .rush = 12,
						     .rush_from = 8,
						     .rush_to = 10,
						     .hold = 0.02 }) },
	     _i);
	ck_first(CAUSE_SPIKE);
	ck_assert_uint_eq(v.count, 1);
	ck_assert_double_ge(number(0, "times"), 9);
	ck_assert_double_ge(number(0, "demand"), 60);
	ck_assert_double_le(number(0, "peak_demand_without"), 20);
}
END_TEST

/* Workers with a crowd on top, who come, ask once and go. */
START_TEST(a_sudden_crowd_beside_workers_is_a_spike)
{
	play((struct simulation){ .seconds = 20,
				  .size = 20,
				  .patience = 0.5,
				  .listeners = 1,
				  .crowds = CROWDS({ .where = "worker",
						     .threads = 40,
						     .think = 0.12,
						     .hold = 0.02 },
						   { .where = "crowd",
						     .rate = 1,
						     .rush = 3000,
						     .rush_from = 8,
						     .rush_to = 10,
						     .hold = 0.02 }) },
	     _i);
	ck_first(CAUSE_SPIKE);
	ck_assert(!names(CAUSE_LEAK));
}
END_TEST

/* Long queries and an error path that leaks: neither alone would have done. */
START_TEST(long_queries_and_a_leak_are_both_named)
{
	play((struct simulation){ .seconds = 20,
				  .size = 20,
				  .told = true,
				  .patience = 0.2,
				  .crowds = CROWDS({ .where = "web",
						     .rate = 100,
						     .hold = 0.02 },
						   { .where = "order",
						     .rate = 60,
						     .hold = 0.02,
						     .errors = 0.014,
						     .leaks = 1 },
						   { .where = "analytics",
						     .rate = 4,
						     .hold = 3,
						     .hold_least = 1,
						     .query = 1 }) },
	     _i);
	ck_assert_msg(names(CAUSE_LEAK) && v.count == 2, "%s: %s", v.headline,
		      v.causes[0].text);
	ck_assert(names(_i % 2 ? CAUSE_APPLICATION_HOLDS : CAUSE_SLOW_QUERY));
	ck_assert_msg(strstr(v.headline, "; fix both") != NULL, "%s",
		      v.headline);
}
END_TEST

/* A maximum that was set far too low. */
START_TEST(a_pool_of_three_for_a_load_of_ten_is_too_small)
{
	play((struct simulation){ .seconds = 20,
				  .size = 3,
				  .told = true,
				  .patience = 0.5,
				  .crowds = CROWDS({ .where = "web",
						     .rate = 500,
						     .hold = 0.02 }) },
	     _i);
	ck_first(CAUSE_POOL_TOO_SMALL);
	ck_assert_uint_eq(v.count, 1);
	ck_assert_double_ge(number(0, "advised"), 13);
	ck_assert_double_le(number(0, "advised"), 20);
}
END_TEST

/*
 * The same with threads that take turns, where a pool of 300 would have had 21
 * out at its peak, and 10 on average.
 */
START_TEST(a_pool_of_three_for_24_threads_is_too_small)
{
	play((struct simulation){ .seconds = 20,
				  .size = 3,
				  .patience = 0.5,
				  .crowds = CROWDS({ .where = "worker",
						     .threads = 24,
						     .think = 0.03,
						     .hold = 0.02 }) },
	     _i);
	ck_first(CAUSE_POOL_TOO_SMALL);
	ck_assert_uint_eq(v.count, 1);
	if (t.timed) {
		ck_assert_double_ge(number(0, "peak_demand_without"), 16);
		ck_assert_double_le(number(0, "peak_demand_without"), 24);
		ck_assert_double_ge(number(0, "load"), 8);
		ck_assert_double_le(number(0, "load"), 13);
	}
}
END_TEST

/* A release that an error skips, in three ways to find the pool empty. */
START_TEST(a_release_that_errors_skip_is_a_leak)
{
	static const double patience[] = { 0.5, FOREVER, 0 };

	play((struct simulation){ .seconds = 20,
				  .size = 30,
				  .told = true,
				  .patience = patience[_i % 3],
				  .crowds = CROWDS({ .where = "save",
						     .threads = 40,
						     .think = 0.12,
						     .hold = 0.02,
						     .errors = 0.01,
						     .leaks = 1 }) },
	     _i);
	ck_first(CAUSE_LEAK);
	ck_assert_uint_eq(v.count, 1);
	ck_assert(v.causes[0].alone);
	ck_assert_double_ge(number(0, "leaked"), 27);
	ck_assert_double_le(number(0, "peak_demand_without"), 20);
	ck_assert(strstr(v.causes[0].text,
			 "times after SQLSTATE 40001, 0 of") != NULL);
}
END_TEST

/* Reports hold leases, and leak some, where users wait for ever. */
START_TEST(reports_that_hold_leases_come_before_the_leak)
{
	play((struct simulation){ .seconds = 20,
				  .size = 50,
				  .told = true,
				  .patience = FOREVER,
				  .crowds = CROWDS({ .where = "web",
						     .threads = 120,
						     .think = 1.4,
						     .hold = 0.02 },
						   { .where = "report",
						     .threads = 80,
						     .think = 2.5,
						     .hold = 3,
						     .hold_least = 1,
						     .errors = 0.05,
						     .leaks = 1,
						     .query = 0.05 }) },
	     _i);
	ck_first(CAUSE_APPLICATION_HOLDS);
	ck_assert(v.causes[0].alone);
	ck_assert(!names(CAUSE_POOL_TOO_SMALL));
	ck_assert_double_le(number(0, "peak_demand_without"), 40);
}
END_TEST

START_TEST(a_healthy_pool_with_listeners_is_left_alone)
{
	play((struct simulation){ .seconds = 20,
				  .size = 20,
				  .told = true,
				  .patience = 0.5,
				  .listeners = 2,
				  .crowds = CROWDS({ .where = "web",
						     .rate = 200,
						     .hold = 0.02 }) },
	     _i);
	ck_first(CAUSE_NOTHING);
	ck_assert(strstr(v.headline, "no wait") != NULL);
}
END_TEST

START_TEST(a_database_that_stands_still_is_blocked)
{
	play((struct simulation){ .seconds = 20,
				  .size = 20,
				  .told = true,
				  .patience = 0.5,
				  .stuck_from = 8,
				  .stuck_to = 11,
				  .crowds = CROWDS({ .where = "web",
						     .threads = 40,
						     .think = 0.2,
						     .hold = 0.02 },
						   { .where = "cart",
						     .rate = 50,
						     .hold = 0.02 }) },
	     _i);
	ck_first(CAUSE_DATABASE_BLOCKED);
	ck_assert_uint_eq(v.count, 1);
}
END_TEST

START_TEST(a_leak_is_told_before_the_pool_runs_dry)
{
	play((struct simulation){ .seconds = 20,
				  .size = 60,
				  .told = true,
				  .patience = 0.5,
				  .crowds = CROWDS({ .where = "save",
						     .threads = 48,
						     .think = 0.1,
						     .hold = 0.02,
						     .errors = 0.002,
						     .leaks = 1 }) },
	     _i);
	ck_first(CAUSE_LEAK);
	ck_assert(!v.dry);
	ck_assert_double_ge(number(0, "seconds_left"), 10);
	ck_assert_double_le(number(0, "seconds_left"), 200);
}
END_TEST

Suite *incidents_suite(void)
{
	Suite *suite = suite_create("incidents");
	TCase *test = tcase_create("simulated");

	tcase_add_checked_fixture(test, begin, end);
	tcase_set_timeout(test, 60);
	tcase_add_loop_test(test, a_sudden_crowd_is_a_spike, 0, SEEDS);
	tcase_add_loop_test(test, a_sudden_crowd_beside_workers_is_a_spike, 0,
			    SEEDS);
	tcase_add_loop_test(test, long_queries_and_a_leak_are_both_named, 0,
			    SEEDS);
	tcase_add_loop_test(
		test, a_pool_of_three_for_a_load_of_ten_is_too_small, 0, SEEDS);
	tcase_add_loop_test(test, a_pool_of_three_for_24_threads_is_too_small,
			    0, SEEDS);
	tcase_add_loop_test(test, a_release_that_errors_skip_is_a_leak, 0,
			    SEEDS);
	tcase_add_loop_test(test, reports_that_hold_leases_come_before_the_leak,
			    0, SEEDS);
	tcase_add_loop_test(test, a_healthy_pool_with_listeners_is_left_alone,
			    0, SEEDS);
	tcase_add_loop_test(test, a_database_that_stands_still_is_blocked, 0,
			    SEEDS);
	tcase_add_loop_test(test, a_leak_is_told_before_the_pool_runs_dry, 0,
			    SEEDS);
	suite_add_tcase(suite, test);
	return suite;
}
