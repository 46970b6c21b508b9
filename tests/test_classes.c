/* SPDX-License-Identifier: MIT */
/*
 * What analyzer/classes.h promises: each class at its borders.  A test begins
 * with one connection, established, acquired alone by its site, in a process
 * that was searched whole and then called exit; and changes what it is about.
 */
#include <string.h>

#include "analyzer/classes.h"
#include "tests/make_record.h"
#include "tests/suites.h"

static struct arena arena;
static struct make_record made;
static struct process process;
static struct record_slot slot;	    /* the next to be added */
static struct record_scan scan;	    /* the same */
static struct record_search search; /* what is in the record */
static uint64_t acquired;	    /* by the site */
static uint64_t longest_ns;	    /* of what it acquired and came back */
static bool marked;		    /* the process said that it would end */
static bool scanned;		    /* there was a search */

static void begin(void)
{
	arena_init(&arena);
	make_init(&made);
	make_site(&made, "PQconnectdb", NULL, 0);
	process = (struct process){ .end = "exit 0" };
	slot = (struct record_slot){ .kind = HANDLE_CONNECTION,
				     .state = SLOT_ESTABLISHED,
				     .flags = SLOT_EVER_ESTABLISHED,
				     .acquired_ns = 1000 };
	scan = (struct record_scan){ .acquired_ns = 1000,
				     .answer = ANSWER_HELD,
				     .holder = HOLDER_GLOBAL };
	search = (struct record_search){ .outcome = OUTCOME_COMPLETE };
	acquired = 1;
	longest_ns = 0;
	marked = scanned = true;
}

static void end(void)
{
	make_release(&made);
	arena_release(&arena);
}

/* Adds the slot, and what the search says of it, if it says anything. */
static void add(void)
{
	scan.slot = make_slot(&made, &slot);
	if (scanned && scan.answer != ANSWER_NONE)
		make_scan(&made, &scan);
}

static void add_with(enum record_answer answer)
{
	scan.answer = (uint8_t)answer;
	add();
}

/* The class of each slot. */
static enum class_id found[8];
static struct record_scan said;
static bool one_place = true;

static void classify(void)
{
	struct record_slot at;
	struct classes classes;
	struct pools pools;
	struct reader *reader;
	struct record_site *site;
	const char *why = "";

	if (marked)
		make_mark(&made, MARK_EXIT, 0);
	if (scanned)
		make_search(&made, &search);
	make_finish(&made);
	site = make_element(&made, RECORD_SITES, 0);
	site->acquired = acquired;
	site->longest_ns = longest_ns;
	ck_assert_msg(!reader_open_memory(made.bytes, made.size, &reader, &why),
		      "%s", why);
	pools_read(&pools, &arena, reader);
	classes_find(&classes, &arena, &pools, &process);
	for (uint32_t i = 0; i < reader_count(reader, RECORD_SLOTS); i++) {
		ck_assert(reader_slot(reader, i, &at));
		found[i] = classes_of(&classes, i, &at, one_place);
		if (!classes_scan(&classes, i, &at, &said))
			said.answer = ANSWER_NONE;
	}
	reader_free(reader);
}

static void ck_class(enum class_id wanted)
{
	classify();
	ck_assert_str_eq(class_row(found[0])->name, class_row(wanted)->name);
}

/* by-design */

START_TEST(the_only_one_of_its_site_is_by_design_if_it_is_held)
{
	add();
	ck_class(CLASS_BY_DESIGN);
}
END_TEST

START_TEST(two_of_one_site_are_not_by_design)
{
	acquired = 2;
	add();
	ck_class(CLASS_HELD);
}
END_TEST

START_TEST(one_that_was_ever_established_is_by_design)
{
	slot.state = SLOT_CONNECTING;
	slot.flags |= SLOT_RESET;
	add();
	ck_class(CLASS_BY_DESIGN);
}
END_TEST

START_TEST(a_connect_that_failed_is_never_by_design_alone)
{
	slot.state = SLOT_FAILED;
	slot.flags = 0;
	add();
	ck_class(CLASS_HELD);
}
END_TEST

START_TEST(a_connect_that_was_abandoned_is_never_by_design_alone)
{
	slot.state = SLOT_CONNECTING;
	slot.flags = 0;
	add();
	ck_class(CLASS_HELD);
}
END_TEST

START_TEST(a_cancel_handle_is_never_by_design_alone)
{
	slot.kind = HANDLE_CANCEL;
	add();
	ck_class(CLASS_HELD);
}
END_TEST

START_TEST(what_only_unknown_memory_points_to_is_held)
{
	add_with(ANSWER_MAYBE);
	ck_class(CLASS_HELD);
}
END_TEST

