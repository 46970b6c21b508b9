/* SPDX-License-Identifier: MIT */
/*
 * What preload/uses.h promises, and caller.h of a call that uses a connection;
 * through the tracker, which fills the index.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/caller.h"
#include "preload/recording.h"
#include "preload/tracker.h"
#include "tests/scratch.h"
#include "tests/suites.h"

static char handles[20000]; /* only their addresses matter */

/* In no libpq, and in no shim. */
static const struct libpq library = { .start = 0x1000, .end = 0x2000 };

static void begin(void)
{
	struct config config = { .record_limit = 64 << 20 };

	scratch_make();
	strcpy(config.folder, scratch);
	recording_init(&config, "/usr/bin/app");
}

static void acquire(const void *handle)
{
	struct acquisition what = {
		.handle = handle,
		.function = "PQconnectdb",
		.kind = HANDLE_CONNECTION,
		.state = SLOT_ESTABLISHED,
	};

	what.stack.frames[0] = (uintptr_t)acquire;
	what.stack.count = 1;
	tracker_acquired(&what);
}

static void release(const void *handle)
{
	struct misuse misuse;

	ck_assert(!tracker_releasing(handle, HANDLE_CONNECTION, &misuse));
}

static const struct record_slot *slot_of(const void *handle)
{
	struct writer *record = recording_lock();
	const struct record_slot *found = NULL;

	for (uint32_t i = 0; i < sizeof(handles) && !found; i++) {
		const struct record_slot *slot =
			writer_at(record, RECORD_SLOTS, i);

		if (slot->handle == record_handle(handle) &&
		    slot->state != SLOT_FREE)
			found = slot;
	}
	recording_unlock();
	return found;
}

START_TEST(a_call_counts_until_it_ends)
{
	struct use use = { .slot = NULL };
	const struct record_slot *slot;

	acquire(&handles[0]);
	slot = slot_of(&handles[0]);
	ck_assert_int_eq(uses_begin(&use, &handles[0]), USE_NOTHING);
	ck_assert_uint_eq(slot->calls, 1);
	ck_assert_uint_eq(slot->used_ns, 0);
	uses_end(&use, NULL);
	ck_assert_uint_eq(slot->calls, 0);
	ck_assert_uint_gt(slot->used_ns, 0);
	ck_assert_uint_eq(slot->used_at, 1);
}
END_TEST

START_TEST(it_says_whose_it_is_and_what_it_came_to)
{
	const struct outcome failed = {
		.transaction = TRANSACTION_FAILED,
		.error = record_sqlstate("40001"),
	};
	const struct outcome drained = { .transaction = TRANSACTION_IDLE };
	struct use use = { .slot = NULL };
	const struct record_slot *slot;

	acquire(&handles[0]);
	slot = slot_of(&handles[0]);
	uses_begin(&use, &handles[0]);
	ck_assert_int_eq(slot->used_by, gettid());
	uses_end(&use, &failed);
	ck_assert_uint_eq(slot->doing, TRANSACTION_FAILED);
	ck_assert_uint_eq(slot->error, record_sqlstate("40001"));
	ck_assert_uint_eq(slot->error_ns, slot->used_ns);
	uses_begin(&use, &handles[0]);
	uses_end(&use, &drained);
	ck_assert_uint_eq(slot->doing, TRANSACTION_IDLE);
	ck_assert_uint_eq(slot->error, record_sqlstate("40001"));
	uses_begin(&use, &handles[0]);
	uses_end(&use, NULL);
	ck_assert_uint_eq(slot->doing, TRANSACTION_IDLE);
}
END_TEST

/* A call that has come to this; `queried`: it begins a query. */
static void call(const void *handle, bool queried, uint32_t transaction)
{
	const struct outcome outcome = { .transaction = transaction,
					 .queried = queried };
	struct use use = { .slot = NULL };

	uses_begin(&use, handle);
	if (queried)
		uses_query(&use);
	uses_end(&use, &outcome);
}

#define LONG	50000u /* microseconds */
#define LONG_NS (LONG * UINT64_C(1000) - RECORD_ROUGH_NS)

