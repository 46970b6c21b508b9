/* SPDX-License-Identifier: MIT */
/* What record/log.h and record/escape.h promise. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "record/escape.h"
#include "record/log.h"
#include "tests/scratch.h"
#include "tests/suites.h"

#define FIRST "connleak 1\n"

static struct log lg;
static const char *why;

static void end(void)
{
	log_release(&lg);
}

static void end_in_folder(void)
{
	end();
	scratch_remove();
}

static void read_log(const char *text)
{
	const int err = log_open_memory(&lg, text, strlen(text), &why);

	ck_assert_msg(!err, "refused: %s", why);
}

static void refuse(const char *text, const char *clause)
{
	ck_assert_int_eq(log_open_memory(&lg, text, strlen(text), &why),
			 -EINVAL);
	ck_assert_ptr_null(lg.text);
	ck_assert_msg(strstr(why, clause), "the reason was: %s", why);
}

START_TEST(every_line_of_the_format_is_understood)
{
	static const struct log_event wanted[] = {
		{ LOG_SPACE, 0, 4711, 0, 0, NULL, NULL },
		{ LOG_START, 7, 0, 0, 100, "/bin/sh", NULL },
		{ LOG_IMAGE, 8, 0, 55, 101, "/usr/bin/a b", NULL },
		{ LOG_EXEC, 8, 0, 55, 101, "/bin/a b", NULL },
		{ LOG_BARE, 8, 0, 55, 101, "/bin/c", NULL },
		{ LOG_PEER, 8, 0, 55, 0, NULL, "unix:/tmp/a b" },
		{ LOG_CONNECT, 8, 0, 55, 0, NULL, "tcp:::1:5432" },
		{ LOG_STATIC, 8, 0, 55, 0, NULL, "PQreset: it is short" },
		{ LOG_UNSEEN, 9, 0, 56, 0, "/bin/d", "libpq" },
		{ LOG_LOST, 9, 28, 56, 0, NULL, NULL },
		{ LOG_RECORD, 8, 0, 55, 0, NULL, "8-55-0.rec" },
		{ LOG_EXIT, 8, 3, 0, 102, NULL, NULL },
		{ LOG_SIGNAL, 7, 11, 0, UINT64_MAX, NULL, NULL },
		{ LOG_LEFT, INT32_MAX, 0, 0, 0, NULL, NULL },
		{ LOG_STOP, 0, 0, 0, 104, NULL, NULL },
	};

	read_log(FIRST "space 4711\n"
		       "start 100 7 /bin/sh\n"
		       "image 8 55 101 /usr/bin/a\\040b\n"
		       "exec 8 55 101 /bin/a\\040b\n"
		       "bare 8 55 101 /bin/c\n"
		       "peer 8 55 unix:/tmp/a\\040b\n"
		       "connect 8 55 tcp:::1:5432\n"
		       "static 8 55 PQreset:\\040it\\040is\\040short\n"
		       "unseen 9 56 libpq /bin/d\n"
		       "lost 9 56 28\n"
		       "record 8 55 8-55-0.rec\n"
		       "end 8 102 exit 3\n"
		       "end 7 18446744073709551615 signal 11\n"
		       "left 2147483647\n"
		       "stop 104\n");
	ck_assert_uint_eq(lg.malformed + lg.unknown, 0);
	ck_assert_uint_eq(lg.count, sizeof(wanted) / sizeof(wanted[0]));
	for (size_t i = 0; i < lg.count; i++) {
		ck_assert_int_eq(lg.events[i].kind, wanted[i].kind);
		ck_assert_int_eq(lg.events[i].pid, wanted[i].pid);
		ck_assert_int_eq(lg.events[i].number, wanted[i].number);
		ck_assert_uint_eq(lg.events[i].start, wanted[i].start);
		ck_assert_uint_eq(lg.events[i].time, wanted[i].time);
		ck_assert_pstr_eq(lg.events[i].exe, wanted[i].exe);
		ck_assert_pstr_eq(lg.events[i].what, wanted[i].what);
	}
}
END_TEST

START_TEST(a_log_may_have_its_first_line_only)
{
	read_log(FIRST);
	ck_assert_uint_eq(lg.count + lg.malformed + lg.unknown, 0);
}
END_TEST

START_TEST(lines_of_an_unknown_first_word_are_skipped)
{
	read_log(FIRST "pool 1 2 3\nstop 5\nstopped 6\nstop\t6\n");
	ck_assert_uint_eq(lg.count, 1);
	ck_assert_uint_eq(lg.events[0].time, 5);
	ck_assert_uint_eq(lg.unknown, 3);
	ck_assert_uint_eq(lg.malformed, 0);
}
END_TEST

START_TEST(half_a_last_line_is_counted_and_left_out)
{
	read_log(FIRST "stop 1\nleft 12");
	ck_assert_uint_eq(lg.count, 1);
	ck_assert_uint_eq(lg.malformed, 1);
}
END_TEST

static const char *const malformed[] = {
	"",
	" ",
	" stop 1",
	"stop",
	"stop ",
	"stop  1",
	"stop 1 ",
	"stop 1 2",
	"stop -1",
	"stop +1",
	"stop 0x1",
	"stop 1\r",
	"stop 18446744073709551616",
	"stop 99999999999999999999",
	"left 0",
	"left 2147483648",
	"lost 1 2",
	"lost 1 2 3 4",
	"lost 1 2 4294967296",
	"end 1 2",
	"end 1 2 exit",
	"end 1 2 exit 256",
	"end 1 2 signal 0",
	"end 1 2 signal 128",
	"end 1 2 abort 1",
	"start 1 2",
	"start 1 2 ",
	"start 1 2 /a b",
	"start 1 2 /a\tb",
	"start 1 2 /a\177b",
	"start 1 2 /a\\",
	"start 1 2 /a\\04",
	"start 1 2 /a\\048",
	"start 1 2 /a\\000",
	"start 1 2 /a\\440",
	"start 1 2 /a\\101",
	"image 1 2 3 /usr/bimage 4 5 6 /usr/bin/b", /* two, the first half */
};