START_TEST(a_holder_of_nobody_known_is_unknown_memory_whatever_the_answer)
{
	scan.holder = HOLDER_UNKNOWN;
	add();
	ck_class(CLASS_HELD);
}
END_TEST

START_TEST(a_search_that_was_cut_short_makes_nothing_by_design)
{
	search.outcome = OUTCOME_LATE;
	add();
	ck_class(CLASS_HELD);
}
END_TEST

START_TEST(what_the_program_has_marked_is_by_design_whatever_else)
{
	slot.flags |= SLOT_BY_DESIGN;
	marked = scanned = false;
	acquired = 9;
	process.end = "signal 9";
	add();
	ck_class(CLASS_BY_DESIGN);
}
END_TEST

START_TEST(what_is_marked_is_not_lost)
{
	slot.flags |= SLOT_BY_DESIGN;
	add_with(ANSWER_LOST);
	ck_class(CLASS_BY_DESIGN);
}
END_TEST

START_TEST(one_whose_site_was_lost_is_not_by_design)
{
	slot.site = RECORD_NONE;
	add();
	ck_class(CLASS_HELD);
}
END_TEST

/* lost */

START_TEST(what_nothing_points_to_is_lost)
{
	add_with(ANSWER_LOST);
	ck_class(CLASS_LOST);
}
END_TEST

START_TEST(a_failed_connect_and_a_cancel_handle_can_be_lost)
{
	slot.state = SLOT_FAILED;
	slot.flags = 0;
	add_with(ANSWER_LOST);
	slot.kind = HANDLE_CANCEL;
	slot.state = SLOT_ESTABLISHED;
	add_with(ANSWER_LOST);
	ck_class(CLASS_LOST);
	ck_assert_int_eq(found[1], CLASS_LOST);
}
END_TEST

START_TEST(a_doubt_does_not_take_back_what_the_search_has_said)
{
	search.doubts = DOUBT_LATE;
	add_with(ANSWER_LOST);
	ck_class(CLASS_LOST);
}
END_TEST

/* All outcomes but the first, and one of a later version. */
START_TEST(nothing_is_lost_unless_the_search_was_complete)
{
	static const uint8_t outcomes[] = {
		OUTCOME_LATE, OUTCOME_MEMORY, OUTCOME_FAILED, OUTCOME_OFF, 0, 99
	};

	search.outcome = outcomes[_i];
	add_with(ANSWER_LOST);
	ck_class(CLASS_UNDECIDED);
}
END_TEST

static const char *const abnormal[] = { "signal 9", "signal 6", "exec",
					"running" };

START_TEST(nothing_is_lost_or_held_unless_the_end_was_normal)
{
	process.end = abnormal[_i];
	add_with(ANSWER_LOST);
	add_with(ANSWER_HELD);
	add_with(ANSWER_MAYBE);
	ck_class(CLASS_UNDECIDED);
	ck_assert_int_eq(found[1], CLASS_UNDECIDED);
	ck_assert_int_eq(found[2], CLASS_UNDECIDED);
}
END_TEST

static const char *const normal[] = { "exit 0", "exit 3", "unknown" };

START_TEST(any_status_is_a_normal_end_and_so_is_one_that_nobody_saw)
{
	process.end = normal[_i];
	add_with(ANSWER_LOST);
	ck_class(CLASS_LOST);
}
END_TEST

START_TEST(a_search_is_a_sign_of_a_normal_end_as_a_mark_is)
{
	marked = false;
	add_with(ANSWER_LOST);
	ck_class(CLASS_LOST);
}
END_TEST

/* The raw system call: the launcher sees a status, and nobody was told. */
START_TEST(an_end_that_was_never_announced_is_not_normal)
{
	marked = scanned = false;
	add();
	ck_class(CLASS_UNDECIDED);
}
END_TEST

START_TEST(lost_comes_before_growing)
{
	acquired = 3;
	slot.used_ns = 1;
	for (int i = 0; i < 3; i++) {
		slot.used_at = (uint64_t)i + 1;
		add_with(i ? ANSWER_HELD : ANSWER_LOST);
	}
	ck_class(CLASS_LOST);
	ck_assert_int_eq(found[1], CLASS_GROWING);
}
END_TEST

/* growing */

/* Three of a site, `left` of which it went on without. */
static void add_three(unsigned left)
{
	acquired = 3;
	slot.used_ns = 1;
	for (unsigned i = 0; i < 3; i++) {
		slot.used_at = i < left ? 2 : 3;
		add();
	}
}

START_TEST(two_left_of_three_are_growing_all_three)
{
	add_three(2);
	ck_class(CLASS_GROWING);
	ck_assert_int_eq(found[1], CLASS_GROWING);
	ck_assert_int_eq(found[2], CLASS_GROWING);
}
END_TEST

