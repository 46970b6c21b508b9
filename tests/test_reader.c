/* SPDX-License-Identifier: MIT */
/* What record/reader.h promises of a file that nobody is writing to. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "record/reader.h"
#include "tests/make_record.h"
#include "tests/scratch.h"
#include "tests/suites.h"

#define MANY 5u /* of the loops over known types */

static const enum record_type counted[MANY] = {
	RECORD_SLOTS,	RECORD_SITES,	RECORD_FRAMES,
	RECORD_MODULES, RECORD_SERVERS,
};

static struct make_record m;
static struct reader *r;
static const char *why;

static void begin(void)
{
	make_init(&m);
	r = NULL;
	why = NULL;
}

static void begin_with_some(void)
{
	begin();
	make_some(&m);
	make_finish(&m);
}

static void end(void)
{
	reader_free(r);
	make_release(&m);
}

static void open_record(void)
{
	const int err = reader_open_memory(m.bytes, m.size, &r, &why);

	ck_assert_msg(!err, "refused: %s", why);
}

/* The accessor of a type, whatever it copies. */
static bool reader_has(enum record_type type, uint32_t number)
{
	const struct record_site all = { .first_frame = number,
					 .frame_count = 1 };
	union {
		struct record_slot slot;
		struct record_site site;
		struct record_frame frame;
		struct record_module module;
		struct record_server server;
	} any;

	switch (type) {
	case RECORD_SLOTS:
		return reader_slot(r, number, &any.slot);
	case RECORD_SITES:
		return reader_site(r, number, &any.site);
	case RECORD_FRAMES:
		return reader_frame(r, &all, 0, &any.frame);
	case RECORD_MODULES:
		return reader_module(r, number, &any.module);
	case RECORD_SERVERS:
		return reader_server(r, number, &any.server);
	default:
		return reader_string(r, number) != NULL;
	}
}

START_TEST(the_header_is_the_files)
{
	open_record();
	ck_assert_int_eq(reader_header(r)->pid, 4711);
	ck_assert_uint_eq(reader_header(r)->totals[TOTAL_CONNECTS], 5);
	ck_assert_str_eq(reader_string(r, reader_header(r)->exe), "/bin/x");
}
END_TEST

START_TEST(a_slot_leads_to_all_that_is_known_of_it)
{
	struct record_slot slot;
	struct record_site site;
	struct record_frame frame;
	struct record_module module;
	struct record_server server;

	open_record();
	ck_assert(reader_slot(r, 3, &slot));
	ck_assert_uint_eq(slot.handle, 0x1003);
	ck_assert_uint_eq(slot.state, SLOT_ESTABLISHED);
	ck_assert(reader_site(r, slot.site, &site));
	ck_assert_str_eq(reader_string(r, site.function), "PQconnectdb");
	ck_assert(reader_frame(r, &site, 1, &frame));
	ck_assert_uint_eq(frame.offset, 0x5678);
	ck_assert(reader_module(r, frame.where, &module));
	ck_assert_str_eq(reader_string(r, module.path), "/bin/x");
	ck_assert_mem_eq(module.build_id, "0123456789abcdefghi", 20);
	ck_assert(reader_server(r, slot.server, &server));
	ck_assert_str_eq(reader_string(r, server.dbname), "db");
}
END_TEST

START_TEST(a_slot_in_flight_is_counted_and_not_given)
{
	struct record_slot slot;

	open_record();
	ck_assert_uint_eq(reader_count(r, RECORD_SLOTS), 5);
	ck_assert_uint_eq(reader_in_flight(r), 1);
	ck_assert(reader_slot(r, 3, &slot));
	ck_assert(!reader_slot(r, 4, &slot));
}
END_TEST

