/* SPDX-License-Identifier: MIT */
/* What record/directory.h keeps out: each damage is refused, with a reason. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include "record/directory.h"
#include "record/reader.h"
#include "tests/make_record.h"
#include "tests/suites.h"

static const enum record_type types[] = {
	RECORD_SLOTS,	RECORD_SITES,	RECORD_FRAMES,
	RECORD_MODULES, RECORD_SERVERS,
};
#define TYPES ((int)(sizeof(types) / sizeof(types[0])))

static struct make_record m;

static void begin(void)
{
	make_init(&m);
	make_some(&m);
	make_finish(&m);
}

static void end(void)
{
	make_release(&m);
}

/* It must not open, for a reason in which `clause` occurs. */
static void refuse(const char *clause)
{
	struct reader *r;
	const char *why = NULL;

	ck_assert_int_eq(reader_open_memory(m.bytes, m.size, &r, &why),
			 -EINVAL);
	ck_assert_ptr_null(r);
	ck_assert_ptr_nonnull(why);
	ck_assert_msg(strstr(why, clause), "the reason was: %s", why);
}

START_TEST(another_version_is_refused)
{
	make_header(&m)->version = (uint32_t)_i;
	refuse("another version");
}
END_TEST

START_TEST(another_version_of_an_element_is_refused)
{
	make_segment(&m, types[_i])->version = 2;
	refuse("another version");
}
END_TEST

START_TEST(another_byte_order_is_refused)
{
	make_header(&m)->byte_order = 0x04030201;
	make_header(&m)->version = 0x01000000;
	refuse("another byte order");
	make_header(&m)->byte_order = 0x04030102;
	refuse("damaged");
}
END_TEST

START_TEST(an_empty_file_is_refused)
{
	m.size = 0;
	refuse("empty");
}
END_TEST

START_TEST(any_other_file_is_refused)
{
	memset(m.bytes, 0, m.size);
	refuse("not a connleak record");
	memcpy(m.bytes, "\177ELF", 4);
	refuse("not a connleak record");
	m.size = 2;
	refuse("not a connleak record");
}
END_TEST

START_TEST(a_record_cut_anywhere_is_refused)
{
	while (--m.size) {
		refuse("truncated");
	}
}
END_TEST

START_TEST(a_header_smaller_than_that_of_version_1_is_refused)
{
	make_header(&m)->header_size = 335;
	refuse("header");
}
END_TEST

START_TEST(a_process_without_a_pid_is_refused)
{
	make_header(&m)->pid = -_i;
	refuse("header");
}
END_TEST

START_TEST(a_file_too_large_for_memory_is_refused)
{
	make_header(&m)->file_size = (UINT64_C(1) << 30) + 1;
	refuse("1 GiB");
	make_header(&m)->file_size = UINT64_MAX;
	refuse("1 GiB");
}
END_TEST

START_TEST(a_directory_of_impossible_size_is_refused)
{
	struct record_header *h = make_header(&m);
	const struct record_header good = *h;

	h->directory_room = UINT32_MAX;
	refuse("directory");
	h->directory_entry_size = UINT32_MAX;
	refuse("directory");
	*h = good;
	h->directory_entry_size = 31;
	refuse("directory");
	*h = good;
	h->segment_count = h->directory_room + 1;
	refuse("directory");
	*h = good;
	h->header_size = UINT32_MAX;
	refuse("directory");
}
END_TEST

/* Reading its directory again and again would take too long. */
START_TEST(a_record_of_very_many_segments_is_refused)
{
	make_release(&m);
	make_init(&m);
	m.room = 65537;
	make_finish(&m);
	make_header(&m)->segment_count = 65537;
	refuse("directory");
}
END_TEST

START_TEST(a_segment_outside_of_the_file_is_refused)
{
	struct record_segment *s = make_segment(&m, types[_i]);
	const struct record_segment good = *s;

	s->offset = m.size;
	refuse("outside");
	s->offset = UINT64_MAX - 8; /* so that its end is in the file again */
	refuse("outside");
	s->offset = 0;
	refuse("outside");
	*s = good;
	s->count = UINT32_MAX;
	refuse("outside");
	s->element_size = UINT32_MAX;
	refuse("outside");
}
END_TEST

