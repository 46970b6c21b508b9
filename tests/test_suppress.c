/* SPDX-License-Identifier: MIT */
/* What analyzer/suppress.h promises. */
#include <stdio.h>
#include <string.h>

#include "analyzer/suppress.h"
#include "tests/scratch.h"
#include "tests/suites.h"

static struct arena arena;
static struct suppress suppress;
static const char *error;

static void begin(void)
{
	scratch_make();
	arena_init(&arena);
	error = NULL;
}

static void end(void)
{
	arena_release(&arena);
	scratch_remove();
}

static int read_text(const char *text)
{
	scratch_write("known", text);
	return suppress_read(&suppress, scratch_path("known"), &arena, &error);
}

static const struct {
	const char *pattern, *text;
	bool matches;
} cases[] = {
	{ "open", "open", true },
	{ "open", "reopen_all", true },
	{ "open", "Open", false },
	{ "open", "ope", false },
	{ "^open", "open_all", true },
	{ "^open", "reopen", false },
	{ "open$", "reopen", true },
	{ "open$", "open_all", false },
	{ "^open$", "open", true },
	{ "^open$", "opens", false },
	{ "foo$", "foofoo", true },
	{ "a*c", "xabbbcx", true },
	{ "a*c", "ca", false },
	{ "^a*c$", "abcbc", true },
	{ "^a*c$", "abcb", false },
	{ "a*b*c", "a1b2c", true },
	{ "*", "", true },
	{ "*", "any", true },
	{ "^$", "", true },
	{ "^$", "x", false },
	{ "^*$", "x", true },
	{ "a$b", "xa$bx", true },
	{ "aab", "aaab", true },
	{ "^a*ab$", "aaab", true },
	{ "libfoo.so", "/usr/lib/libfoo.so.1", true },
	{ "x", "", false },
};

#define CASES (int)(sizeof(cases) / sizeof(cases[0]))

START_TEST(a_pattern_matches_any_part_but_at_its_anchors)
{
	ck_assert_msg(suppress_matches(cases[_i].pattern, cases[_i].text) ==
			      cases[_i].matches,
		      "'%s' of '%s'", cases[_i].pattern, cases[_i].text);
}
END_TEST

START_TEST(function_file_and_module_of_every_frame_are_looked_at)
{
	struct report_frame frames[] = {
		{ .function = "inner", .module = "/lib/a.so" },
		{ .function = "outer", .file = "/src/pool.c" },
		{ .module = "/opt/shop" },
	};
	const struct report_stack stack = { .frames = frames, .count = 3 };

	ck_assert_int_eq(read_text("leak:^outer$\nleak:a.so\nleak:pool.c\n"
				   "leak:/opt/shop\nleak:other\n"),
			 0);
	ck_assert_uint_eq(suppress.count, 5);
	ck_assert_ptr_eq(suppress_find(&suppress, &stack), &suppress.list[0]);
	for (size_t i = 0; i < 5; i++) {
		const struct suppress one = { .list = &suppress.list[i],
					      .count = 1 };

		ck_assert_int_eq(suppress_find(&one, &stack) != NULL, i < 4);
	}
}
END_TEST

START_TEST(blank_lines_comments_and_blanks_around_are_passed_over)
{
	ck_assert_int_eq(read_text("\n  # a comment\n\t\r\n"
				   "  leak:a b \r\n#leak:c\nleak:d"),
			 0);
	ck_assert_uint_eq(suppress.count, 2);
	ck_assert_str_eq(suppress.list[0].pattern, "a b");
	ck_assert_uint_eq(suppress.list[0].line, 4);
	ck_assert_str_eq(suppress.list[1].pattern, "d");
	ck_assert_uint_eq(suppress.list[1].line, 6);
}
END_TEST

static const char *const refused[] = {
	"leak:a\nrace:b\n", "leak:a\nleak:\n",	    "leak:a\nleak: \n",
	"leak:a\nb\n",	    "leak:a\nLEAK:b\n",	    "leak:a\n\033[2J\n",
	"leak:a\nleak b\n", "leak:a\n leaks:foo\n",
};

#define REFUSED (int)(sizeof(refused) / sizeof(refused[0]))

START_TEST(any_other_line_is_refused_with_its_number)
{
	ck_assert_int_lt(read_text(refused[_i]), 0);
	ck_assert_msg(strstr(error, "known:2: "), "%s", error);
	ck_assert_ptr_null(strchr(error, '\033'));
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_refused)
{
	ck_assert_int_lt(
		suppress_read(&suppress, scratch_path("none"), &arena, &error),
		0);
	ck_assert_ptr_nonnull(strstr(error, "No such file"));
	ck_assert_int_lt(suppress_read(&suppress, scratch, &arena, &error), 0);
	ck_assert_ptr_nonnull(strstr(error, "Is a directory"));
}
END_TEST

START_TEST(an_empty_file_suppresses_nothing)
{
	struct report_frame frame = { .function = "" };
	const struct report_stack stack = { .frames = &frame, .count = 1 };

	ck_assert_int_eq(read_text(""), 0);
	ck_assert_ptr_null(suppress_find(&suppress, &stack));
}
END_TEST

Suite *suppress_suite(void)
{
	Suite *suite = suite_create("suppress");
	TCase *test = tcase_create("patterns");

	tcase_add_checked_fixture(test, begin, end);
	tcase_add_loop_test(test, a_pattern_matches_any_part_but_at_its_anchors,
			    0, CASES);
	tcase_add_test(test,
		       function_file_and_module_of_every_frame_are_looked_at);
	suite_add_tcase(suite, test);

	test = tcase_create("files");
	tcase_add_checked_fixture(test, begin, end);
	tcase_add_test(test,
		       blank_lines_comments_and_blanks_around_are_passed_over);
	tcase_add_loop_test(test, any_other_line_is_refused_with_its_number, 0,
			    REFUSED);
	tcase_add_test(test, a_file_that_cannot_be_read_is_refused);
	tcase_add_test(test, an_empty_file_suppresses_nothing);
	suite_add_tcase(suite, test);
	return suite;
}