START_TEST(a_query_lasts_until_nothing_is_under_way)
{
	const struct record_slot *slot;
	uint64_t began;

	acquire(&handles[0]);
	slot = slot_of(&handles[0]);
	call(&handles[0], true, TRANSACTION_ACTIVE);
	began = slot->turned_ns;
	ck_assert_uint_gt(began, 0);
	usleep(LONG);
	call(&handles[0], false, TRANSACTION_ACTIVE);
	call(&handles[0], true, TRANSACTION_ACTIVE); /* in a pipeline */
	ck_assert_uint_eq(slot->turned_ns, began);
	ck_assert_uint_eq(slot->query_ns, 0);
	usleep(LONG);
	call(&handles[0], false, TRANSACTION_IDLE);
	ck_assert_uint_ge(slot->query_ns, 2 * LONG_NS);
	ck_assert_uint_eq(slot->query_ns, slot->turned_ns - began);
	ck_assert_uint_eq(slot->longest_query_ns, slot->query_ns);
	ck_assert_uint_eq(slot->transaction_ns, 0);
}
END_TEST

START_TEST(to_look_at_a_connection_at_rest_is_no_query)
{
	const struct record_slot *slot;

	acquire(&handles[0]);
	slot = slot_of(&handles[0]);
	call(&handles[0], true, TRANSACTION_IDLE);
	usleep(LONG);
	call(&handles[0], false, TRANSACTION_IDLE);
	ck_assert_uint_lt(slot->turned_ns, slot->used_ns);
	ck_assert_uint_eq(slot->query_ns, slot->longest_query_ns);
}
END_TEST

START_TEST(a_rest_in_a_transaction_lasts_until_the_next_query)
{
	const struct record_slot *slot;

	acquire(&handles[0]);
	slot = slot_of(&handles[0]);
	call(&handles[0], true, TRANSACTION_OPEN);
	usleep(LONG);
	call(&handles[0], false, TRANSACTION_OPEN);
	usleep(LONG);
	ck_assert_uint_eq(slot->transaction_ns, 0);
	ck_assert_uint_ge(uses_spent(slot).transaction_ns, 2 * LONG_NS);
	call(&handles[0], true, TRANSACTION_FAILED);
	ck_assert_uint_ge(slot->transaction_ns, 2 * LONG_NS);
	usleep(LONG);
	call(&handles[0], true, TRANSACTION_IDLE);
	ck_assert_uint_ge(slot->transaction_ns, 3 * LONG_NS);
	ck_assert_uint_eq(uses_spent(slot).transaction_ns,
			  slot->transaction_ns);
}
END_TEST

static uint64_t ns_since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)(now.tv_sec - then->tv_sec) * 1000000000u +
	       (uint64_t)now.tv_nsec - (uint64_t)then->tv_nsec;
}

/* By a clock that is exact. */
static void work(uint64_t ns)
{
	struct timespec began;

	clock_gettime(CLOCK_MONOTONIC, &began);
	while (ns_since(&began) < ns)
		;
}

/* A hundred steps of the clock: by chance a third is no half. */
START_TEST(queries_far_shorter_than_a_step_of_the_clock_add_up)
{
	const struct outcome in = { .transaction = TRANSACTION_OPEN,
				    .queried = true };
	struct timespec began, step;
	const struct record_slot *slot;
	uint64_t query = 0;
	double share;

	clock_getres(CLOCK_MONOTONIC_COARSE, &step);
	acquire(&handles[0]);
	slot = slot_of(&handles[0]);
	call(&handles[0], true, TRANSACTION_OPEN);
	clock_gettime(CLOCK_MONOTONIC, &began);
	while (ns_since(&began) < 150 * (uint64_t)step.tv_nsec) {
		struct use use = { .slot = NULL };
		struct timespec at;

		clock_gettime(CLOCK_MONOTONIC, &at);
		uses_begin(&use, &handles[0]);
		uses_query(&use);
		work(30000);
		uses_end(&use, &in);
		query += ns_since(&at);
		work(60000);
	}
	share = (double)slot->query_ns / (double)query;
	ck_assert_double_ge(share, 0.5);
	ck_assert_double_le(share, 1.8);
}
END_TEST

static void *use_once(void *handle)
{
	struct use use = { .slot = NULL };
	const enum use_work work = uses_begin(&use, handle);

	ck_assert_int_eq(use.slot->used_by, gettid());
	uses_end(&use, NULL);
	return (void *)(uintptr_t)work;
}

static enum use_work work_of_another_thread(void *handle)
{
	pthread_t thread;
	void *work;

	ck_assert_int_eq(pthread_create(&thread, NULL, use_once, handle), 0);
	ck_assert_int_eq(pthread_join(thread, &work), 0);
	return (enum use_work)(uintptr_t)work;
}

