/* SPDX-License-Identifier: MIT */
/* How stacks are shown, one test per sentence. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/made_report.h"
#include "tests/suites.h"

static struct made made;

static void set_up(void)
{
	made_report(&made);
}

static void tear_down(void)
{
	made_release(&made);
}

START_TEST(the_stack_marks_its_site_and_aligns_places)
{
	ck_assert(says("\n    > load_orders  /opt/shop/src/orders.c:42\n"
		       "      main         /opt/shop/src/main.c:7\n"));
}
END_TEST

START_TEST(frames_of_libpq_and_of_connleak_are_not_shown)
{
	made.frames[2].module = "/usr/local/lib/libconnleak.so";
	made.frames[2].function = "hook";
	ck_assert(!says("PQconnectdb"));
	ck_assert(!says("hook"));
	made.frames[0].module = "/opt/lib/libpq-1a2b3c.so.5";
	ck_assert(!says("PQconnectdb"));
}
END_TEST

START_TEST(what_called_main_is_not_shown)
{
	ck_assert(!says("__libc_start_main"));
	ck_assert(!says("_start"));
}
END_TEST

START_TEST(what_started_a_thread_is_not_shown)
{
	made.frames[2].function = "worker";
	made.frames[3].function = "start_thread";
	ck_assert(says("worker"));
	ck_assert(!says("start_thread"));
	ck_assert(!says("_start"));
}
END_TEST

START_TEST(a_site_outside_any_users_code_is_shown_all_the_same)
{
	made.findings[0].stack.site = 3;
	made.findings[0].stack.count = 4;
	made.frames[2].function = "middle";
	ck_assert(says("    > __libc_start_main  libc.so.6+0x0\n"));
}
END_TEST

START_TEST(a_site_that_is_no_frame_is_no_crash)
{
	made.findings[0].stack.site = 99;
	ck_assert(says("PQconnectdb"));
}
END_TEST

START_TEST(a_frame_without_lines_shows_module_and_offset)
{
	made.frames[1] = (struct report_frame){ .module = "/opt/lib/libshop.so",
						.offset = 0x1a2b,
						.trouble = TROUBLE_NO_DEBUG };
	ck_assert(says("\n    libshop.so+0x1a2b\n"));
	ck_assert(says("    > ??    libshop.so+0x1a2b\n"));
	made.frames[1].function = "load";
	ck_assert(says("    load libshop.so+0x1a2b\n"));
}
END_TEST

START_TEST(generated_code_is_called_so)
{
	made.frames[1] = (struct report_frame){ .trouble = TROUBLE_NO_CODE };
	ck_assert(says("    > ??    generated code\n"));
}
END_TEST

START_TEST(how_to_get_lines_is_said_once_per_module)
{
	made.report.finding_count = 2;
	made.findings[1].class = "held";
	made.frames[1].trouble = made.frames[2].trouble = TROUBLE_NO_DEBUG;
	ck_assert(says("To get function names and lines:\n"));
	ck_assert_int_eq(count_of("-dbgsym"), 1);
	ck_assert(says("    " APP ": no debug info: install its -dbgsym"));
	made.frames[1].trouble = made.frames[2].trouble = TROUBLE_CHANGED;
	ck_assert_int_eq(count_of("replaced since the run: keep the build"), 1);
	made.frames[1].trouble = made.frames[2].trouble = TROUBLE_NO_FILE;
	ck_assert_int_eq(count_of("file gone"), 1);
}
END_TEST

START_TEST(nobody_is_sent_for_the_debug_info_of_libc_or_libpq)
{
	ck_assert(!says("-dbgsym"));
	ck_assert(!says("To get function names"));
}
END_TEST

START_TEST(a_stack_is_not_shown_twice)
{
	made.report.finding_count = 2;
	made.findings[1].class = "held";
	ck_assert(says("    stack    same as #1\n"));
	ck_assert_int_eq(count_of("> load_orders"), 1);
	ck_assert(says("never finished, at 1 place"));
}
END_TEST

START_TEST(stacks_that_differ_in_a_line_are_two_places)
{
	struct report_frame others[COUNT(made.frames)];

	memcpy(others, made.frames, sizeof(made.frames));
	others[1].line = 43;
	made.findings[1].stack.frames = others;
	made.report.finding_count = 2;
	ck_assert_int_eq(count_of("> load_orders"), 2);
	ck_assert(says("never finished, at 2 places"));
}
END_TEST

START_TEST(a_stack_that_was_not_kept_whole_says_so)
{
	made.findings[0].stack.broken = true;
	ck_assert(says("(the stack could not be followed further)"));
	made.findings[0].stack.broken = false;
	made.findings[0].stack.cut = true;
	made.findings[0].stack.count = 2;
	ck_assert(says("(the frames above were not kept)"));
}
END_TEST

START_TEST(paths_below_the_current_folder_are_relative)
{
	char folder[] = "/tmp/connleak-report-XXXXXX", file[64];

	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	snprintf(file, sizeof(file), "%s/src/orders.c", folder);
	made.frames[1].file = file;
	ck_assert(says("    load_orders src/orders.c:42\n"));
	snprintf(file, sizeof(file), "%s-other/orders.c", folder);
	ck_assert(says("-other/orders.c:42\n"));
	ck_assert(says("load_orders /tmp/connleak-report-"));
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(long_parameters_of_a_function_go_before_its_name)
{
	made.frames[1].function =
		"shop::Orders::load(std::map<std::string, "
		"std::vector<int, std::allocator<int> > > const&) "
		"const";
	ck_assert(says("    > shop::Orders::load() "));
}
END_TEST

static TCase *circumstance(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	suite_add_tcase(suite, tcase);
	return tcase;
}

static void add_frames(Suite *suite)
{
	TCase *tcase = circumstance(suite, "frames");

	tcase_add_test(tcase, the_stack_marks_its_site_and_aligns_places);
	tcase_add_test(tcase, frames_of_libpq_and_of_connleak_are_not_shown);
	tcase_add_test(tcase, what_called_main_is_not_shown);
	tcase_add_test(tcase, what_started_a_thread_is_not_shown);
	tcase_add_test(tcase,
		       a_site_outside_any_users_code_is_shown_all_the_same);
	tcase_add_test(tcase, a_site_that_is_no_frame_is_no_crash);
}

static void add_no_lines(Suite *suite)
{
	TCase *tcase = circumstance(suite, "no lines");

	tcase_add_test(tcase, a_frame_without_lines_shows_module_and_offset);
	tcase_add_test(tcase, generated_code_is_called_so);
	tcase_add_test(tcase, how_to_get_lines_is_said_once_per_module);
	tcase_add_test(tcase,
		       nobody_is_sent_for_the_debug_info_of_libc_or_libpq);
}

static void add_stacks(Suite *suite)
{
	TCase *tcase = circumstance(suite, "stacks");

	tcase_add_test(tcase, a_stack_is_not_shown_twice);
	tcase_add_test(tcase, stacks_that_differ_in_a_line_are_two_places);
	tcase_add_test(tcase, a_stack_that_was_not_kept_whole_says_so);
}

static void add_long_and_short(Suite *suite)
{
	TCase *tcase = circumstance(suite, "long and short");

	tcase_add_test(tcase, paths_below_the_current_folder_are_relative);
	tcase_add_test(tcase, long_parameters_of_a_function_go_before_its_name);
}

Suite *text_stack_suite(void)
{
	Suite *suite = suite_create("text_stack");

	add_frames(suite);
	add_no_lines(suite);
	add_stacks(suite);
	add_long_and_short(suite);
	return suite;
}
