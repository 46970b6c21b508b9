/* SPDX-License-Identifier: MIT */
/* What preload/wrongs.h promises, on top of finished.h and the tracker. */
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/recording.h"
#include "preload/tracker.h"
#include "preload/wrongs.h"
#include "tests/scratch.h"
#include "tests/suites.h"

static char handles[4000]; /* only their addresses matter */
static struct misuse misuse;

static void begin(void)
{
	struct config config = { .record_limit = 64 << 20 };

	scratch_make();
	strcpy(config.folder, scratch);
	recording_init(&config, "/usr/bin/app");
}

static void acquire_as(const void *handle, enum record_handle_kind kind,
		       uintptr_t where)
{
	struct acquisition what = {
		.handle = handle,
		.function = "PQconnectdb",
		.kind = kind,
		.state = SLOT_ESTABLISHED,
	};

	what.stack.frames[0] = where;
	what.stack.count = 1;
	tracker_acquired(&what);
}

static void acquire(const void *handle)
{
	acquire_as(handle, HANDLE_CONNECTION, (uintptr_t)acquire);
}

static bool finish(const void *handle)
{
	return tracker_releasing(handle, HANDLE_CONNECTION, &misuse);
}

static uint64_t finishes(void)
{
	const uint64_t count = recording_lock()->header->totals[TOTAL_FINISHES];

	recording_unlock();
	return count;
}

START_TEST(a_second_finish_is_wrong_and_none)
{
	acquire(&handles[0]);
	acquire_as(&handles[1], HANDLE_CONNECTION, (uintptr_t)finish);
	ck_assert(!finish(&handles[1]));
	for (int i = 0; i < 3; i++) {
		ck_assert(finish(&handles[1]));
		ck_assert_int_eq(misuse.kind, EVENT_DOUBLE_FINISH);
		ck_assert_ptr_eq(misuse.handle, &handles[1]);
		ck_assert_int_eq(misuse.owner.pid, getpid());
		ck_assert_uint_eq(misuse.owner.site, 1);
		ck_assert_uint_eq(misuse.pool, RECORD_NONE);
	}
	ck_assert_uint_eq(finishes(), 1);
	ck_assert(!finish(&handles[0]));
	ck_assert(tracker_check());
}
END_TEST

START_TEST(what_was_never_returned_is_unknown)
{
	acquire(&handles[0]);
	ck_assert(!finish(&handles[1]));
	ck_assert(!finish(&handles[1]));
	ck_assert_uint_eq(finishes(), 0);
}
END_TEST

START_TEST(an_address_that_was_returned_again_is_another_handle)
{
	acquire(&handles[0]);
	ck_assert(!finish(&handles[0]));
	acquire(&handles[0]);
	ck_assert(!finish(&handles[0]));
	ck_assert(finish(&handles[0]));
	ck_assert_uint_eq(finishes(), 2);
}
END_TEST

/* libpq 17's cancel connection is a PGconn, and PQcancelFinish a PQfinish. */
START_TEST(so_is_one_that_a_cancel_handle_has_now)
{
	acquire(&handles[0]);
	ck_assert(!finish(&handles[0]));
	acquire_as(&handles[0], HANDLE_CANCEL, (uintptr_t)acquire);
	ck_assert(!tracker_releasing(&handles[0], HANDLE_CANCEL, &misuse));
	ck_assert(!finish(&handles[0]));
	ck_assert(!tracker_releasing(&handles[0], HANDLE_CANCEL, &misuse));
}
END_TEST

START_TEST(many_are_known_and_no_other_is_taken_for_one)
{
	unsigned known = 0;

	for (size_t i = 0; i < sizeof(handles); i += 2) {
		acquire(&handles[i]);
		ck_assert(!finish(&handles[i]));
	}
	for (size_t i = 0; i < sizeof(handles); i++) {
		const bool wrong = finish(&handles[i]);

		ck_assert(!wrong || i % 2 == 0);
		known += wrong;
	}
	ck_assert_uint_gt(known, 500);
	ck_assert(tracker_check());
}
END_TEST

/* Its memory is as it was, but what its parent did is not its doing. */
static int child_of_fork(void)
{
	recording_after_fork_in_child();
	if (finish(&handles[0]))
		return 1;
	if (!finish(&handles[1]) || misuse.kind != EVENT_FORKED_FINISH)
		return 2;
	return finish(&handles[1]) ? 3 : 0;
}

START_TEST(a_child_knows_nothing_of_what_its_parent_finished)
{
	int status;
	pid_t child;

	acquire(&handles[0]);
	acquire(&handles[1]);
	ck_assert(!finish(&handles[0]));
	child = fork();
	if (!child)
		_exit(child_of_fork());
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert(finish(&handles[0]));
}
END_TEST

/* The slots of a connection and of its lease, and the lease's pool. */
static struct record_slot *connection, *lease;
static struct record_pool *pool;
static uint32_t pool_number;

