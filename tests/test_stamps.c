/* SPDX-License-Identifier: MIT */
/* What analyzer/stamps.h promises. */
#include <unistd.h>

#include "analyzer/stamps.h"
#include "tests/make_record.h"
#include "tests/scratch.h"
#include "tests/suites.h"

static struct make_record record;
static struct stamps *stamps;

static void set_up(void)
{
	scratch_make();
	make_init(&record);
	make_some(&record);
	make_finish(&record);
}

static void tear_down(void)
{
	stamps_free(stamps);
	make_release(&record);
	scratch_remove();
}

static void ask(const char *name, uint32_t times)
{
	make_header(&record)->asked = times;
	unlink(scratch_path(name));
	make_save(&record, scratch_path(name));
}

START_TEST(each_asking_is_seen_once)
{
	ask("1-2-00000003.rec", 0);
	stamps = stamps_new(scratch);
	ck_assert(!stamps_look(stamps));
	ask("1-2-00000003.rec", 1);
	ck_assert(stamps_look(stamps));
	ck_assert(!stamps_look(stamps));
	ask("1-2-00000003.rec", 5);
	ck_assert(stamps_look(stamps));
	ck_assert(!stamps_look(stamps));
}
END_TEST

START_TEST(what_was_asked_before_the_first_look_counts)
{
	ask("1-2-00000003.rec", 2);
	stamps = stamps_new(scratch);
	ck_assert(stamps_look(stamps));
	ck_assert(!stamps_look(stamps));
}
END_TEST

START_TEST(records_come_and_go)
{
	stamps = stamps_new(scratch);
	ck_assert(!stamps_look(stamps));
	ask("5-2-00000003.rec", 1);
	ck_assert(stamps_look(stamps));
	ask("1-2-00000003.rec", 0);
	ask("9-2-00000003.rec", 0);
	ck_assert(!stamps_look(stamps));
	ask("9-2-00000003.rec", 1);
	ck_assert(stamps_look(stamps));
	unlink(scratch_path("5-2-00000003.rec"));
	ck_assert(!stamps_look(stamps));
}
END_TEST

START_TEST(one_record_can_be_looked_at_alone)
{
	ask("1-2-00000003.rec", 0);
	ask("5-2-00000003.rec", 1);
	stamps = stamps_new(scratch_path("1-2-00000003.rec"));
	ck_assert(!stamps_look(stamps));
	ask("1-2-00000003.rec", 1);
	ck_assert(stamps_look(stamps));
	ck_assert(!stamps_look(stamps));
}
END_TEST

START_TEST(what_is_no_record_asks_nothing)
{
	ask("1-2-00000003.new", 7);
	scratch_write("1-2-00000003.rec", "connleak");
	ck_assert_int_eq(symlink("/dev/zero", scratch_path("2-2-3.rec")), 0);
	stamps = stamps_new(scratch);
	ck_assert(!stamps_look(stamps));
	scratch_remove();
	ck_assert(!stamps_look(stamps));
	scratch_make();
}
END_TEST

START_TEST(the_next_look_is_due_later_and_without_stamps_never)
{
	stamps = stamps_new(scratch);
	ck_assert_uint_gt(stamps_due(stamps), 0);
	ck_assert_uint_lt(stamps_due(stamps), STAMPS_NEVER);
	ck_assert_uint_eq(stamps_due(NULL), STAMPS_NEVER);
	ck_assert(!stamps_look(NULL));
}
END_TEST

Suite *stamps_suite(void)
{
	Suite *suite = suite_create("stamps");
	TCase *test = tcase_create("stamps");

	tcase_add_checked_fixture(test, set_up, tear_down);
	tcase_add_test(test, each_asking_is_seen_once);
	tcase_add_test(test, what_was_asked_before_the_first_look_counts);
	tcase_add_test(test, records_come_and_go);
	tcase_add_test(test, one_record_can_be_looked_at_alone);
	tcase_add_test(test, what_is_no_record_asks_nothing);
	tcase_add_test(test,
		       the_next_look_is_due_later_and_without_stamps_never);
	suite_add_tcase(suite, test);
	return suite;
}
