/* SPDX-License-Identifier: MIT */
/* What preload/series.h promises. */
#include <stdlib.h>

#include "preload/series.h"
#include "tests/suites.h"

#define MS UINT64_C(1000000)

static struct record_pool pool;
static struct record_bucket buckets[RECORD_BUCKETS];

static void begin(void)
{
	series_begin(&pool, 5 * MS);
}

/* From now on so many are out. */
static void use(uint64_t now, uint32_t used)
{
	struct record_bucket *bucket = series_now(&pool, buckets, now);

	if (used > pool.used)
		bucket->acquires += used - pool.used;
	pool.used = used;
	series_level(&pool, bucket);
}

static uint64_t sum_of_used_ns(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < RECORD_BUCKETS; i++)
		sum += buckets[i].used_ns;
	return sum;
}

START_TEST(time_in_use_is_divided_among_its_buckets)
{
	use(10 * MS, 2);
	use(20 * MS, 0);
	ck_assert_uint_eq(buckets[0].used_ns, 10 * MS);
	ck_assert_uint_eq(buckets[1].used_ns, 10 * MS);
	ck_assert_uint_eq(buckets[2].used_ns, 0);
	ck_assert_uint_eq(buckets[0].most_used, 2);
	ck_assert_uint_eq(buckets[1].most_used, 2);
	ck_assert_uint_eq(pool.changed_ns, 20 * MS);
}
END_TEST

START_TEST(what_goes_on_is_in_buckets_without_events)
{
	pool.waiting = 3;
	use(5 * MS, 4);
	use(95 * MS, 4);
	for (unsigned i = 0; i < 10; i++) {
		ck_assert_uint_eq(buckets[i].most_used, 4);
		ck_assert_uint_eq(buckets[i].most_waiting, 3);
	}
	ck_assert_uint_eq(buckets[4].used_ns, 4 * 10 * MS);
	ck_assert_uint_eq(buckets[10].most_used, 0);
}
END_TEST

START_TEST(when_it_is_full_two_become_one)
{
	use(5 * MS, 1);
	use(15 * MS, 3);
	use(5 * MS + 1024 * 10 * MS, 0);
	ck_assert_uint_eq(pool.bucket_ns, 20 * MS);
	ck_assert_uint_eq(buckets[0].acquires, 3);
	ck_assert_uint_eq(buckets[0].most_used, 3);
	ck_assert_uint_eq(buckets[0].used_ns, 10 * MS + 3 * 10 * MS);
	ck_assert_uint_eq(buckets[511].used_ns, 3 * 20 * MS);
	ck_assert_uint_eq(buckets[512].used_ns, 0);
}
END_TEST

START_TEST(after_a_long_silence_it_doubles_until_there_is_room)
{
	const uint64_t day = 24 * 3600 * 1000 * MS;

	use(5 * MS, 2);
	use(day, 1);
	ck_assert_uint_eq(pool.bucket_ns, 10 * MS << 14);
	ck_assert_uint_eq(sum_of_used_ns(), 2 * (day - 5 * MS));
	ck_assert_uint_eq(buckets[0].acquires, 2);
}
END_TEST

START_TEST(between_tries_in_vain_a_thread_waits_as_well)
{
	series_now(&pool, buckets, 8 * MS)->attempts++;
	series_now(&pool, buckets, 41 * MS)->attempts++;
	series_goes_on(&pool, buckets, 9 * MS, 41 * MS);
	ck_assert_uint_eq(buckets[0].waiting_ns, 6 * MS);
	ck_assert_uint_eq(buckets[1].waiting_ns, 10 * MS);
	ck_assert_uint_eq(buckets[3].waiting_ns, 6 * MS);
	ck_assert_uint_eq(buckets[0].most_waiting, 0);
	ck_assert_uint_eq(buckets[1].most_waiting, 1);
	ck_assert_uint_eq(buckets[2].most_demand, 1);
	ck_assert_uint_eq(buckets[0].attempts, 1);
	ck_assert_uint_eq(buckets[3].attempts, 0);
	ck_assert_uint_eq(pool.peak_demand, 1);
}
END_TEST

START_TEST(demand_is_of_one_moment)
{
	use(5 * MS, 4);
	use(6 * MS, 0);
	pool.waiting = 3;
	use(7 * MS, 0);
	use(9 * MS, 0);
	ck_assert_uint_eq(buckets[0].most_used, 4);
	ck_assert_uint_eq(buckets[0].most_waiting, 3);
	ck_assert_uint_eq(buckets[0].most_demand, 4);
	ck_assert_uint_eq(buckets[0].waiting_ns, 3 * 3 * MS);
}
END_TEST

/* Against a sum that needs no buckets. */
START_TEST(whatever_happens_no_time_is_lost_or_invented)
{
	uint64_t now = 5 * MS, sum = 0;

	srandom(1);
	for (int i = 0; i < 20000; i++) {
		const uint64_t step = (uint64_t)random() % (20 * MS);

		sum += step * pool.used;
		now += step;
		use(now, (uint32_t)random() % 50);
	}
	ck_assert_uint_eq(sum_of_used_ns(), sum);
	ck_assert_uint_gt(pool.bucket_ns, RECORD_BUCKET_NS);
}
END_TEST

Suite *series_suite(void)
{
	Suite *suite = suite_create("series");
	TCase *test = tcase_create("buckets");

	tcase_add_checked_fixture(test, begin, NULL);
	tcase_add_test(test, time_in_use_is_divided_among_its_buckets);
	tcase_add_test(test, what_goes_on_is_in_buckets_without_events);
	tcase_add_test(test, when_it_is_full_two_become_one);
	tcase_add_test(test,
		       after_a_long_silence_it_doubles_until_there_is_room);
	tcase_add_test(test, between_tries_in_vain_a_thread_waits_as_well);
	tcase_add_test(test, demand_is_of_one_moment);
	tcase_add_test(test, whatever_happens_no_time_is_lost_or_invented);
	suite_add_tcase(suite, test);
	return suite;
}
