/* SPDX-License-Identifier: MIT */
/* What preload/nesting.h promises of a thread that has leases and asks. */
#include <dirent.h>
#include <pthread.h>
#include <string.h>

#include "preload/leases.h"
#include "preload/recording.h"
#include "preload/tracker.h"
#include "record/reader.h"
#include "tests/scratch.h"
#include "tests/suites.h"

static char objects[2], handles[200][16]; /* only their addresses matter */
static const char places[8]; /* without an unwinder a site is its caller */

static const struct lease_pool the_pool = { .object = &objects[0],
					    .rule = 3,
					    .function = "pool_take" };
static const struct lease_pool other_pool = { .object = &objects[1],
					      .rule = 3,
					      .function = "pool_take" };

static void begin(void)
{
	struct config config = { .record_limit = 64 << 20 };

	scratch_make();
	strcpy(config.folder, scratch);
	recording_init(&config, "/usr/bin/app");
}

static uint64_t key(int handle)
{
	return lease_key((uintptr_t)handles[handle], 0, false);
}

static void finish_try(struct lease_try *try, int handle, int place)
{
	leases_tried(try, handle < 0 ? LEASE_NOTHING : LEASE_ACQUIRED,
		     handle < 0 ? 0 : key(handle), "pool_take", &places[place]);
}

/* `handle` -1: nothing is given. */
static void acquire(const struct lease_pool *pool, int handle, int place)
{
	struct lease_try try;

	leases_try(&try, pool);
	finish_try(&try, handle, place);
}

static void release(int handle)
{
	leases_releasing(&the_pool, key(handle), "pool_drop", &places[7]);
}

static struct reader *read_record(void)
{
	struct reader *reader = NULL;
	const char *why = "no record";
	struct dirent *entry;
	DIR *dir = opendir(scratch);
	int err = -1;

	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			err = reader_open(dirfd(dir), entry->d_name, &reader,
					  &why);
	closedir(dir);
	ck_assert_msg(!err, "%s", why);
	return reader;
}

/* Of the leases that are out: how many ask, and how many were passed. */
static uint32_t asking, passed, most_asking, most_needed;

static void count(void)
{
	struct reader *reader = read_record();
	struct record_slot slot;
	struct record_pool pool;

	asking = passed = 0;
	for (uint32_t i = 0; i < reader_count(reader, RECORD_SLOTS); i++) {
		if (!reader_slot(reader, i, &slot) || slot.state == SLOT_FREE)
			continue;
		asking += !!(slot.flags & SLOT_ASKS);
		passed += !!(slot.flags & SLOT_PASSED);
	}
	ck_assert(reader_pool(reader, 1, &pool));
	most_asking = pool.most_asking;
	most_needed = pool.most_needed;
	reader_free(reader);
}

#define ck_counts(asks, passes, most)                 \
	do {                                          \
		count();                              \
		ck_assert_uint_eq(asking, asks);      \
		ck_assert_uint_eq(passed, passes);    \
		ck_assert_uint_eq(most_asking, most); \
	} while (0)

START_TEST(who_has_none_and_asks_holds_nothing_back)
{
	acquire(&the_pool, 0, 0);
	ck_counts(0, 0, 0);
}
END_TEST

START_TEST(a_lease_asks_while_its_thread_asks_for_one_more)
{
	struct lease_try try;

	acquire(&the_pool, 0, 0);
	leases_try(&try, &the_pool);
	ck_counts(1, 0, 1);
	finish_try(&try, 1, 1);
	ck_counts(0, 0, 1);
	ck_assert_uint_eq(most_needed, 2);
}
END_TEST

START_TEST(after_it_was_in_vain_it_asks_until_one_is_released)
{
	acquire(&the_pool, 0, 0);
	acquire(&the_pool, 1, 1);
	acquire(&the_pool, -1, 2);
	ck_counts(2, 0, 2);
	release(1);
	ck_counts(0, 0, 2);
}
END_TEST

START_TEST(after_it_was_in_vain_it_asks_until_one_is_given)
{
	acquire(&the_pool, 0, 0);
	acquire(&the_pool, -1, 2);
	ck_counts(1, 0, 1);
	acquire(&the_pool, 1, 2);
	ck_counts(0, 0, 1);
}
END_TEST

