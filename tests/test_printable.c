/* SPDX-License-Identifier: MIT */
/* What analyzer/printable.h promises, one test per sentence. */
#include <string.h>
#include "analyzer/printable.h"
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

static const struct {
	const char *text, *shown;
} shown[] = {
	{ "", "" },
	{ "orders", "orders" },
	{ "M\xC3\xBCller \xE6\x97\xA5 \xF0\x9F\x98\x80",
	  "M\xC3\xBCller \xE6\x97\xA5 \xF0\x9F\x98\x80" },
	{ "a\033[2Jb", "a\\x1B[2Jb" },
	{ "a\nb\tc\rd\x7F", "a\\x0Ab\\x09c\\x0Dd\\x7F" },
	{ "a\xC2\x9B"
	  "2J",
	  "a\\xC2\\x9B2J" }, /* CSI as one character */
	{ "a\x9B"
	  "2J",
	  "a\\x9B2J" }, /* ... as one byte */
	{ "\xE2\x80\xAE"
	  "txt",
	  "\\xE2\\x80\\xAEtxt" },	       /* right to left */
	{ "\xE2\x80\xA8", "\\xE2\\x80\\xA8" }, /* line separator */
	{ "\xC3", "\\xC3" },		       /* ends too early */
	{ "\xE6\x97", "\\xE6\\x97" },
	{ "\xC3(", "\\xC3(" },
	{ "\xC0\xAF", "\\xC0\\xAF" }, /* longer than need be */
	{ "\xE0\x80\xAF", "\\xE0\\x80\\xAF" },
	{ "\xED\xA0\x80", "\\xED\\xA0\\x80" },		/* half a UTF-16 pair */
	{ "\xF4\x90\x80\x80", "\\xF4\\x90\\x80\\x80" }, /* beyond U+10FFFF */
	{ "\xFF\xFE", "\\xFF\\xFE" },
};

START_TEST(only_what_a_terminal_shows_passes)
{
	ck_assert_str_eq(printable_text(&arena, shown[_i].text),
			 shown[_i].shown);
}
END_TEST

START_TEST(a_safe_text_is_returned_as_it_is)
{
	const char *text = "M\xC3\xBCller";

	ck_assert_ptr_eq(printable_text(&arena, text), text);
	ck_assert_ptr_eq(printable_utf8(&arena, text), text);
}
END_TEST

START_TEST(null_stays_null)
{
	ck_assert_ptr_null(printable_text(&arena, NULL));
	ck_assert_ptr_null(printable_utf8(&arena, NULL));
	ck_assert_ptr_null(printable_word(&arena, NULL));
}
END_TEST

START_TEST(a_word_of_a_command_is_quoted_where_it_must_be)
{
	ck_assert_str_eq(printable_word(&arena, "../bin/a-b_1.2"),
			 "../bin/a-b_1.2");
	ck_assert_str_eq(printable_word(&arena, "my app"), "'my app'");
	ck_assert_str_eq(printable_word(&arena, "$it's"), "'$it'\\''s'");
	ck_assert_str_eq(printable_word(&arena, ""), "''");
}
END_TEST

START_TEST(bytes_that_are_not_utf8_are_replaced)
{
	ck_assert_str_eq(printable_utf8(&arena, "a\xFF"
						"b\xC3"),
			 "a\xEF\xBF\xBD"
			 "b\xEF\xBF\xBD");
	ck_assert_str_eq(printable_utf8(&arena, "\xED\xA0\x80"),
			 "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}
END_TEST

START_TEST(utf8_keeps_what_json_escapes_itself)
{
	ck_assert_str_eq(printable_utf8(&arena, "a\033\n\x7F"), "a\033\n\x7F");
}
END_TEST

START_TEST(characters_of_every_length_are_decoded)
{
	uint32_t character = 0;

	ck_assert_uint_eq(printable_decode("", &character), 0);
	ck_assert_uint_eq(printable_decode("ab", &character), 1);
	ck_assert_uint_eq(character, 'a');
	ck_assert_uint_eq(printable_decode("\xC2\x80", &character), 2);
	ck_assert_uint_eq(character, 0x80);
	ck_assert_uint_eq(printable_decode("\xEF\xBF\xBD", &character), 3);
	ck_assert_uint_eq(character, 0xFFFD);
	ck_assert_uint_eq(printable_decode("\xF4\x8F\xBF\xBF", &character), 4);
	ck_assert_uint_eq(character, 0x10FFFF);
}
END_TEST

Suite *printable_suite(void)
{
	Suite *suite = suite_create("printable");
	TCase *tcase = tcase_create("strings");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, only_what_a_terminal_shows_passes, 0,
			    (int)(sizeof(shown) / sizeof(shown[0])));
	tcase_add_test(tcase, a_safe_text_is_returned_as_it_is);
	tcase_add_test(tcase, null_stays_null);
	tcase_add_test(tcase, a_word_of_a_command_is_quoted_where_it_must_be);
	tcase_add_test(tcase, bytes_that_are_not_utf8_are_replaced);
	tcase_add_test(tcase, utf8_keeps_what_json_escapes_itself);
	tcase_add_test(tcase, characters_of_every_length_are_decoded);
	suite_add_tcase(suite, tcase);
	return suite;
}