START_TEST(a_malformed_line_costs_only_itself)
{
	char text[256];

	snprintf(text, sizeof(text), FIRST "left 1\n%s\nleft 2\n",
		 malformed[_i]);
	read_log(text);
	ck_assert_uint_eq(lg.malformed, 1);
	ck_assert_uint_eq(lg.unknown, 0);
	ck_assert_uint_eq(lg.count, 2);
	ck_assert_int_eq(lg.events[1].pid, 2);
}
END_TEST

START_TEST(a_line_with_a_nul_is_malformed)
{
	static const char text[] = FIRST "stop 1\0\nstop 2\n\0";

	ck_assert_int_eq(log_open_memory(&lg, text, sizeof(text) - 1, &why), 0);
	ck_assert_uint_eq(lg.count, 1);
	ck_assert_uint_eq(lg.events[0].time, 2);
	ck_assert_uint_eq(lg.malformed, 2);
}
END_TEST

START_TEST(a_log_of_many_lines_is_read_whole)
{
	const size_t count = 10000, width = sizeof("left 00001\n") - 1;
	char *text = malloc(sizeof(FIRST) + count * width);
	char *at = text;

	at += sprintf(at, FIRST);
	for (size_t i = 1; i <= count; i++)
		at += sprintf(at, "left %05zu\n", i);
	read_log(text);
	free(text);
	ck_assert_uint_eq(lg.count, count);
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(lg.events[i].pid, (int)i + 1);
}
END_TEST

START_TEST(what_is_no_log_is_refused)
{
	refuse("", "empty");
	refuse("connl", "truncated");
	refuse("connleak 1", "truncated");
	refuse("connleak 2\nstop 1\n", "another version");
	refuse("connleak 10\n", "another version");
	refuse("stop 1\n", "not the log");
	refuse("connlead 1\n", "not the log");
	refuse("\nconnleak 1\n", "not the log");
}
END_TEST

START_TEST(a_log_file_is_read)
{
	scratch_write("run.log", FIRST "stop 1\n");
	ck_assert_int_eq(log_open(&lg, AT_FDCWD, scratch_path("run.log"), &why),
			 0);
	ck_assert_uint_eq(lg.count, 1);
}
END_TEST

