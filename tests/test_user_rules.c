/* SPDX-License-Identifier: MIT */
/* What preload/user_rules.h and analyzer/pool_rules.h promise: one text. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/pool_rules.h"
#include "preload/user_rules.h"
#include "tests/scratch.h"
#include "tests/suites.h"

static struct arena arena;
static struct pool_rules checked;
static const struct user_rule *read_rules;
static size_t count;
static const char *error;

static void begin(void)
{
	scratch_make();
	arena_init(&arena);
	unsetenv("CONNLEAK_HOOK");
	unsetenv("CONNLEAK_HOOKS");
}

static void end(void)
{
	arena_release(&arena);
	scratch_remove();
}

static void read_both(const char *hook, const char *file)
{
	user_rules_read(hook, file);
	read_rules = user_rules(&count);
}

static bool is_line(size_t n, const char *line)
{
	const struct rule_text text = read_rules[n].rule.line;

	return n < count && text.length == strlen(line) &&
	       !memcmp(text.at, line, text.length);
}

START_TEST(rules_of_the_variable_come_before_those_of_the_file)
{
	char hook[] = "acquire a handle=return;release b handle=arg1";

	scratch_write("rules", "# of a pool\n\nacquire c handle=arg1 # ;\n");
	read_both(hook, scratch_path("rules"));
	memset(hook, 0, sizeof(hook)); /* it was the program's */
	ck_assert_uint_eq(count, 3);
	ck_assert(is_line(0, "acquire a handle=return"));
	ck_assert(is_line(1, "release b handle=arg1"));
	ck_assert(is_line(2, "acquire c handle=arg1"));
	ck_assert_ptr_null(read_rules[2].why);
}
END_TEST

START_TEST(no_descriptor_stays_open)
{
	const int free_one = dup(0);

	close(free_one);
	scratch_write("rules", "acquire c handle=arg1");
	read_both("", scratch_path("rules"));
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(dup(0), free_one);
}
END_TEST

START_TEST(without_rules_there_are_none)
{
	read_both("", "");
	ck_assert_uint_eq(count, 0);
	read_both("\n;;# a\n", "");
	ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(a_wrong_rule_is_kept_with_the_reason)
{
	read_both("aquire a;acquire b handle=return;release PQfinish "
		  "handle=arg1;release exit handle=arg1",
		  "");
	ck_assert_uint_eq(count, 4);
	ck_assert(is_line(0, "aquire a"));
	ck_assert_ptr_nonnull(strstr(read_rules[0].why, "begins with"));
	ck_assert_ptr_null(read_rules[1].why);
	ck_assert_str_eq(read_rules[2].why, RULE_ON_OWN);
	ck_assert_str_eq(read_rules[3].why, RULE_ON_OWN);
}
END_TEST

static void assert_refused(const char *path, const char *why)
{
	read_both("acquire a handle=return", path);
	ck_assert_uint_eq(count, 2);
	ck_assert(is_line(1, path));
	ck_assert_ptr_nonnull(strstr(read_rules[1].why, why));
}

START_TEST(a_file_that_is_not_there_is_kept_as_such)
{
	assert_refused(scratch_path("nothing"), "cannot be opened");
}
END_TEST

START_TEST(what_is_no_file_does_not_hang)
{
	ck_assert_int_eq(mkfifo(scratch_path("pipe"), 0600), 0);
	assert_refused(scratch_path("pipe"), "cannot be read");
}
END_TEST

START_TEST(a_file_that_is_too_large_is_not_read)
{
	static char large[RULES_LARGEST + 2];

	memset(large, '\n', RULES_LARGEST + 1);
	scratch_write("rules", large);
	assert_refused(scratch_path("rules"), "too large");
}
END_TEST

START_TEST(a_file_of_the_largest_size_is_read)
{
	static char large[RULES_LARGEST + 1];

	memset(large, '\n', RULES_LARGEST);
	memcpy(large + RULES_LARGEST - 21, "acquire c handle=arg1", 21);
	scratch_write("rules", large);
	read_both("", scratch_path("rules"));
	ck_assert_uint_eq(count, 1);
	ck_assert(is_line(0, "acquire c handle=arg1"));
}
END_TEST

static int check(const char *hook, const char *file)
{
	struct options options = { .help = false };

	options.values[SETTING_HOOK].text = hook;
	options.values[SETTING_HOOKS].text = file;
	return pool_rules_read(&checked, &options, NULL, &arena, &error);
}

START_TEST(what_the_shim_shall_read_is_the_rules_themselves)
{
	scratch_write("rules", "# of a pool; of mine\n"
			       "acquire a handle=return # that\n\n"
			       "  release b handle=arg1\n");
	ck_assert_int_eq(check("capacity c value=arg1;", scratch_path("rules")),
			 0);
	ck_assert_str_eq(checked.text,
			 "capacity c value=arg1;acquire a handle=return;"
			 "release b handle=arg1");
	ck_assert_ptr_null(checked.warning);
	read_both(checked.text, "");
	ck_assert_uint_eq(count, 3);
	ck_assert(is_line(2, "release b handle=arg1"));
}
END_TEST

START_TEST(an_error_names_the_line_or_the_option)
{
	scratch_write("rules", "# one\n\nacquire a handle=arg0\n");
	ck_assert_int_eq(check(NULL, scratch_path("rules")), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error, "rules:3: 'arg0': write return"));
	ck_assert_int_eq(check("release a", NULL), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error, "--hook: 'a': say what"));
	setenv("CONNLEAK_HOOK", "release", 1);
	ck_assert_int_eq(check(getenv("CONNLEAK_HOOK"), NULL), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error, "CONNLEAK_HOOK: the function's"));
}
END_TEST

