/* SPDX-License-Identifier: MIT */
/* What record/writer.h promises, read back by record/reader.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record/reader.h"
#include "record/writer.h"
#include "tests/scratch.h"
#include "tests/suites.h"

static struct writer writer;
static const struct writer_process process = {
	.pid = 4711,
	.start_ticks = 99,
	.exe = "/usr/bin/app",
};

static void make(void)
{
	scratch_make();
	ck_assert_int_eq(writer_create(&writer, scratch, &process, 1 << 22), 0);
}

static void drop(void)
{
	writer_forget(&writer);
	scratch_remove();
}

static struct reader *read_back(void)
{
	struct reader *reader;
	const char *why = "";
	int err = reader_open(AT_FDCWD, writer.path, &reader, &why);

	ck_assert_msg(!err, "%s", why);
	return reader;
}

static int count_files(void)
{
	DIR *dir = opendir(scratch);
	int count = -2; /* . and .. */

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

START_TEST(a_new_record_names_its_process)
{
	struct reader *reader = read_back();
	const struct record_header *header = reader_header(reader);

	ck_assert_int_eq(header->pid, 4711);
	ck_assert_uint_eq(header->start_ticks, 99);
	ck_assert_str_eq(reader_string(reader, header->exe), "/usr/bin/app");
	ck_assert_ptr_nonnull(strstr(writer.path, "/4711-99-"));
	reader_free(reader);
}
END_TEST

START_TEST(a_new_record_takes_64_kib_and_only_its_owner_reads_it)
{
	struct stat about;

	ck_assert_int_eq(stat(writer.path, &about), 0);
	ck_assert_int_eq(about.st_size, 65536);
	ck_assert_int_eq(about.st_blocks * 512, 65536);
	ck_assert_int_eq(about.st_mode & 07777, 0600);
}
END_TEST

START_TEST(elements_keep_their_numbers_while_the_record_grows)
{
	struct reader *reader;
	struct record_server server;

	for (uint32_t i = 0; i < 5000; i++) {
		struct record_server *stored;
		uint32_t n = writer_reserve(&writer, RECORD_SERVERS, 1);

		ck_assert_uint_eq(n, i);
		stored = writer_at(&writer, RECORD_SERVERS, n);
		stored->host = i;
		writer_publish(&writer, RECORD_SERVERS, n, 1);
	}
	reader = read_back();
	ck_assert_uint_eq(reader_count(reader, RECORD_SERVERS), 5000);
	for (uint32_t i = 0; i < 5000; i++) {
		ck_assert(reader_server(reader, i, &server));
		ck_assert_uint_eq(server.host, i);
	}
	reader_free(reader);
}
END_TEST

START_TEST(pointers_hold_while_the_record_grows)
{
	char *first = writer_at(&writer, RECORD_STRINGS,
				writer_string(&writer, "the first"));

	for (int i = 0; i < 10000; i++)
		ck_assert_uint_ne(writer_string(&writer, "more and more"), 0);
	ck_assert_str_eq(first, "the first");
}
END_TEST

START_TEST(what_is_reserved_in_a_row_lies_in_a_row)
{
	for (int i = 0; i < 300; i++) {
		uint32_t n = writer_reserve(&writer, RECORD_FRAMES, 100);
		struct record_frame *first, *last;

		ck_assert_uint_ne(n, RECORD_NONE);
		first = writer_at(&writer, RECORD_FRAMES, n);
		last = writer_at(&writer, RECORD_FRAMES, n + 99);
		ck_assert_ptr_eq(last, first + 99);
		ck_assert_uint_eq(last->offset, 0);
		writer_publish(&writer, RECORD_FRAMES, n, 100);
	}
}
END_TEST

START_TEST(a_record_does_not_grow_past_its_limit)
{
	struct stat about;
	uint32_t n;

	while ((n = writer_reserve(&writer, RECORD_SLOTS, 1)) != RECORD_NONE)
		writer_publish(&writer, RECORD_SLOTS, n, 1);
	ck_assert_int_eq(stat(writer.path, &about), 0);
	ck_assert_int_le(about.st_size, 1 << 22);
	ck_assert_int_ge(about.st_size, 1 << 20);
	reader_free(read_back());
}
END_TEST

/* Asserts nothing: Check writes to a file at each assertion. */
static void limit_file_size(rlim_t size)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = size;
	setrlimit(RLIMIT_FSIZE, &limit);
}

START_TEST(a_file_size_limit_is_an_error_and_no_signal)
{
	struct writer other;
	uint32_t n;
	int err;

	limit_file_size(100000);
	while ((n = writer_reserve(&writer, RECORD_SLOTS, 1)) != RECORD_NONE)
		writer_publish(&writer, RECORD_SLOTS, n, 1);
	limit_file_size(0);
	err = writer_create(&other, scratch, &process, 1 << 20);
	limit_file_size(RLIM_INFINITY);
	ck_assert_int_eq(err, -EFBIG);
	ck_assert_int_eq(count_files(), 1);
}
END_TEST

START_TEST(a_record_that_cannot_be_made_leaves_nothing_behind)
{
	struct writer other;

	ck_assert_int_eq(writer_create(&other, "/nowhere/at/all", &process, 1),
			 -ENOENT);
	ck_assert_ptr_null(other.header);
	ck_assert_int_eq(count_files(), 1);
}
END_TEST

