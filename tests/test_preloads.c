/* SPDX-License-Identifier: MIT */
/* preload/preloads.h: LD_PRELOAD before and after. */
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "preload/preloads.h"
#include "tests/scratch.h"
#include "tests/suites.h"

static char *environment[16];

/* The environment A=1, LD_PRELOAD as given, B=2. */
static char *const *with(const char *value)
{
	static char variable[1000];

	strcpy(variable, "LD_PRELOAD=");
	strcat(variable, value);
	memset(environment, 0, sizeof(environment));
	environment[0] = "A=1";
	environment[1] = variable;
	environment[2] = "B=2";
	return environment;
}

START_TEST(the_shim_is_known_by_its_name)
{
	ck_assert(preloads_names_shim(with("libconnleak.so")));
	ck_assert(preloads_names_shim(with("/a/libconnleak.so")));
	ck_assert(preloads_names_shim(with(" a.so: /a/libconnleak.so: b.so")));
	ck_assert(!preloads_names_shim(with("")));
	ck_assert(!preloads_names_shim(with("/a/notlibconnleak.so")));
	ck_assert(!preloads_names_shim(with("/a/libconnleak.so.1")));
	ck_assert(!preloads_names_shim(with("libconnleak.so/a")));
	ck_assert(!preloads_names_shim(environment + 2));
	ck_assert(!preloads_names_shim(NULL));
}
END_TEST

START_TEST(of_several_variables_the_last_one_counts)
{
	with("/a/libconnleak.so");
	environment[3] = "LD_PRELOAD=other.so";
	ck_assert(!preloads_names_shim(environment));
}
END_TEST

START_TEST(a_shim_is_reached_if_it_can_be_read)
{
	ck_assert(!preloads_reaches_shim(with("/none/libconnleak.so")));
	scratch_write("libconnleak.so", "");
	ck_assert(preloads_reaches_shim(with(scratch_path("libconnleak.so"))));
	/* The loader knows where. */
	ck_assert(preloads_reaches_shim(with("libconnleak.so")));
	ck_assert(preloads_reaches_shim(with("/$LIB/libconnleak.so")));
	ck_assert(!preloads_reaches_shim(with("other.so")));
}
END_TEST

/* What becomes of LD_PRELOAD; NULL if nothing does, "" if it goes. */
static const char *change(const char *value, bool drop, const char *runtime)
{
	static uint64_t memory[1000];
	struct preloads_change what = { .drop = drop, .runtime = runtime };
	char *const *old = with(value);
	const size_t room = preloads_room(old, &what);
	const char *found = "";
	char **copy, **at;

	if (!room)
		return NULL;
	ck_assert_uint_lt(room, sizeof(memory));
	memset(memory, 0x55, sizeof(memory));
	at = copy = preloads_copy(memory, old, &what);
	ck_assert_ptr_eq(*at++, old[0]);
	if (*at != old[2])
		found = *at++ + strlen("LD_PRELOAD=");
	ck_assert_ptr_eq(*at++, old[2]);
	if (runtime[0]) {
		ck_assert(!strncmp(*at, PRELOADS_RUNTIME "=", 17));
		ck_assert_str_eq(*at++ + 17, runtime);
	}
	ck_assert_ptr_null(*at);
	for (size_t i = room; i < sizeof(memory); i++)
		ck_assert_int_eq(((unsigned char *)memory)[i], 0x55);
	return found;
}

START_TEST(the_shim_is_dropped_and_nothing_else)
{
	ck_assert_str_eq(change("/a/libconnleak.so", true, ""), "");
	ck_assert_str_eq(change("/a/libconnleak.so:", true, ""), "");
	ck_assert_str_eq(change("a.so:/a/libconnleak.so", true, ""), "a.so");
	ck_assert_str_eq(change("/a/libconnleak.so: b.so", true, ""), "b.so");
	ck_assert_str_eq(change("a.so :/a/libconnleak.so b.so:c.so", true, ""),
			 "a.so b.so:c.so");
	ck_assert_str_eq(
		change("/a/libconnleak.so:b.so:/b/libconnleak.so", true, ""),
		"b.so");
}
END_TEST

