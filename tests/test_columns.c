/* SPDX-License-Identifier: MIT */
/* What analyzer/columns.h promises, one test per sentence. */
#include <stdlib.h>
#include <string.h>
#include "analyzer/columns.h"
#include "tests/suites.h"

static struct arena arena;

static void set_up(void)
{
	arena_init(&arena);
}

static void tear_down(void)
{
	arena_release(&arena);
}

static char *wrapped(const char *text, size_t at, size_t indent)
{
	char *result = NULL;
	size_t size;
	FILE *out = open_memstream(&result, &size);

	ck_assert_ptr_nonnull(out);
	columns_wrap(out, text, at, indent);
	ck_assert_int_eq(fclose(out), 0);
	return result;
}

static const char *repeated(const char *text, int times)
{
	const char *all = "";

	while (times--)
		all = arena_printf(&arena, "%s%s", all, text);
	return all;
}

START_TEST(characters_are_counted_not_bytes)
{
	ck_assert_uint_eq(columns_width(""), 0);
	ck_assert_uint_eq(columns_width("abc"), 3);
	ck_assert_uint_eq(columns_width("M\xC3\xBCller"), 6);
}
END_TEST

START_TEST(wide_characters_count_twice)
{
	ck_assert_uint_eq(columns_width("\xE6\x97\xA5\xE6\x9C\xAC"), 4);
	ck_assert_uint_eq(columns_width("\xF0\x9F\x98\x80"), 2);
}
END_TEST

START_TEST(what_fits_is_not_cut)
{
	ck_assert_str_eq(columns_cut(&arena, "12345678", 8), "12345678");
	ck_assert_str_eq(columns_cut_path(&arena, "/a/b.c:1", 8), "/a/b.c:1");
}
END_TEST

START_TEST(a_long_name_loses_its_middle)
{
	ck_assert_str_eq(columns_cut(&arena, "abcdefghijklmnop", 9),
			 "abc...nop");
}
END_TEST

START_TEST(a_long_path_loses_its_beginning_at_a_slash)
{
	ck_assert_str_eq(columns_cut_path(&arena, "/home/a/src/pool.c:42", 18),
			 ".../src/pool.c:42");
}
END_TEST

START_TEST(a_long_file_name_is_cut_before_its_line)
{
	ck_assert_str_eq(columns_cut_path(&arena, "/a/connections.c:1234", 12),
			 "...ns.c:1234");
}
END_TEST

START_TEST(a_wide_character_is_never_halved)
{
	const char *cut = columns_cut(&arena, repeated("\xE6\x97\xA5", 20), 10);

	ck_assert_uint_le(columns_width(cut), 10);
	ck_assert_str_eq(cut, "\xE6\x97\xA5...\xE6\x97\xA5\xE6\x97\xA5");
}
END_TEST

START_TEST(text_is_wrapped_at_blanks_and_indented)
{
	char *text = wrapped(repeated("word ", 20), 4, 6);
	size_t first = strcspn(text, "\n");

	ck_assert_uint_eq(first, 74); /* 4 are taken, 15 words and blanks */
	ck_assert(!strncmp(text + first, "\n      word ", 12));
	free(text);
}
END_TEST

/* Two blanks divide sentences; at the end of a line nobody sees them. */
START_TEST(a_line_ends_without_a_blank)
{
	const char *sentence = repeated("1234567 ", 10);
	char text[200], *lines;

	for (size_t shorter = 1; shorter < 8; shorter++) {
		snprintf(text, sizeof(text), "%.*s  Next one.",
			 (int)(80 - shorter), sentence);
		lines = wrapped(text, 0, 0);
		ck_assert(!strstr(lines, " \n"));
		free(lines);
	}
}
END_TEST

START_TEST(a_line_of_exactly_80_columns_is_not_wrapped)
{
	char *text = wrapped(repeated("12345678", 9), 8, 2);

	ck_assert_uint_eq(strcspn(text, "\n"), 72);
	ck_assert_uint_eq(strlen(text), 73);
	free(text);
}
END_TEST

START_TEST(a_word_longer_than_a_line_is_divided)
{
	char *text = wrapped(repeated("\xE6\x97\xA5", 200), 10, 3);

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		ck_assert_uint_le(columns_width(line), 80);
	free(text);
}
END_TEST

START_TEST(a_word_that_fits_on_a_line_is_not_divided)
{
	const char *word = repeated("0123456789", 4);
	char *text = wrapped(word, 60, 4);

	ck_assert_str_eq(text, arena_printf(&arena, "\n    %s\n", word));
	free(text);
}
END_TEST

START_TEST(wrapping_loses_no_word)
{
	const char *words = repeated("0123456789abcdef ", 50);
	char *text = wrapped(words, 0, 5), *from = text;
	size_t found = 0;

	while ((from = strstr(from, "0123456789abcdef"))) {
		found++;
		from++;
	}
	ck_assert_uint_eq(found, 50);
	free(text);
}
END_TEST

Suite *columns_suite(void)
{
	Suite *suite = suite_create("columns");
	TCase *tcase = tcase_create("width");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, characters_are_counted_not_bytes);
	tcase_add_test(tcase, wide_characters_count_twice);
	suite_add_tcase(suite, tcase);

	tcase = tcase_create("cut");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, what_fits_is_not_cut);
	tcase_add_test(tcase, a_long_name_loses_its_middle);
	tcase_add_test(tcase, a_long_path_loses_its_beginning_at_a_slash);
	tcase_add_test(tcase, a_long_file_name_is_cut_before_its_line);
	tcase_add_test(tcase, a_wide_character_is_never_halved);
	suite_add_tcase(suite, tcase);

	tcase = tcase_create("wrap");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, text_is_wrapped_at_blanks_and_indented);
	tcase_add_test(tcase, a_line_ends_without_a_blank);
	tcase_add_test(tcase, a_line_of_exactly_80_columns_is_not_wrapped);
	tcase_add_test(tcase, a_word_longer_than_a_line_is_divided);
	tcase_add_test(tcase, a_word_that_fits_on_a_line_is_not_divided);
	tcase_add_test(tcase, wrapping_loses_no_word);
	suite_add_tcase(suite, tcase);
	return suite;
}