START_TEST(a_number_that_no_element_has_gives_nothing)
{
	const enum record_type type = counted[_i];

	open_record();
	ck_assert_uint_gt(reader_count(r, type), 0);
	ck_assert(reader_has(type, 0));
	ck_assert(!reader_has(type, reader_count(r, type)));
	ck_assert(!reader_has(type, RECORD_NONE - 1));
	ck_assert(!reader_has(type, RECORD_NONE));
}
END_TEST

START_TEST(a_string_without_number_is_unknown)
{
	open_record();
	ck_assert_ptr_null(reader_string(r, 0));
	ck_assert_ptr_null(reader_string(r, reader_count(r, RECORD_STRINGS)));
	ck_assert_ptr_null(reader_string(r, RECORD_NONE));
}
END_TEST

START_TEST(there_are_no_elements_of_unknown_types)
{
	open_record();
	ck_assert_uint_eq(reader_count(r, RECORD_ERRORS), 0);
	ck_assert_uint_eq(reader_count(r, (enum record_type)0), 0);
	ck_assert_uint_eq(reader_count(r, (enum record_type)UINT32_MAX), 0);
}
END_TEST

START_TEST(a_record_may_have_no_elements)
{
	make_finish(&m);
	open_record();
	for (size_t i = 0; i < MANY; i++) {
		ck_assert_uint_eq(reader_count(r, counted[i]), 0);
		ck_assert(!reader_has(counted[i], 0));
	}
}
END_TEST

START_TEST(numbers_run_on_over_segments)
{
	struct record_slot slot = { .sequence = 2 };
	const char *text;

	for (slot.handle = 0; slot.handle < 9; slot.handle++) {
		if (slot.handle % 3 == 0)
			make_next_segment(&m, RECORD_SLOTS, 0);
		make_slot(&m, &slot);
	}
	make_string(&m, "one");
	make_next_segment(&m, RECORD_STRINGS, 0);
	text = "two";
	m.header.exe = make_string(&m, text);
	make_finish(&m);
	open_record();
	ck_assert_uint_eq(reader_count(r, RECORD_SLOTS), 9);
	for (uint32_t i = 0; i < 9; i++) {
		ck_assert(reader_slot(r, i, &slot));
		ck_assert_uint_eq(slot.handle, i);
	}
	ck_assert_str_eq(reader_string(r, m.header.exe), text);
}
END_TEST

START_TEST(numbers_that_were_left_out_give_nothing)
{
	make_slot(&m, &(struct record_slot){ .sequence = 2 });
	make_next_segment(&m, RECORD_SLOTS, 3);
	make_next_segment(&m, RECORD_SLOTS, 0);
	make_slot(&m, &(struct record_slot){ .sequence = 2 });
	make_next_segment(&m, RECORD_SLOTS, 2);
	make_finish(&m);
	open_record();
	ck_assert_uint_eq(reader_count(r, RECORD_SLOTS), 5);
	ck_assert(reader_has(RECORD_SLOTS, 0));
	for (uint32_t i = 1; i < 4; i++)
		ck_assert(!reader_has(RECORD_SLOTS, i));
	ck_assert(reader_has(RECORD_SLOTS, 4));
	ck_assert(!reader_has(RECORD_SLOTS, 5));
}
END_TEST

START_TEST(what_later_versions_appended_is_left_out)
{
	struct record_slot slot;

	make_some(&m);
	m.header_extra = 24;
	m.entry_extra = 16;
	m.element_extra = 13;
	m.room = 3;
	make_finish(&m);
	open_record();
	ck_assert_int_eq(reader_header(r)->pid, 4711);
	for (uint32_t i = 0; i < 4; i++) {
		ck_assert(reader_slot(r, i, &slot));
		ck_assert_uint_eq(slot.handle, 0x1000 + i);
		ck_assert_int_eq(slot.tid, 4711);
	}
	ck_assert_str_eq(reader_string(r, reader_header(r)->exe), "/bin/x");
}
END_TEST