/* As many as there is room for, which is `most` at most. */
static unsigned take_slots(unsigned most)
{
	unsigned count = 0;
	uint32_t n;

	while (count < most &&
	       (n = writer_reserve(&writer, RECORD_SLOTS, 1)) != RECORD_NONE) {
		writer_publish(&writer, RECORD_SLOTS, n, 1);
		count++;
	}
	return count;
}

START_TEST(what_was_grown_ahead_needs_the_file_no_more)
{
	char elsewhere[sizeof(scratch) + 16];

	writer_grow_ahead(&writer);
	writer_grow_ahead(&writer); /* once is enough */
	ck_assert_uint_lt(writer.header->file_size, 640 << 10);
	snprintf(elsewhere, sizeof(elsewhere), "%s-elsewhere", scratch);
	ck_assert_int_eq(rename(scratch, elsewhere), 0);
	ck_assert_uint_ge(take_slots(2000), 1000);
	ck_assert_uint_ne(writer_reserve(&writer, RECORD_SITES, 200),
			  RECORD_NONE);
	ck_assert_int_eq(rename(elsewhere, scratch), 0);
	reader_free(read_back());
}
END_TEST

START_TEST(when_the_file_is_within_reach_again_the_record_grows)
{
	char path[WRITER_PATH_MAX];

	strcpy(path, writer.path);
	ck_assert_int_eq(rename(path, scratch_path("hidden")), 0);
	ck_assert_uint_eq(take_slots(1000), 64);
	ck_assert_uint_eq(take_slots(1), 0);
	ck_assert_int_eq(rename(scratch_path("hidden"), path), 0);
	ck_assert_uint_eq(take_slots(1000), 1000);
}
END_TEST

START_TEST(no_descriptor_stays_open)
{
	int before = dup(0);

	close(before);
	for (int i = 0; i < 10000; i++)
		writer_string(&writer, "some text to make it grow");
	ck_assert_int_eq(dup(0), before);
}
END_TEST

START_TEST(what_was_written_is_there_after_sigkill)
{
	struct reader *reader;
	pid_t child = fork();

	if (!child) {
		writer_forget(&writer);
		if (writer_create(&writer, scratch, &process, 1 << 20))
			_exit(1);
		unlink(scratch_path("killed"));
		if (link(writer.path, scratch_path("killed")))
			_exit(2);
		writer_string(&writer, "the last word");
		writer.header->totals[TOTAL_CONNECTS] = 7;
		kill(getpid(), SIGKILL);
	}
	waitpid(child, NULL, 0);
	strcpy(writer.path, scratch_path("killed"));
	reader = read_back();
	ck_assert_uint_eq(reader_header(reader)->totals[TOTAL_CONNECTS], 7);
	ck_assert_str_eq(reader_string(reader, 14), "the last word");
	reader_free(reader);
}
END_TEST

START_TEST(a_slot_caught_between_begin_and_end_is_in_flight)
{
	uint32_t n = writer_reserve(&writer, RECORD_SLOTS, 1);
	struct record_slot *slot = writer_at(&writer, RECORD_SLOTS, n), out;
	struct reader *reader;

	writer_publish(&writer, RECORD_SLOTS, n, 1);
	writer_slot_begin(slot);
	slot->state = SLOT_ESTABLISHED;
	reader = read_back();
	ck_assert(!reader_slot(reader, n, &out));
	ck_assert_uint_eq(reader_in_flight(reader), 1);
	reader_free(reader);
	writer_slot_end(slot);
	reader = read_back();
	ck_assert(reader_slot(reader, n, &out));
	ck_assert_uint_eq(out.state, SLOT_ESTABLISHED);
	reader_free(reader);
}
END_TEST

Suite *writer_suite(void)
{
	Suite *suite = suite_create("writer");
	TCase *test = tcase_create("a record");

	tcase_add_checked_fixture(test, make, drop);
	tcase_add_test(test, a_new_record_names_its_process);
	tcase_add_test(test,
		       a_new_record_takes_64_kib_and_only_its_owner_reads_it);
	tcase_add_test(test,
		       elements_keep_their_numbers_while_the_record_grows);
	tcase_add_test(test, pointers_hold_while_the_record_grows);
	tcase_add_test(test, what_is_reserved_in_a_row_lies_in_a_row);
	tcase_add_test(test, what_was_grown_ahead_needs_the_file_no_more);
	tcase_add_test(test,
		       when_the_file_is_within_reach_again_the_record_grows);
	tcase_add_test(test, no_descriptor_stays_open);
	tcase_add_test(test, a_slot_caught_between_begin_and_end_is_in_flight);
	suite_add_tcase(suite, test);

	test = tcase_create("limits and ends");
	tcase_add_checked_fixture(test, make, drop);
	tcase_add_test(test, a_record_does_not_grow_past_its_limit);
	tcase_add_test(test, a_file_size_limit_is_an_error_and_no_signal);
	tcase_add_test(test,
		       a_record_that_cannot_be_made_leaves_nothing_behind);
	tcase_add_test(test, what_was_written_is_there_after_sigkill);
	suite_add_tcase(suite, test);
	return suite;
}
