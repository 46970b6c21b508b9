/* SPDX-License-Identifier: MIT */
/* What analyzer/holders.h promises, and symbols.h of variables. */
#include <string.h>

#include "analyzer/holders.h"
#include "tests/made_module.h"
#include "tests/make_record.h"
#include "tests/suites.h"

#define CODE                       \
	"char pool[16] = { 1 };\n" \
	"static char hidden[40] __attribute__((used)) = { 1 };\n"

#define CODE_CXX "namespace shop { int *shelf[4]; }\n"

static struct record_scan scan;

/* The words for `scan`, of a module that is lib.so of the scratch folder. */
static const char *say(void)
{
	struct make_record made;
	struct record_module module = { .build_id_size = 0 };
	struct reader *reader;
	const char *why = "", *words;

	make_init(&made);
	module.path = make_string(&made, scratch_path("lib.so"));
	make_module(&made, &module);
	make_finish(&made);
	ck_assert_msg(!reader_open_memory(made.bytes, made.size, &reader, &why),
		      "%s", why);
	words = holders_say(symbols, &arena, reader, &scan);
	reader_free(reader);
	make_release(&made);
	return words;
}

static void held_by(enum record_holder holder)
{
	scan = (struct record_scan){ .answer = ANSWER_HELD,
				     .holder = (uint8_t)holder };
}

START_TEST(a_global_is_named_with_its_module)
{
	compile_other(CODE, NO_ID);
	held_by(HOLDER_GLOBAL);
	scan.offset = address_of("pool");
	ck_assert_str_eq(say(), "global pool (lib.so)");
	scan.offset += 8;
	ck_assert_str_eq(say(), "global pool (lib.so)");
}
END_TEST

START_TEST(a_static_variable_is_named_too)
{
	char name[32] = "";
	FILE *listed;
	unsigned long offset = 0;

	compile_other(CODE, NO_ID);
	run("nm lib.so | grep ' hidden$' >listed");
	listed = fopen(scratch_path("listed"), "r");
	ck_assert_int_eq(fscanf(listed, "%lx %*c %31s", &offset, name), 2);
	fclose(listed);
	held_by(HOLDER_GLOBAL);
	scan.offset = offset + 39;
	ck_assert_str_eq(say(), "global hidden (lib.so)");
}
END_TEST

START_TEST(a_variable_of_cxx_has_its_own_name)
{
	scratch_write("code.cc", CODE_CXX);
	run("c++ -shared -fPIC " NO_ID " -o lib.so code.cc");
	held_by(HOLDER_GLOBAL);
	scan.offset = address_of("_ZN4shop5shelfE");
	ck_assert_str_eq(say(), "global shop::shelf (lib.so)");
}
END_TEST

START_TEST(where_no_symbol_is_the_offset_is_told)
{
	compile_other(CODE, NO_ID " -s");
	held_by(HOLDER_GLOBAL);
	scan.offset = 0x51234567;
	ck_assert_str_eq(say(), "global lib.so+0x51234567");
	run("rm lib.so");
	scan.offset = 0x20;
	ck_assert_str_eq(say(), "global lib.so+0x20");
	scan.module = RECORD_NONE;
	ck_assert_str_eq(say(), "a global");
}
END_TEST

START_TEST(what_is_a_threads_is_named_by_its_number)
{
	held_by(HOLDER_STACK);
	ck_assert_str_eq(say(), "stack of a thread");
	scan.tid = 4711;
	ck_assert_str_eq(say(), "stack of thread 4711");
	scan.holder = HOLDER_REGISTER;
	ck_assert_str_eq(say(), "register of thread 4711");
	scan.holder = HOLDER_THREAD;
	ck_assert_str_eq(say(), "thread-local storage of thread 4711");
}
END_TEST

START_TEST(other_holders_have_words_of_their_own)
{
	held_by(HOLDER_KERNEL);
	ck_assert_str_eq(say(), "an epoll set or a timer");
	held_by(HOLDER_UNKNOWN);
	ck_assert_str_eq(say(), "memory that nobody understands");
	held_by((enum record_holder)99);
	ck_assert_str_eq(say(), "memory that nobody understands");
}
END_TEST

START_TEST(a_block_on_the_way_comes_before_what_holds_it)
{
	held_by(HOLDER_STACK);
	scan.tid = 7;
	scan.block_size = 72;
	ck_assert_str_eq(say(), "heap block of 72 bytes, held by stack of "
				"thread 7");
}
END_TEST

START_TEST(what_nothing_points_to_has_no_holder)
{
	held_by(HOLDER_GLOBAL);
	scan.answer = ANSWER_LOST;
	ck_assert_ptr_null(say());
	scan.answer = ANSWER_NONE;
	ck_assert_ptr_null(say());
	scan.answer = ANSWER_MAYBE;
	scan.holder = HOLDER_NONE;
	ck_assert_str_eq(say(), "memory that nobody understands");
}
END_TEST

Suite *holders_suite(void)
{
	Suite *suite = suite_create("holders");
	TCase *test = module_case(suite, "globals");

	tcase_add_test(test, a_global_is_named_with_its_module);
	tcase_add_test(test, a_static_variable_is_named_too);
	tcase_add_test(test, a_variable_of_cxx_has_its_own_name);
	tcase_add_test(test, where_no_symbol_is_the_offset_is_told);

	test = module_case(suite, "others");
	tcase_add_test(test, what_is_a_threads_is_named_by_its_number);
	tcase_add_test(test, other_holders_have_words_of_their_own);
	tcase_add_test(test, a_block_on_the_way_comes_before_what_holds_it);
	tcase_add_test(test, what_nothing_points_to_has_no_holder);
	return suite;
}