START_TEST(unknown_segments_are_skipped)
{
	make_unknown(&m, 999, 0, 100);
	make_unknown(&m, 999, 0, 50);
	make_unknown(&m, RECORD_IMAGES, 2, 50);
	make_some(&m);
	make_finish(&m);
	open_record();
	ck_assert_uint_eq(reader_count(r, RECORD_SLOTS), 5);
}
END_TEST

START_TEST(a_string_without_end_is_unknown)
{
	const uint32_t text = make_string(&m, "text");

	make_next_segment(&m, RECORD_STRINGS, 0);
	make_string(&m, "more");
	make_finish(&m);
	*(char *)make_element(&m, RECORD_STRINGS, text + 4) = '!';
	open_record();
	ck_assert_ptr_null(reader_string(r, text));
	ck_assert_str_eq(reader_string(r, text + 5), "more");
}
END_TEST

START_TEST(a_string_beyond_all_measure_is_unknown)
{
	static char text[READER_MAX_STRING + 1];
	uint32_t longest, longer;

	memset(text, 'x', sizeof(text) - 1);
	longer = make_string(&m, text);
	longest = make_string(&m, text + 1);
	make_finish(&m);
	open_record();
	ck_assert_ptr_null(reader_string(r, longer));
	ck_assert_uint_eq(strlen(reader_string(r, longest)),
			  READER_MAX_STRING - 1);
}
END_TEST

START_TEST(a_stack_ends_where_the_frames_end)
{
	struct record_site *site = make_element(&m, RECORD_SITES, 1);
	struct record_site copy;
	struct record_frame frame;

	site->frame_count = UINT16_MAX;
	open_record();
	ck_assert(reader_site(r, 1, &copy));
	ck_assert_uint_eq(copy.frame_count, RECORD_MAX_FRAMES);
	ck_assert(reader_frame(r, &copy, 2, &frame));
	ck_assert(!reader_frame(r, &copy, 3, &frame));
}
END_TEST

START_TEST(the_frames_of_a_site_are_only_its_own)
{
	struct record_site site;
	struct record_frame frame;

	open_record();
	ck_assert(reader_site(r, 0, &site));
	ck_assert(reader_frame(r, &site, 2, &frame));
	ck_assert(!reader_frame(r, &site, 3, &frame));
	site.first_frame = UINT32_MAX; /* 1 after it would be 0 again */
	ck_assert(!reader_frame(r, &site, 1, &frame));
}
END_TEST

START_TEST(a_build_id_is_no_longer_than_its_room)
{
	struct record_module *module = make_element(&m, RECORD_MODULES, 0);
	struct record_module copy;

	module->build_id_size = UINT32_MAX;
	open_record();
	ck_assert(reader_module(r, 0, &copy));
	ck_assert_uint_eq(copy.build_id_size, RECORD_BUILD_ID_MAX);
}
END_TEST

static void begin_in_folder(void)
{
	begin_with_some();
	scratch_make();
	ck_assert_int_eq(chdir(scratch), 0);
	make_save(&m, "record");
}

static void end_in_folder(void)
{
	scratch_remove();
	end();
}

START_TEST(a_file_is_read_and_closed_again)
{
	const int next = dup(0);

	close(next);
	ck_assert_int_eq(reader_open(AT_FDCWD, "record", &r, &why), 0);
	ck_assert_int_eq(unlink("record"), 0);
	ck_assert_uint_eq(reader_count(r, RECORD_SLOTS), 5);
	ck_assert_uint_eq(reader_in_flight(r), 1);
	ck_assert_int_eq(dup(0), next);
}
END_TEST

START_TEST(a_missing_file_is_said_to_be_missing)
{
	ck_assert_int_eq(reader_open(AT_FDCWD, "none", &r, &why), -ENOENT);
	ck_assert_ptr_null(r);
	ck_assert_str_eq(why, "No such file or directory");
}
END_TEST