START_TEST(a_lease_has_work_when_another_thread_uses_it)
{
	struct record_slot *slot;

	acquire(&handles[0]);
	slot = (struct record_slot *)slot_of(&handles[0]);
	use_once(&handles[0]);
	ck_assert_int_eq(work_of_another_thread(&handles[0]), USE_NOTHING);
	slot->partner = 7;
	ck_assert_ptr_eq(use_once(&handles[0]), (void *)USE_LEASE);
	ck_assert_ptr_eq(use_once(&handles[0]), (void *)USE_NOTHING);
	ck_assert_int_eq(work_of_another_thread(&handles[0]), USE_LEASE);
	ck_assert_int_ne(slot->used_by, gettid());
}
END_TEST

START_TEST(so_has_one_that_the_thread_gave_back)
{
	struct record_slot *slot;

	acquire(&handles[0]);
	slot = (struct record_slot *)slot_of(&handles[0]);
	slot->released_by = gettid();
	ck_assert_ptr_eq(use_once(&handles[0]), (void *)USE_LEASE);
	ck_assert_int_eq(work_of_another_thread(&handles[0]), USE_NOTHING);
}
END_TEST

static uint64_t taken_turns(void)
{
	struct writer *record = recording_lock();
	const uint64_t count = record->header->totals[TOTAL_TAKEN_TURNS];

	recording_unlock();
	return count;
}

/* Who opens one for another thread has not taken turns with it. */
START_TEST(threads_that_take_turns_are_counted_at_the_end)
{
	for (int i = 0; i < 2; i++) {
		acquire(&handles[i]);
		use_once(&handles[i]);
		work_of_another_thread(&handles[i]);
	}
	ck_assert_uint_eq(slot_of(&handles[1])->turns, 0);
	use_once(&handles[1]);
	ck_assert_uint_eq(slot_of(&handles[1])->turns, 1);
	release(&handles[0]);
	ck_assert_uint_eq(taken_turns(), 0);
	release(&handles[1]);
	ck_assert_uint_eq(taken_turns(), 1);
	acquire(&handles[1]);
	ck_assert_uint_eq(slot_of(&handles[1])->turns, 0);
}
END_TEST

START_TEST(the_end_of_a_use_is_counted_in_acquisitions_of_the_site)
{
	struct use use = { .slot = NULL };

	acquire(&handles[0]);
	acquire(&handles[1]);
	ck_assert_int_eq(uses_begin(&use, &handles[0]), USE_NOTHING);
	acquire(&handles[2]);
	uses_end(&use, NULL);
	ck_assert_uint_eq(slot_of(&handles[0])->used_at, 3);
	ck_assert_uint_eq(slot_of(&handles[1])->used_at, 0);
}
END_TEST

START_TEST(a_handle_that_is_not_out_is_not_in_use)
{
	struct use use = { .slot = NULL };

	acquire(&handles[0]);
	ck_assert_int_eq(uses_begin(&use, &handles[1]), USE_NOTHING);
	ck_assert_ptr_null(use.slot);
	release(&handles[0]);
	ck_assert_int_eq(uses_begin(&use, &handles[0]), USE_NOTHING);
	ck_assert_ptr_null(use.slot);
	uses_end(&use, NULL);
}
END_TEST

START_TEST(a_late_end_changes_nothing_of_the_next_handle)
{
	struct use use = { .slot = NULL };

	acquire(&handles[0]);
	ck_assert_int_eq(uses_begin(&use, &handles[0]), USE_NOTHING);
	release(&handles[0]);
	acquire(&handles[1]);
	ck_assert_ptr_eq(slot_of(&handles[1]), use.slot);
	ck_assert_uint_eq(use.slot->calls, 0);
	uses_end(&use, NULL);
	ck_assert_uint_eq(use.slot->calls, 0);
	ck_assert_uint_eq(use.slot->used_ns, 0);
}
END_TEST

/* Far more than the index has room for. */
START_TEST(what_the_index_has_no_room_for_is_found_by_the_tracker)
{
	struct use use = { .slot = NULL };
	unsigned asked = 0;

	for (size_t i = 0; i < sizeof(handles); i++)
		acquire(&handles[i]);
	for (size_t i = 0; i < sizeof(handles); i++) {
		if (uses_begin(&use, &handles[i]) == USE_INDEX) {
			asked++;
			tracker_used(&handles[i]);
			ck_assert_int_eq(uses_begin(&use, &handles[i]),
					 USE_NOTHING);
		}
		ck_assert_ptr_nonnull(use.slot);
		ck_assert_uint_eq(use.slot->handle, record_handle(&handles[i]));
		uses_end(&use, NULL);
		use.slot = NULL;
	}
	ck_assert_uint_gt(asked, sizeof(handles) / 2);
}
END_TEST