static uint32_t reserve(struct writer *record, enum record_type type)
{
	const uint32_t number = writer_reserve(record, type, 1);

	writer_publish(record, type, number, 1);
	return number;
}

/* As the keeper of leases does it. */
static void lend(void)
{
	struct writer *record;

	acquire(&handles[0]);
	record = recording_lock();
	connection = writer_at(record, RECORD_SLOTS, 0);
	connection->partner = reserve(record, RECORD_SLOTS);
	lease = writer_at(record, RECORD_SLOTS, connection->partner);
	lease->kind = HANDLE_LEASE;
	lease->state = SLOT_ESTABLISHED;
	lease->site = 77;
	lease->partner = 0;
	pool_number = reserve(record, RECORD_POOLS);
	pool = writer_at(record, RECORD_POOLS, pool_number);
	pool->flags = POOL_PROVEN;
	lease->pool = connection->pool = pool_number;
	recording_unlock();
}

static void give_back(pid_t tid)
{
	lease->state = SLOT_FREE;
	connection->partner = RECORD_NONE;
	connection->released_by = tid;
}

START_TEST(a_connection_that_is_lent_may_not_be_finished)
{
	lend();
	ck_assert(finish(&handles[0]));
	ck_assert_int_eq(misuse.kind, EVENT_FINISHED_WHILE_LEASED);
	ck_assert_uint_eq(misuse.owner.site, 77);
	ck_assert_uint_eq(misuse.pool, pool_number);
	ck_assert_uint_eq(finishes(), 1);
}
END_TEST

START_TEST(one_that_a_thread_took_along_may)
{
	lend();
	lease->flags |= SLOT_OWNER_ENDED;
	ck_assert(!finish(&handles[0]));
	ck_assert_uint_eq(finishes(), 1);
}
END_TEST

START_TEST(one_that_was_given_back_may)
{
	lend();
	give_back(gettid());
	ck_assert(!finish(&handles[0]));
}
END_TEST

START_TEST(who_gave_it_back_may_not_use_it)
{
	lend();
	ck_assert(!wrongs_using(&handles[0], &misuse));
	give_back(gettid());
	ck_assert(wrongs_using(&handles[0], &misuse));
	ck_assert_int_eq(misuse.kind, EVENT_USE_AFTER_RELEASE);
	ck_assert_uint_eq(misuse.owner.site, 0);
	ck_assert_uint_eq(misuse.pool, pool_number);
	ck_assert(!wrongs_using(&handles[0], &misuse));
}
END_TEST

START_TEST(another_thread_may)
{
	lend();
	give_back(gettid() + 1);
	ck_assert(!wrongs_using(&handles[0], &misuse));
}
END_TEST

START_TEST(a_lease_of_an_unknown_connection_may_be_of_this_one)
{
	lend();
	give_back(gettid());
	lease->state = SLOT_ESTABLISHED;
	lease->partner = RECORD_NONE;
	ck_assert(!wrongs_using(&handles[0], &misuse));
	lease->state = SLOT_FREE;
	ck_assert(wrongs_using(&handles[0], &misuse));
}
END_TEST

START_TEST(nobody_knows_how_long_an_annotated_release_takes)
{
	lend();
	pool->flags |= POOL_ANNOTATED;
	give_back(gettid());
	ck_assert(!wrongs_using(&handles[0], &misuse));
}
END_TEST

Suite *wrongs_suite(void)
{
	Suite *suite = suite_create("wrongs");
	TCase *test = tcase_create("twice");

	tcase_add_checked_fixture(test, begin, scratch_remove);
	tcase_add_test(test, a_second_finish_is_wrong_and_none);
	tcase_add_test(test, what_was_never_returned_is_unknown);
	tcase_add_test(test,
		       an_address_that_was_returned_again_is_another_handle);
	tcase_add_test(test, so_is_one_that_a_cancel_handle_has_now);
	tcase_add_test(test, many_are_known_and_no_other_is_taken_for_one);
	tcase_add_test(test, a_child_knows_nothing_of_what_its_parent_finished);
	suite_add_tcase(suite, test);

	test = tcase_create("lent");
	tcase_add_checked_fixture(test, begin, scratch_remove);
	tcase_add_test(test, a_connection_that_is_lent_may_not_be_finished);
	tcase_add_test(test, one_that_a_thread_took_along_may);
	tcase_add_test(test, one_that_was_given_back_may);
	tcase_add_test(test, who_gave_it_back_may_not_use_it);
	tcase_add_test(test, another_thread_may);
	tcase_add_test(test,
		       a_lease_of_an_unknown_connection_may_be_of_this_one);
	tcase_add_test(test, nobody_knows_how_long_an_annotated_release_takes);
	suite_add_tcase(suite, test);
	return suite;
}