START_TEST(what_an_interpreters_stack_leaves_is_not_growing)
{
	one_place = false;
	add_three(3);
	ck_class(CLASS_HELD);
}
END_TEST

START_TEST(one_left_of_three_is_not_growing)
{
	add_three(1);
	ck_class(CLASS_HELD);
}
END_TEST

START_TEST(two_left_of_two_are_not_growing)
{
	acquired = 3;
	slot.used_ns = 1;
	slot.used_at = 2;
	add();
	add();
	ck_class(CLASS_HELD);
}
END_TEST

START_TEST(what_was_never_used_was_not_left)
{
	add_three(1);
	slot.used_ns = 0;
	slot.used_at = 0;
	add();
	ck_class(CLASS_HELD);
}
END_TEST

START_TEST(what_is_in_use_was_not_left)
{
	add_three(1);
	slot.calls = 1;
	slot.used_at = 1;
	add();
	ck_class(CLASS_HELD);
}
END_TEST

/* The result of one is not taken at all, of the other not to its end. */
START_TEST(what_waits_for_its_result_was_not_left)
{
	add_three(1);
	slot.used_at = 1;
	slot.doing = TRANSACTION_ACTIVE | (_i ? CONNECTION_ANSWERED : 0);
	add();
	ck_class(_i ? CLASS_GROWING : CLASS_HELD);
}
END_TEST

/* As a pool does, that fills itself first. */
START_TEST(what_was_used_after_the_last_acquisition_was_not_left)
{
	add_three(0);
	ck_class(CLASS_HELD);
}
END_TEST

START_TEST(what_grows_does_so_however_the_process_ended)
{
	process.end = abnormal[_i];
	marked = scanned = false;
	add_three(2);
	ck_class(CLASS_GROWING);
}
END_TEST

/* All that is known of the end is the last event, at 2251; 1250 are overdue. */
START_TEST(who_connects_for_each_request_is_in_the_middle_of_some)
{
	process.end = "signal 15";
	marked = scanned = false;
	slot.acquired_ns = 2250 - 1250 * (unsigned)_i;
	longest_ns = 1000;
	add_three(2);
	slot.acquired_ns = 2251;
	add();
	ck_class(_i ? CLASS_GROWING : CLASS_UNDECIDED);
	ck_assert_int_eq(found[3], CLASS_UNDECIDED);
}
END_TEST

/* Nothing is under way any more: what is out was forgotten. */
START_TEST(at_a_normal_end_no_connection_is_too_young_to_grow)
{
	slot.acquired_ns = 2250;
	longest_ns = 1000;
	add_three(2);
	ck_class(CLASS_GROWING);
}
END_TEST

START_TEST(sites_grow_each_by_itself)
{
	make_site(&made, "PQconnectdb", NULL, 0);
	add_three(2);
	slot.site = 1;
	add();
	classify();
	ck_assert_int_eq(found[0], CLASS_GROWING);
	ck_assert_int_eq(found[3], CLASS_HELD);
}
END_TEST

START_TEST(what_was_given_back_does_not_count)
{
	add_three(1);
	slot.used_at = 1;
	slot.state = SLOT_FREE;
	add();
	classify();
	ck_assert_int_eq(found[0], CLASS_HELD);
}
END_TEST

START_TEST(what_is_kept_by_design_does_not_count)
{
	add_three(1);
	slot.used_at = 1;
	slot.flags |= SLOT_BY_DESIGN;
	add();
	ck_class(CLASS_HELD);
	ck_assert_int_eq(found[3], CLASS_BY_DESIGN);
}
END_TEST

/* held and undecided */

START_TEST(what_the_search_has_no_answer_for_is_undecided)
{
	add_with(ANSWER_NONE);
	ck_class(CLASS_UNDECIDED);
}
END_TEST

START_TEST(an_answer_stands_though_the_search_was_cut_short)
{
	search.outcome = OUTCOME_LATE;
	acquired = 2;
	add_with(ANSWER_HELD);
	add_with(ANSWER_MAYBE);
	add_with(ANSWER_NONE);
	ck_class(CLASS_HELD);
	ck_assert_int_eq(found[1], CLASS_HELD);
	ck_assert_int_eq(found[2], CLASS_UNDECIDED);
}
END_TEST

START_TEST(a_handle_acquired_after_the_search_is_undecided)
{
	add();
	slot.acquired_ns = 2000;
	scan.answer = ANSWER_NONE;
	add();
	ck_class(CLASS_BY_DESIGN);
	ck_assert_int_eq(found[1], CLASS_UNDECIDED);
}
END_TEST

START_TEST(an_answer_about_who_was_in_the_slot_before_is_none)
{
	slot.acquired_ns = 2000;
	add_with(ANSWER_LOST);
	ck_class(CLASS_UNDECIDED);
	ck_assert_int_eq(said.answer, ANSWER_NONE);
}
END_TEST