START_TEST(a_log_file_too_large_for_memory_is_refused)
{
	const char *path = scratch_path("run.log");

	scratch_write("run.log", FIRST);
	ck_assert_int_eq(truncate(path, (off_t)LOG_MAX_SIZE + 1), 0);
	ck_assert_int_eq(log_open(&lg, AT_FDCWD, path, &why), -EFBIG);
	ck_assert_str_eq(why, "it is larger than 64 MiB");
}
END_TEST

START_TEST(a_missing_log_is_said_to_be_missing)
{
	ck_assert_int_eq(log_open(&lg, AT_FDCWD, scratch_path("run.log"), &why),
			 -ENOENT);
	ck_assert_str_eq(why, "No such file or directory");
}
END_TEST

START_TEST(any_text_comes_back_from_its_escape)
{
	char text[256], escaped[sizeof(text) * ESCAPE_LONGEST];
	int length;

	for (int byte = 1; byte < 256; byte++)
		text[byte - 1] = (char)byte;
	text[255] = 0;
	length = escape_text(escaped, sizeof(escaped), text);
	ck_assert_int_eq(length, (int)strlen(escaped));
	for (const char *at = escaped; *at; at++)
		ck_assert_msg((unsigned char)*at > ' ' && *at != 127,
			      "%d is left", *at);
	ck_assert_int_eq(escape_undo(escaped), 0);
	ck_assert_str_eq(escaped, text);
}
END_TEST

START_TEST(ordinary_paths_stay_readable)
{
	char out[64];

	ck_assert_int_eq(escape_text(out, sizeof(out), "/opt/caf\303\251-1"),
			 12);
	ck_assert_str_eq(out, "/opt/caf\303\251-1");
	ck_assert_int_gt(escape_text(out, sizeof(out), "/a b\n\\"), 0);
	ck_assert_str_eq(out, "/a\\040b\\012\\134");
}
END_TEST

START_TEST(an_escape_stays_in_its_room)
{
	char out[16];

	for (size_t size = 0; size < sizeof(out); size++) {
		/* Needs 2 + 4 + 1 bytes and its NUL. */
		const int length = escape_text(out, size, "/a b");

		ck_assert_int_eq(length, size < 8 ? -ENAMETOOLONG : 7);
		memset(out, '!', sizeof(out));
		ck_assert_int_eq(escape_text(out, size, "/abc") == 4,
				 size >= 5);
		ck_assert_int_eq(out[size], '!');
	}
}
END_TEST

static void add_lines(Suite *suite)
{
	TCase *tc = tcase_create("lines");
	const int count = sizeof(malformed) / sizeof(malformed[0]);

	tcase_add_checked_fixture(tc, NULL, end);
	tcase_add_test(tc, every_line_of_the_format_is_understood);
	tcase_add_test(tc, a_log_may_have_its_first_line_only);
	tcase_add_test(tc, lines_of_an_unknown_first_word_are_skipped);
	tcase_add_test(tc, half_a_last_line_is_counted_and_left_out);
	tcase_add_loop_test(tc, a_malformed_line_costs_only_itself, 0, count);
	tcase_add_test(tc, a_line_with_a_nul_is_malformed);
	tcase_add_test(tc, a_log_of_many_lines_is_read_whole);
	suite_add_tcase(suite, tc);
}

static void add_files(Suite *suite)
{
	TCase *tc = tcase_create("files");

	tcase_add_checked_fixture(tc, scratch_make, end_in_folder);
	tcase_add_test(tc, what_is_no_log_is_refused);
	tcase_add_test(tc, a_log_file_is_read);
	tcase_add_test(tc, a_log_file_too_large_for_memory_is_refused);
	tcase_add_test(tc, a_missing_log_is_said_to_be_missing);
	suite_add_tcase(suite, tc);
}

static void add_escapes(Suite *suite)
{
	TCase *tc = tcase_create("escapes");

	tcase_add_test(tc, any_text_comes_back_from_its_escape);
	tcase_add_test(tc, ordinary_paths_stay_readable);
	tcase_add_test(tc, an_escape_stays_in_its_room);
	suite_add_tcase(suite, tc);
}

Suite *log_suite(void)
{
	Suite *suite = suite_create("log");

	add_lines(suite);
	add_files(suite);
	add_escapes(suite);
	return suite;
}
