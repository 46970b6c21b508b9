/* SPDX-License-Identifier: MIT */
/*
 * What preload/uses.h promises, and caller.h of a call that uses a connection;
 * through the tracker, which fills the index.
 */
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
	ck_assert(uses_begin(&use, &handles[0]));
	ck_assert_uint_eq(slot->calls, 1);
	ck_assert_uint_eq(slot->used_ns, 0);
	uses_end(&use, NULL);
	ck_assert_uint_eq(slot->calls, 0);
	ck_assert_uint_gt(slot->used_ns, 0);
	ck_assert_uint_eq(slot->used_at, 1);
}
END_TEST

START_TEST(the_end_of_a_use_is_counted_in_acquisitions_of_the_site)
{
	struct use use = { .slot = NULL };

	acquire(&handles[0]);
	acquire(&handles[1]);
	ck_assert(uses_begin(&use, &handles[0]));
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
	ck_assert(uses_begin(&use, &handles[1]));
	ck_assert_ptr_null(use.slot);
	release(&handles[0]);
	ck_assert(uses_begin(&use, &handles[0]));
	ck_assert_ptr_null(use.slot);
	uses_end(&use, NULL);
}
END_TEST

START_TEST(a_late_end_changes_nothing_of_the_next_handle)
{
	struct use use = { .slot = NULL };

	acquire(&handles[0]);
	ck_assert(uses_begin(&use, &handles[0]));
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
		if (!uses_begin(&use, &handles[i])) {
			asked++;
			tracker_used(&handles[i]);
			ck_assert(uses_begin(&use, &handles[i]));
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
	ck_assert(uses_begin(&use, &handles[0]));
	child = fork();
	if (!child) {
		struct use own = { .slot = NULL };

		recording_after_fork_in_child();
		uses_end(&use, NULL);
		if (!uses_begin(&own, &handles[0]) || own.slot)
			_exit(1);
		acquire(&handles[1]);
		if (!uses_begin(&own, &handles[0]) || own.slot)
			_exit(2);
		_exit(!uses_begin(&own, &handles[1]) || !own.slot);
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
	ck_assert(uses_begin(caller_use(&frame), &handles[0]));
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
	ck_assert(uses_begin(caller_use(&frames[0]), &handles[0]));
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