START_TEST(of_two_answers_the_last_is_true)
{
	add_with(ANSWER_LOST);
	scan.answer = ANSWER_HELD;
	make_scan(&made, &scan);
	ck_class(CLASS_BY_DESIGN);
}
END_TEST

START_TEST(answers_about_slots_that_are_not_there_are_passed_over)
{
	add();
	scan.slot = 7000;
	make_scan(&made, &scan);
	scan.slot = RECORD_NONE;
	make_scan(&made, &scan);
	ck_class(CLASS_BY_DESIGN);
}
END_TEST

Suite *classes_suite(void)
{
	Suite *suite = suite_create("classes");
	TCase *test = tcase_create("by-design");

	tcase_add_checked_fixture(test, begin, end);
	tcase_add_test(test,
		       the_only_one_of_its_site_is_by_design_if_it_is_held);
	tcase_add_test(test, two_of_one_site_are_not_by_design);
	tcase_add_test(test, one_that_was_ever_established_is_by_design);
	tcase_add_test(test, a_connect_that_failed_is_never_by_design_alone);
	tcase_add_test(test,
		       a_connect_that_was_abandoned_is_never_by_design_alone);
	tcase_add_test(test, a_cancel_handle_is_never_by_design_alone);
	tcase_add_test(test, what_only_unknown_memory_points_to_is_held);
	tcase_add_test(
		test,
		a_holder_of_nobody_known_is_unknown_memory_whatever_the_answer);
	tcase_add_test(test,
		       a_search_that_was_cut_short_makes_nothing_by_design);
	tcase_add_test(test,
		       what_the_program_has_marked_is_by_design_whatever_else);
	tcase_add_test(test, what_is_marked_is_not_lost);
	tcase_add_test(test, one_whose_site_was_lost_is_not_by_design);
	suite_add_tcase(suite, test);

	test = tcase_create("lost");
	tcase_add_checked_fixture(test, begin, end);
	tcase_add_test(test, what_nothing_points_to_is_lost);
	tcase_add_test(test, a_failed_connect_and_a_cancel_handle_can_be_lost);
	tcase_add_test(test,
		       a_doubt_does_not_take_back_what_the_search_has_said);
	tcase_add_loop_test(
		test, nothing_is_lost_unless_the_search_was_complete, 0, 6);
	tcase_add_loop_test(
		test, nothing_is_lost_or_held_unless_the_end_was_normal, 0, 4);
	tcase_add_loop_test(
		test, any_status_is_a_normal_end_and_so_is_one_that_nobody_saw,
		0, 3);
	tcase_add_test(test, a_search_is_a_sign_of_a_normal_end_as_a_mark_is);
	tcase_add_test(test, an_end_that_was_never_announced_is_not_normal);
	tcase_add_test(test, lost_comes_before_growing);
	suite_add_tcase(suite, test);

	test = tcase_create("growing");
	tcase_add_checked_fixture(test, begin, end);
	tcase_add_test(test, two_left_of_three_are_growing_all_three);
	tcase_add_test(test, what_an_interpreters_stack_leaves_is_not_growing);
	tcase_add_test(test, one_left_of_three_is_not_growing);
	tcase_add_test(test, two_left_of_two_are_not_growing);
	tcase_add_test(test, what_was_never_used_was_not_left);
	tcase_add_test(test, what_is_in_use_was_not_left);
	tcase_add_loop_test(test, what_waits_for_its_result_was_not_left, 0, 2);
	tcase_add_test(test,
		       what_was_used_after_the_last_acquisition_was_not_left);
	tcase_add_loop_test(test, what_grows_does_so_however_the_process_ended,
			    0, 4);
	tcase_add_loop_test(
		test, who_connects_for_each_request_is_in_the_middle_of_some, 0,
		2);
	tcase_add_test(test,
		       at_a_normal_end_no_connection_is_too_young_to_grow);
	tcase_add_test(test, sites_grow_each_by_itself);
	tcase_add_test(test, what_was_given_back_does_not_count);
	tcase_add_test(test, what_is_kept_by_design_does_not_count);
	suite_add_tcase(suite, test);

	test = tcase_create("held");
	tcase_add_checked_fixture(test, begin, end);
	tcase_add_test(test, what_the_search_has_no_answer_for_is_undecided);
	tcase_add_test(test, an_answer_stands_though_the_search_was_cut_short);
	tcase_add_test(test, a_handle_acquired_after_the_search_is_undecided);
	tcase_add_test(test,
		       an_answer_about_who_was_in_the_slot_before_is_none);
	tcase_add_test(test, of_two_answers_the_last_is_true);
	tcase_add_test(test,
		       answers_about_slots_that_are_not_there_are_passed_over);
	suite_add_tcase(suite, test);
	return suite;
}