START_TEST(a_terminal_is_not_written_to_by_a_rule)
{
	ck_assert_int_eq(check("acquire \xc2\x9b[2J\xff handle=arg0", NULL),
			 -EINVAL);
	ck_assert_ptr_null(strchr(error, '\xff'));
	ck_assert_int_eq(check("acquire a b\xc2\x9b", NULL), -EINVAL);
	ck_assert_ptr_null(strstr(error, "\xc2\x9b"));
}
END_TEST

START_TEST(one_half_of_a_pool_is_odd)
{
	ck_assert_int_eq(check("acquire a handle=return", NULL), 0);
	ck_assert_ptr_nonnull(strstr(checked.warning, "no release"));
	ck_assert_int_eq(check("release a handle=arg1", NULL), 0);
	ck_assert_ptr_nonnull(strstr(checked.warning, "no acquire"));
	ck_assert_int_eq(check("capacity a value=arg1", NULL), 0);
	ck_assert_ptr_null(checked.warning);
}
END_TEST

static void add_user_rules(Suite *suite)
{
	TCase *test = tcase_create("in the program");

	tcase_add_checked_fixture(test, begin, end);
	tcase_add_test(test,
		       rules_of_the_variable_come_before_those_of_the_file);
	tcase_add_test(test, no_descriptor_stays_open);
	tcase_add_test(test, without_rules_there_are_none);
	tcase_add_test(test, a_wrong_rule_is_kept_with_the_reason);
	tcase_add_test(test, a_file_that_is_not_there_is_kept_as_such);
	tcase_add_test(test, what_is_no_file_does_not_hang);
	tcase_add_test(test, a_file_that_is_too_large_is_not_read);
	tcase_add_test(test, a_file_of_the_largest_size_is_read);
	suite_add_tcase(suite, test);
}

static void add_pool_rules(Suite *suite)
{
	TCase *test = tcase_create("in the launcher");

	tcase_add_checked_fixture(test, begin, end);
	tcase_add_test(test, what_the_shim_shall_read_is_the_rules_themselves);
	tcase_add_test(test, an_error_names_the_line_or_the_option);
	tcase_add_test(test, a_terminal_is_not_written_to_by_a_rule);
	tcase_add_test(test, one_half_of_a_pool_is_odd);
	suite_add_tcase(suite, test);
}

Suite *user_rules_suite(void)
{
	Suite *suite = suite_create("user_rules");

	add_user_rules(suite);
	add_pool_rules(suite);
	return suite;
}
