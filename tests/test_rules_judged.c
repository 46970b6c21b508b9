/* SPDX-License-Identifier: MIT */
/* What came of rules: analyzer/judge_rules.c, pool_code.h and naming.h. */
#include <string.h>

#include "analyzer/naming.h"
#include "analyzer/pool_code.h"
#include "tests/judged.h"
#include "tests/suites.h"

#define APP  "/usr/bin/app"
#define POOL "/usr/lib/libpool.so.1"
#define TAKE "acquire dbh_take handle=return"

static struct make_record made;

static void start_record(int pid, const char *exe)
{
	make_init(&made);
	made.header.pid = pid;
	made.header.exe = make_string(&made, exe);
}

/* NULL: there is none. */
static uint32_t string(const char *text)
{
	return text ? make_string(&made, text) : 0;
}

static void add_rule(const char *text, const char *function, const char *module,
		     const char *why, unsigned flags)
{
	const struct record_rule rule = {
		.text = string(text),
		.function = string(function),
		.module = string(module),
		.why = string(why),
		.flags = (uint16_t)(flags | (why ? RULE_REFUSED : 0)),
		.patched = module && !why,
	};

	make_one(&made, RECORD_RULES, &rule);
}

START_TEST(a_users_rule_that_matched_nothing_is_a_note)
{
	start_record(7, APP);
	add_rule(TAKE, "dbh_take", NULL, NULL, 0);
	judged_save(&made, "7-815-0.rec");
	judge_scratch();
	ck_assert_uint_eq(report.note_count, 1);
	ck_assert_str_eq(report.notes[0].why,
			 "rule `" TAKE "` matched nothing: no function of that "
			 "name was found in app, nor in what it loaded; "
			 "`connleak scan " APP "` lists candidates");
	ck_assert(report.notes[0].always);
	ck_assert_int_eq(report.status, REPORT_CLEAN);
}
END_TEST

START_TEST(a_rule_that_does_not_hold_is_said_once)
{
	start_record(7, APP);
	add_rule("aquire dbh_take", "", NULL, "it is none", 0);
	judged_save(&made, "7-815-0.rec");
	judge_scratch();
	ck_assert_uint_eq(report.note_count, 1);
	ck_assert_str_eq(report.notes[0].why,
			 "rule `aquire dbh_take`: it is none");
}
END_TEST

START_TEST(one_that_matched_anywhere_is_none)
{
	start_record(7, APP);
	add_rule(TAKE, "dbh_take", NULL, NULL, 0);
	judged_save(&made, "7-815-0.rec");
	start_record(8, APP);
	add_rule(TAKE, "dbh_take", NULL, NULL, 0);
	add_rule(TAKE, "dbh_take", POOL, NULL, 0);
	judged_save(&made, "8-815-0.rec");
	judge_scratch();
	ck_assert_uint_eq(report.note_count, 0);
}
END_TEST

START_TEST(one_that_matched_nowhere_is_told_once)
{
	start_record(7, APP);
	add_rule(TAKE, "dbh_take", NULL, NULL, 0);
	judged_save(&made, "7-815-0.rec");
	start_record(8, "/usr/bin/other");
	add_rule(TAKE, "dbh_take", NULL, NULL, 0);
	judged_save(&made, "8-815-0.rec");
	judge_scratch();
	ck_assert_uint_eq(report.note_count, 1);
	ck_assert_ptr_nonnull(
		strstr(report.notes[0].why, "was found in any process;"));
}
END_TEST

START_TEST(one_that_was_refused_says_why_and_where)
{
	start_record(7, APP);
	add_rule(TAKE, "dbh_take", POOL, "it is too short; nothing", 0);
	judged_save(&made, "7-815-0.rec");
	judge_scratch();
	ck_assert_uint_eq(report.note_count, 1);
	ck_assert_str_eq(report.notes[0].why,
			 "rule `" TAKE "` in libpool.so.1: it is too short; "
			 "nothing");
	ck_assert(report.notes[0].always);
}
END_TEST

START_TEST(built_in_ones_are_told_together_and_only_if_something_is_wrong)
{
	start_record(7, APP);
	add_rule("acquire a", "a", POOL, NULL, RULE_BUILT_IN);
	add_rule("acquire b", "b", POOL, "no room", RULE_BUILT_IN);
	add_rule("acquire c", "c", POOL, "no room", RULE_BUILT_IN);
	judged_save(&made, "7-815-0.rec");
	judge_scratch();
	ck_assert_uint_eq(report.note_count, 1);
	ck_assert_str_eq(report.notes[0].why, "2 built-in pool rules: no room");
	ck_assert(!report.notes[0].always);
}
END_TEST