START_TEST(only_regular_files_are_opened)
{
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	ck_assert_int_lt(reader_open(AT_FDCWD, "fifo", &r, &why), 0);
	ck_assert_str_eq(why, "it is not a regular file");
	ck_assert_int_lt(reader_open(AT_FDCWD, "/dev/zero", &r, &why), 0);
	ck_assert_str_eq(why, "it is not a regular file");
	ck_assert_int_lt(reader_open(AT_FDCWD, ".", &r, &why), 0);
	ck_assert_str_eq(why, "it is not a regular file");
}
END_TEST

START_TEST(a_link_is_followed_only_for_a_person)
{
	const int dirfd = open(".", O_RDONLY | O_DIRECTORY);

	ck_assert_int_eq(symlink("record", "link"), 0);
	ck_assert_int_lt(reader_open(dirfd, "link", &r, &why), 0);
	ck_assert_str_eq(why, "it is a symbolic link");
	ck_assert_int_eq(reader_open(AT_FDCWD, "link", &r, &why), 0);
	close(dirfd);
}
END_TEST

START_TEST(a_file_that_was_cut_is_refused)
{
	ck_assert_int_eq(truncate("record", (off_t)m.size - 1), 0);
	ck_assert_int_eq(reader_open(AT_FDCWD, "record", &r, &why), -EINVAL);
	ck_assert_str_eq(why, "it is truncated");
}
END_TEST

/* As is one that grew, but was not yet told so in its header. */
START_TEST(a_file_longer_than_its_header_says_is_read)
{
	ck_assert_int_eq(truncate("record", (off_t)m.size + 4096), 0);
	ck_assert_int_eq(reader_open(AT_FDCWD, "record", &r, &why), 0);
}
END_TEST

static void add_well_formed(Suite *suite)
{
	TCase *tc = tcase_create("well formed");

	tcase_add_checked_fixture(tc, begin_with_some, end);
	tcase_add_test(tc, the_header_is_the_files);
	tcase_add_test(tc, a_slot_leads_to_all_that_is_known_of_it);
	tcase_add_test(tc, a_slot_in_flight_is_counted_and_not_given);
	tcase_add_loop_test(tc, a_number_that_no_element_has_gives_nothing, 0,
			    MANY);
	tcase_add_test(tc, a_string_without_number_is_unknown);
	tcase_add_test(tc, there_are_no_elements_of_unknown_types);
	tcase_add_test(tc, a_stack_ends_where_the_frames_end);
	tcase_add_test(tc, the_frames_of_a_site_are_only_its_own);
	tcase_add_test(tc, a_build_id_is_no_longer_than_its_room);
	suite_add_tcase(suite, tc);
}

static void add_layouts(Suite *suite)
{
	TCase *tc = tcase_create("other layouts");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, a_record_may_have_no_elements);
	tcase_add_test(tc, numbers_run_on_over_segments);
	tcase_add_test(tc, numbers_that_were_left_out_give_nothing);
	tcase_add_test(tc, what_later_versions_appended_is_left_out);
	tcase_add_test(tc, unknown_segments_are_skipped);
	tcase_add_test(tc, a_string_without_end_is_unknown);
	tcase_add_test(tc, a_string_beyond_all_measure_is_unknown);
	suite_add_tcase(suite, tc);
}

static void add_files(Suite *suite)
{
	TCase *tc = tcase_create("files");

	tcase_add_checked_fixture(tc, begin_in_folder, end_in_folder);
	tcase_add_test(tc, a_file_is_read_and_closed_again);
	tcase_add_test(tc, a_missing_file_is_said_to_be_missing);
	tcase_add_test(tc, only_regular_files_are_opened);
	tcase_add_test(tc, a_link_is_followed_only_for_a_person);
	tcase_add_test(tc, a_file_that_was_cut_is_refused);
	tcase_add_test(tc, a_file_longer_than_its_header_says_is_read);
	suite_add_tcase(suite, tc);
}

Suite *reader_suite(void)
{
	Suite *suite = suite_create("reader");

	add_well_formed(suite);
	add_layouts(suite);
	add_files(suite);
	return suite;
}