START_TEST(a_runtime_comes_first_unless_it_is_there)
{
	ck_assert_str_eq(change("/a/libconnleak.so", false, "libasan.so.8"),
			 "libasan.so.8:/a/libconnleak.so");
	ck_assert_str_eq(
		change("x.so /a/libconnleak.so", false, "libasan.so.8"),
		"libasan.so.8:x.so /a/libconnleak.so");
	ck_assert_ptr_null(change("libasan.so.8:/a/libconnleak.so", false,
				  "libasan.so.8"));
	ck_assert_str_eq(
		change("libasan.so:/a/libconnleak.so", false, "libasan.so.8"),
		"libasan.so.8:libasan.so:/a/libconnleak.so");
}
END_TEST

START_TEST(an_environment_that_is_not_ours_stays_as_it_is)
{
	ck_assert_ptr_null(change("a.so:b.so", true, ""));
	ck_assert_ptr_null(change("a.so:b.so", false, "libasan.so.8"));
	ck_assert_ptr_null(change("/a/libconnleak.so", false, ""));
}
END_TEST

START_TEST(what_is_too_much_for_a_stack_stays_as_it_is)
{
	struct preloads_change what = { .drop = true, .runtime = "" };
	static char *many[8194], long_one[70000] = "LD_PRELOAD=libconnleak.so:";

	many[0] = "LD_PRELOAD=libconnleak.so";
	for (int i = 1; i < 8193; i++)
		many[i] = "X=1";
	ck_assert_uint_eq(preloads_room(many, &what), 0);
	many[8192] = NULL;
	ck_assert_uint_gt(preloads_room(many, &what), 0);
	memset(long_one + strlen(long_one), 'x', 66000);
	many[0] = long_one;
	ck_assert_uint_eq(preloads_room(many, &what), 0);
}
END_TEST

START_TEST(a_runtime_is_forgotten_in_place)
{
	char preload[] = "LD_PRELOAD=libasan.so.8:/a/libconnleak.so:b.so";
	char *mine[] = { "A=1", preload, "CONNLEAK_RUNTIME=libasan.so.8", "B=2",
			 NULL };

	preloads_forget_runtime(mine);
	ck_assert_str_eq(mine[0], "A=1");
	ck_assert_ptr_eq(mine[1], preload);
	ck_assert_str_eq(preload, "LD_PRELOAD=/a/libconnleak.so:b.so");
	ck_assert_str_eq(mine[2], "B=2");
	ck_assert_ptr_null(mine[3]);

	preloads_forget_runtime(mine);
	ck_assert_str_eq(preload, "LD_PRELOAD=/a/libconnleak.so:b.so");
	ck_assert_str_eq(mine[2], "B=2");
}
END_TEST

START_TEST(only_a_runtime_in_front_is_forgotten)
{
	char preload[] = "LD_PRELOAD=/a/libconnleak.so:libasan.so.8";
	char *mine[] = { preload, "CONNLEAK_RUNTIME=libasan.so.8", NULL };

	preloads_forget_runtime(mine);
	ck_assert_str_eq(preload, "LD_PRELOAD=/a/libconnleak.so:libasan.so.8");
	ck_assert_ptr_null(mine[1]);
}
END_TEST

Suite *preloads_suite(void)
{
	Suite *suite = suite_create("preloads");
	TCase *test = tcase_create("preloads");

	tcase_add_checked_fixture(test, scratch_make, scratch_remove);
	tcase_add_test(test, the_shim_is_known_by_its_name);
	tcase_add_test(test, of_several_variables_the_last_one_counts);
	tcase_add_test(test, a_shim_is_reached_if_it_can_be_read);
	tcase_add_test(test, the_shim_is_dropped_and_nothing_else);
	tcase_add_test(test, a_runtime_comes_first_unless_it_is_there);
	tcase_add_test(test, an_environment_that_is_not_ours_stays_as_it_is);
	tcase_add_test(test, what_is_too_much_for_a_stack_stays_as_it_is);
	tcase_add_test(test, a_runtime_is_forgotten_in_place);
	tcase_add_test(test, only_a_runtime_in_front_is_forgotten);
	suite_add_tcase(suite, test);
	return suite;
}