/* naming */

static bool is_pools(const char *function, const char *module)
{
	const struct report_frame frame = { .function = function,
					    .module = module };
	struct pool_code code;

	pool_code_find(&code, &report.arena, &evidence);
	return pool_code_has(&code, &frame);
}

START_TEST(a_function_that_a_rule_names_is_not_the_users_own)
{
	start_record(7, APP);
	add_rule(TAKE, "dbh_take", APP, NULL, 0);
	judged_save(&made, "7-815-0.rec");
	read_scratch();
	ck_assert(is_pools("dbh_take", APP));
	ck_assert(!is_pools("dbh_take_all", APP));
	ck_assert(!is_pools("main", APP));
	ck_assert(!is_pools(NULL, APP));
	ck_assert(!is_pools("dbh_take", "/usr/lib/libother.so"));
}
END_TEST

START_TEST(nor_is_the_library_that_it_lies_in)
{
	start_record(7, APP);
	add_rule(TAKE, "dbh_take", POOL, NULL, RULE_BUILT_IN);
	judged_save(&made, "7-815-0.rec");
	read_scratch();
	ck_assert(is_pools("anything", POOL));
	ck_assert(is_pools(NULL, POOL));
	ck_assert(!is_pools("dbh_take", APP));
}
END_TEST

START_TEST(a_method_is_known_by_any_of_its_names)
{
	start_record(7, APP);
	add_rule("acquire x", "_ZN1a4Pool4takeEi", APP, NULL, 0);
	add_rule("acquire y", "a::Pool::give", APP, NULL, 0);
	judged_save(&made, "7-815-0.rec");
	read_scratch();
	ck_assert(is_pools("a::Pool::take(int)", APP));
	ck_assert(is_pools("a::Pool::take(long)", APP));
	ck_assert(is_pools("a::Pool::give[abi:cxx11]()", APP));
	ck_assert(!is_pools("a::Pool::takes(int)", APP));
}
END_TEST

START_TEST(a_rule_that_matched_nothing_takes_nothing_from_the_user)
{
	start_record(7, APP);
	add_rule(TAKE, "dbh_take", NULL, NULL, 0);
	judged_save(&made, "7-815-0.rec");
	read_scratch();
	ck_assert(!is_pools("dbh_take", APP));
}
END_TEST

START_TEST(a_site_is_named_by_who_asks_the_pool_and_stays_the_same_finding)
{
	struct report_frame frames[] = {
		{ .function = "dbh_take", .module = APP },
		{ .function = "handle_request", .module = APP },
	};
	const struct report_stack stack = { .frames = frames, .count = 2 };
	const char *before = naming_fingerprint(&report.arena, "k", &stack);

	ck_assert_uint_eq(naming_site(&stack), 0);
	frames[0].pools = true;
	ck_assert_uint_eq(naming_site(&stack), 1);
	ck_assert_str_eq(naming_fingerprint(&report.arena, "k", &stack),
			 before);
}
END_TEST

Suite *rules_judged_suite(void)
{
	Suite *suite = suite_create("rules_judged");
	TCase *test = tcase_create("outcomes");

	tcase_add_checked_fixture(test, judged_begin, judged_end);
	tcase_add_test(test, a_users_rule_that_matched_nothing_is_a_note);
	tcase_add_test(test, a_rule_that_does_not_hold_is_said_once);
	tcase_add_test(test, one_that_matched_anywhere_is_none);
	tcase_add_test(test, one_that_matched_nowhere_is_told_once);
	tcase_add_test(test, one_that_was_refused_says_why_and_where);
	tcase_add_test(
		test,
		built_in_ones_are_told_together_and_only_if_something_is_wrong);
	suite_add_tcase(suite, test);

	test = tcase_create("naming");
	tcase_add_checked_fixture(test, judged_begin, judged_end);
	tcase_add_test(test, a_function_that_a_rule_names_is_not_the_users_own);
	tcase_add_test(test, nor_is_the_library_that_it_lies_in);
	tcase_add_test(test, a_method_is_known_by_any_of_its_names);
	tcase_add_test(test,
		       a_rule_that_matched_nothing_takes_nothing_from_the_user);
	tcase_add_test(
		test,
		a_site_is_named_by_who_asks_the_pool_and_stays_the_same_finding);
	suite_add_tcase(suite, test);
	return suite;
}