START_TEST(overlapping_segments_are_refused)
{
	make_segment(&m, RECORD_SITES)->offset =
		make_segment(&m, RECORD_SLOTS)->offset + 8;
	refuse("overlap");
}
END_TEST

START_TEST(a_segment_that_is_more_than_full_is_refused)
{
	struct record_segment *s = make_segment(&m, types[_i]);

	s->used = s->count + 1;
	refuse("more than full");
}
END_TEST

START_TEST(a_segment_without_type_is_refused)
{
	make_segment(&m, RECORD_SERVERS)->type = 0;
	refuse("no type");
}
END_TEST

/* What its elements had in version 1. */
static uint32_t least_size(enum record_type type)
{
	size_t i = 0;

	while (known_types[i].type != type)
		i++;
	return known_types[i].least;
}

START_TEST(elements_of_impossible_size_are_refused)
{
	struct record_segment *s = make_segment(&m, types[_i]);

	s->element_size = least_size(types[_i]) - 1;
	refuse("wrong size");
	s->element_size = 0;
	refuse("wrong size");
	s->count = 0;
	s->used = 0;
	s->element_size = 1u << 20;
	refuse("wrong size");
}
END_TEST

START_TEST(misnumbered_elements_are_refused)
{
	make_segment(&m, types[_i])->first = 1;
	refuse("misnumbered");
}
END_TEST

/* Else a record of which only the slots are lost would look clean. */
START_TEST(a_record_without_slots_is_refused)
{
	make_segment(&m, RECORD_SLOTS)->type = 999;
	refuse("no handles");
}
END_TEST

START_TEST(an_unknown_segment_that_is_required_is_refused)
{
	make_release(&m);
	make_init(&m);
	make_unknown(&m, 999, SEGMENT_REQUIRED, 100);
	make_finish(&m);
	refuse("a newer version");
}
END_TEST

static void add_foreign(Suite *suite)
{
	TCase *tc = tcase_create("not ours");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, another_version_is_refused, 2, 4);
	tcase_add_loop_test(tc, another_version_of_an_element_is_refused, 0,
			    TYPES);
	tcase_add_test(tc, an_unknown_segment_that_is_required_is_refused);
	tcase_add_test(tc, another_byte_order_is_refused);
	tcase_add_test(tc, an_empty_file_is_refused);
	tcase_add_test(tc, any_other_file_is_refused);
	suite_add_tcase(suite, tc);
}

static void add_header(Suite *suite)
{
	TCase *tc = tcase_create("header");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, a_record_cut_anywhere_is_refused);
	tcase_add_test(tc, a_header_smaller_than_that_of_version_1_is_refused);
	tcase_add_loop_test(tc, a_process_without_a_pid_is_refused, 0, 2);
	tcase_add_test(tc, a_file_too_large_for_memory_is_refused);
	tcase_add_test(tc, a_directory_of_impossible_size_is_refused);
	tcase_add_test(tc, a_record_of_very_many_segments_is_refused);
	suite_add_tcase(suite, tc);
}

static void add_segments(Suite *suite)
{
	TCase *tc = tcase_create("segments");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, a_segment_outside_of_the_file_is_refused, 0,
			    TYPES);
	tcase_add_test(tc, overlapping_segments_are_refused);
	tcase_add_loop_test(tc, a_segment_that_is_more_than_full_is_refused, 0,
			    TYPES);
	tcase_add_test(tc, a_segment_without_type_is_refused);
	tcase_add_loop_test(tc, elements_of_impossible_size_are_refused, 0,
			    TYPES);
	tcase_add_loop_test(tc, misnumbered_elements_are_refused, 0, TYPES);
	tcase_add_test(tc, a_record_without_slots_is_refused);
	suite_add_tcase(suite, tc);
}

Suite *directory_suite(void)
{
	Suite *suite = suite_create("directory");

	add_foreign(suite);
	add_header(suite);
	add_segments(suite);
	return suite;
}
