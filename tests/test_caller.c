/* SPDX-License-Identifier: MIT */
/*
 * What preload/caller.h promises.  In this program "the shim" is the whole
 * test program; the program and libpq are addresses that lie elsewhere.
 */
#include "preload/caller.h"
#include "tests/suites.h"

static const struct libpq library = { .start = 0x1000,
				      .end = 0x2000,
				      .standalone = true };
static const struct libpq plugin = { .start = 0x1000,
				     .end = 0x2000,
				     .standalone = false };
static const struct libpq other = { .start = 0x3000,
				    .end = 0x4000,
				    .standalone = true };

static const void *const in_libpq = (void *)0x1800;
static const void *const in_program = (void *)0x5000;

static const void *here(void)
{
	return __builtin_return_address(0);
}

START_TEST(a_call_from_elsewhere_is_the_programs)
{
	ck_assert(caller_is_program(&library, in_program, false));
	ck_assert(caller_is_program(&plugin, in_program, false));
	ck_assert(caller_is_program(&library, (void *)0x2000, false));
}
END_TEST

START_TEST(a_call_that_returns_into_the_shim_is_libpqs)
{
	ck_assert(!caller_is_program(&library, here(), false));
	ck_assert(!caller_is_program(&plugin, here(), false));
}
END_TEST

START_TEST(a_call_that_returns_into_a_library_of_its_own_is_libpqs)
{
	ck_assert(!caller_is_program(&library, in_libpq, false));
}
END_TEST

/* lo_read runs PQfn, and has no row in hooks.def. */
START_TEST(but_a_query_out_of_one_in_which_nobody_is_known_is_the_programs)
{
	const char outer = 0;

	ck_assert(caller_is_program(&library, in_libpq, true));
	caller_enters(&outer, &library, true, true);
	ck_assert(!caller_is_program(&library, in_libpq, true));
	caller_leaves(&outer);
	ck_assert(caller_is_program(&library, in_libpq, true));
}
END_TEST

START_TEST(a_plugin_with_libpq_inside_is_the_program_until_it_is_in_a_call)
{
	const char outer = 0;

	ck_assert(caller_is_program(&plugin, in_libpq, false));
	caller_enters(&outer, &plugin, true, false);
	ck_assert(!caller_is_program(&plugin, in_libpq, false));
	caller_leaves(&outer);
	ck_assert(caller_is_program(&plugin, in_libpq, false));
}
END_TEST

START_TEST(a_query_comes_out_of_any_call_and_nothing_else_out_of_a_query)
{
	const char outer = 0;

	caller_enters(&outer, &plugin, true, true);
	ck_assert(!caller_is_program(&plugin, in_libpq, true));
	ck_assert(caller_is_program(&plugin, in_libpq, false));
	ck_assert(caller_is_inside(true));
	ck_assert(!caller_is_inside(false));
	caller_leaves(&outer);
	caller_enters(&outer, &plugin, true, false);
	ck_assert(!caller_is_program(&plugin, in_libpq, true));
	caller_leaves(&outer);
}
END_TEST

START_TEST(libpqs_own_calls_do_not_hide_the_programs)
{
	const char outer = 0;

	caller_enters(&outer, &plugin, false, false);
	ck_assert(!caller_is_inside(false));
	caller_leaves(&outer);
}
END_TEST

START_TEST(a_jump_out_of_a_libpq_is_a_call_of_that_libpq)
{
	const char frames[2] = { 0 };

	ck_assert_ptr_eq(caller_code(in_program), in_program);
	caller_enters(&frames[1], &library, true, false);
	caller_enters(&frames[0], &other, false, false);
	ck_assert_ptr_eq(caller_code(in_program), in_program);
	ck_assert_uint_eq((uintptr_t)caller_code(here()), other.start);
	caller_leaves(&frames[0]);
	ck_assert_uint_eq((uintptr_t)caller_code(here()), library.start);
	caller_leaves(&frames[1]);
}
END_TEST

START_TEST(a_call_left_by_longjmp_is_forgotten_by_the_next_one)
{
	const char frames[2] = { 0 }; /* the second is above the first */

	caller_enters(&frames[0], &plugin, true, false);
	/* longjmp: no caller_leaves() */
	caller_enters(&frames[1], &plugin, true, false);
	caller_leaves(&frames[1]);
	ck_assert(caller_is_program(&plugin, in_libpq, false));
}
END_TEST

START_TEST(calls_in_callbacks_are_within_each_other)
{
	const char frames[40] = { 0 }; /* inner ones are lower */

	for (int i = 39; i >= 0; i--)
		caller_enters(&frames[i], &plugin, true, false);
	for (int i = 0; i < 39; i++) {
		caller_leaves(&frames[i]);
		ck_assert(!caller_is_program(&plugin, in_libpq, false));
	}
	caller_leaves(&frames[39]);
	ck_assert(caller_is_program(&plugin, in_libpq, false));
}
END_TEST

Suite *caller_suite(void)
{
	Suite *suite = suite_create("caller");
	TCase *test = tcase_create("the three rules");

	tcase_add_test(test, a_call_from_elsewhere_is_the_programs);
	tcase_add_test(test, a_call_that_returns_into_the_shim_is_libpqs);
	tcase_add_test(test,
		       a_call_that_returns_into_a_library_of_its_own_is_libpqs);
	tcase_add_test(
		test,
		but_a_query_out_of_one_in_which_nobody_is_known_is_the_programs);
	tcase_add_test(
		test,
		a_plugin_with_libpq_inside_is_the_program_until_it_is_in_a_call);
	tcase_add_test(test, libpqs_own_calls_do_not_hide_the_programs);
	tcase_add_test(
		test,
		a_query_comes_out_of_any_call_and_nothing_else_out_of_a_query);
	tcase_add_test(test, a_jump_out_of_a_libpq_is_a_call_of_that_libpq);
	suite_add_tcase(suite, test);

	test = tcase_create("calls left otherwise");
	tcase_add_test(test,
		       a_call_left_by_longjmp_is_forgotten_by_the_next_one);
	tcase_add_test(test, calls_in_callbacks_are_within_each_other);
	suite_add_tcase(suite, test);
	return suite;
}