/* In the child the slot is out of reach: touching it would be a crash. */
START_TEST(a_child_leaves_the_uses_of_its_parent_alone)
{
	struct use use = { .slot = NULL };
	int status;
	pid_t child;

	acquire(&handles[0]);
	ck_assert_int_eq(uses_begin(&use, &handles[0]), USE_NOTHING);
	child = fork();
	if (!child) {
		struct use own = { .slot = NULL };

		recording_after_fork_in_child();
		uses_end(&use, NULL);
		if (uses_begin(&own, &handles[0]) || own.slot)
			_exit(1);
		acquire(&handles[1]);
		if (uses_begin(&own, &handles[0]) || own.slot)
			_exit(2);
		if (uses_begin(&own, &handles[1]) || !own.slot)
			_exit(3);
		_exit(own.slot->used_by != getpid());
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(use.slot->calls, 1);
	uses_end(&use, NULL);
	ck_assert_uint_eq(use.slot->calls, 0);
}
END_TEST

START_TEST(a_use_ends_with_its_call)
{
	const char frame = 0;

	acquire(&handles[0]);
	ck_assert_ptr_null(caller_use(&frame));
	caller_enters(&frame, &library, true, true);
	ck_assert_int_eq(uses_begin(caller_use(&frame), &handles[0]),
			 USE_NOTHING);
	ck_assert_uint_eq(slot_of(&handles[0])->calls, 1);
	caller_leaves(&frame);
	ck_assert_uint_eq(slot_of(&handles[0])->calls, 0);
}
END_TEST

START_TEST(a_use_that_was_left_by_longjmp_ends_with_the_next_call)
{
	const char frames[2] = { 0 };

	acquire(&handles[0]);
	caller_enters(&frames[0], &library, true, true);
	ck_assert_int_eq(uses_begin(caller_use(&frames[0]), &handles[0]),
			 USE_NOTHING);
	caller_enters(&frames[1], &library, true, true);
	ck_assert_uint_eq(slot_of(&handles[0])->calls, 0);
	ck_assert_ptr_null(caller_use(&frames[0]));
	caller_leaves(&frames[1]);
}
END_TEST

START_TEST(what_the_program_keeps_by_design_is_marked)
{
	acquire(&handles[0]);
	tracker_by_design(&handles[0]);
	tracker_by_design(&handles[1]);
	ck_assert_uint_eq(slot_of(&handles[0])->flags,
			  SLOT_EVER_ESTABLISHED | SLOT_BY_DESIGN);
	ck_assert(tracker_check());
	release(&handles[0]);
	acquire(&handles[0]);
	ck_assert_uint_eq(slot_of(&handles[0])->flags, SLOT_EVER_ESTABLISHED);
}
END_TEST

Suite *uses_suite(void)
{
	Suite *suite = suite_create("uses");
	TCase *test = tcase_create("one process");

	tcase_add_checked_fixture(test, begin, scratch_remove);
	tcase_add_test(test, a_call_counts_until_it_ends);
	tcase_add_test(test, it_says_whose_it_is_and_what_it_came_to);
	tcase_add_test(test, a_query_lasts_until_nothing_is_under_way);
	tcase_add_test(test, to_look_at_a_connection_at_rest_is_no_query);
	tcase_add_test(test,
		       a_rest_in_a_transaction_lasts_until_the_next_query);
	tcase_add_test(test,
		       queries_far_shorter_than_a_step_of_the_clock_add_up);
	tcase_add_test(test, a_lease_has_work_when_another_thread_uses_it);
	tcase_add_test(test, threads_that_take_turns_are_counted_at_the_end);
	tcase_add_test(test, so_has_one_that_the_thread_gave_back);
	tcase_add_test(test,
		       the_end_of_a_use_is_counted_in_acquisitions_of_the_site);
	tcase_add_test(test, a_handle_that_is_not_out_is_not_in_use);
	tcase_add_test(test, a_late_end_changes_nothing_of_the_next_handle);
	tcase_add_test(test,
		       what_the_index_has_no_room_for_is_found_by_the_tracker);
	tcase_add_test(test, what_the_program_keeps_by_design_is_marked);
	suite_add_tcase(suite, test);

	test = tcase_create("fork");
	tcase_add_checked_fixture(test, begin, scratch_remove);
	tcase_add_test(test, a_child_leaves_the_uses_of_its_parent_alone);
	suite_add_tcase(suite, test);

	test = tcase_create("calls");
	tcase_add_checked_fixture(test, begin, scratch_remove);
	tcase_add_test(test, a_use_ends_with_its_call);
	tcase_add_test(test,
		       a_use_that_was_left_by_longjmp_ends_with_the_next_call);
	suite_add_tcase(suite, test);
	return suite;
}