static void connect_as(int handle)
{
	tracker_acquired(&(struct acquisition){
		.handle = handles[handle],
		.function = "PQconnectdb",
		.kind = HANDLE_CONNECTION,
		.state = SLOT_ESTABLISHED,
		.server = { "db1", "5432", "orders", "app" },
	});
}

static void elsewhere(void *(*what)(void *))
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, what, NULL), 0);
	pthread_join(thread, NULL);
}

static void *use_first(void *unused)
{
	leases_used(handles[0]);
	return unused;
}

START_TEST(who_hands_one_on_is_content)
{
	connect_as(0);
	acquire(&the_pool, 0, 0);
	acquire(&the_pool, 1, 1);
	acquire(&the_pool, -1, 2);
	ck_counts(2, 0, 2);
	elsewhere(use_first);
	ck_counts(0, 0, 2);
}
END_TEST

static void *ask_and_use_first(void *unused)
{
	acquire(&the_pool, 1, 1);
	acquire(&the_pool, -1, 2);
	ck_counts(1, 0, 1);
	leases_used(handles[0]);
	ck_counts(0, 0, 1);
	return unused;
}

START_TEST(whom_one_is_handed_to_is_content)
{
	connect_as(0);
	acquire(&the_pool, 0, 0);
	elsewhere(ask_and_use_first);
}
END_TEST

START_TEST(who_asks_another_pool_does_not_ask_this_one)
{
	struct lease_try try;

	acquire(&the_pool, 0, 0);
	leases_try(&try, &other_pool);
	ck_counts(0, 0, 0);
	finish_try(&try, 1, 1);
}
END_TEST

/* Whether it is given one there or not. */
START_TEST(whose_thread_comes_back_to_its_place_was_passed)
{
	struct lease_try try;

	acquire(&the_pool, 0, 0);
	acquire(&the_pool, _i ? 1 : -1, 0);
	ck_counts(0, 1, 1);
	leases_try(&try, &the_pool);
	ck_counts(_i, 1, 1);
	finish_try(&try, -1, 3);
}
END_TEST

START_TEST(of_a_thread_that_leaks_and_leaks_the_newest_are_looked_at)
{
	for (int i = 0; i < 200; i++)
		acquire(&the_pool, i, 0);
	ck_counts(0, 199, 1);
	ck_assert_uint_eq(most_needed, 1);
}
END_TEST

START_TEST(who_had_all_when_the_first_failed_says_whether_it_asked)
{
	struct record_keeper keepers[2];
	struct reader *reader;

	acquire(&the_pool, 0, 0);
	acquire(&the_pool, -1, 1);
	reader = read_record();
	ck_assert_uint_eq(reader_count(reader, RECORD_KEEPERS), 1);
	ck_assert(reader_keeper(reader, 0, &keepers[0]));
	ck_assert_uint_eq(keepers[0].flags & SLOT_ASKS, SLOT_ASKS);
	reader_free(reader);
}
END_TEST

Suite *nesting_suite(void)
{
	Suite *suite = suite_create("nesting");
	TCase *test = tcase_create("one thread");

	tcase_add_checked_fixture(test, begin, scratch_remove);
	tcase_add_test(test, who_has_none_and_asks_holds_nothing_back);
	tcase_add_test(test, a_lease_asks_while_its_thread_asks_for_one_more);
	tcase_add_test(test,
		       after_it_was_in_vain_it_asks_until_one_is_released);
	tcase_add_test(test, after_it_was_in_vain_it_asks_until_one_is_given);
	tcase_add_test(test, who_hands_one_on_is_content);
	tcase_add_test(test, whom_one_is_handed_to_is_content);
	tcase_add_test(test, who_asks_another_pool_does_not_ask_this_one);
	tcase_add_loop_test(
		test, whose_thread_comes_back_to_its_place_was_passed, 0, 2);
	tcase_add_test(
		test,
		of_a_thread_that_leaks_and_leaks_the_newest_are_looked_at);
	tcase_add_test(test,
		       who_had_all_when_the_first_failed_says_whether_it_asked);
	suite_add_tcase(suite, test);
	return suite;
}
