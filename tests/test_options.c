/* SPDX-License-Identifier: MIT */
/* What analyzer/options.h promises, one test per sentence. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "analyzer/options.h"
#include "tests/suites.h"

#define MAX_ARGUMENTS 16

static struct arena arena;
static struct options o;
static const char *error;

/* A developer's own settings must not decide these tests. */
static void set_up(void)
{
#define SETTING(id, kind, flag, variable, argument, fallback, commands, state, \
		help)                                                          \
	unsetenv(variable);
#include "record/settings.def"
	arena_init(&arena);
	error = NULL;
}

static void tear_down(void)
{
	arena_release(&arena);
}

static int parse(enum command command, const char *const *arguments)
{
	char *argv[MAX_ARGUMENTS + 1] = { NULL };
	int argc = 0;

	argv[argc++] = arena_strdup(&arena, "command");
	while (*arguments && argc < MAX_ARGUMENTS)
		argv[argc++] = arena_strdup(&arena, *arguments++);
	return options_parse(&o, command, argc, argv, &arena, &error);
}

#define PARSE(command, ...) \
	parse(command, (const char *const[]){ __VA_ARGS__, NULL })
#define RUN(...)    PARSE(COMMAND_RUN, __VA_ARGS__)
#define REPORT(...) PARSE(COMMAND_REPORT, __VA_ARGS__)

/* Refused, and the one line says each of these words. */
#define ck_refused(result, words)                                         \
	do {                                                              \
		ck_assert_int_eq(result, -EINVAL);                        \
		ck_assert_ptr_nonnull(error);                             \
		ck_assert_ptr_null(strchr(error, '\n'));                  \
		ck_assert_msg(strstr(error, words) != NULL, "%s", error); \
	} while (0)

START_TEST(without_any_option_each_setting_has_its_fallback)
{
	ck_assert_int_eq(RUN("prog"), 0);
	ck_assert_int_eq(option_number(&o, SETTING_EXIT_CODE), 23);
	ck_assert_str_eq(option_text(&o, SETTING_FAIL_ON), "default");
	ck_assert_uint_eq(option_duration_ms(&o, SETTING_WAIT), 2000);
	ck_assert_uint_eq(option_size(&o, SETTING_RECORD_LIMIT), 64u << 20);
	ck_assert_uint_eq(option_duration_ms(&o, SETTING_SCAN_TIME), 200);
	ck_assert(!option_switch(&o, SETTING_QUIET));
	ck_assert_ptr_null(option_text(&o, SETTING_JSON));
	ck_assert(!o.values[SETTING_WAIT].given);
}
END_TEST

START_TEST(a_value_stands_behind_the_flag_or_an_equals_sign)
{
	ck_assert_int_eq(RUN("--json", "a.json", "--text=-", "prog"), 0);
	ck_assert_str_eq(option_text(&o, SETTING_JSON), "a.json");
	ck_assert_str_eq(option_text(&o, SETTING_TEXT), "-");
	ck_assert(o.values[SETTING_JSON].given);
}
END_TEST

START_TEST(the_folder_has_a_short_flag)
{
	ck_assert_int_eq(RUN("-o", "dir", "prog"), 0);
	ck_assert_str_eq(option_text(&o, SETTING_OUTPUT), "dir");
	ck_assert_int_eq(RUN("-oother", "prog"), 0);
	ck_assert_str_eq(option_text(&o, SETTING_OUTPUT), "other");
}
END_TEST

START_TEST(pool_rules_that_are_given_again_add_up)
{
	setenv("CONNLEAK_HOOK", "x", 1);
	ck_assert_int_eq(RUN("--hook", "a", "--hook=b;c", "prog"), 0);
	ck_assert_str_eq(option_text(&o, SETTING_HOOK), "a\nb;c");
	ck_assert_int_eq(RUN("prog"), 0);
	ck_assert_str_eq(option_text(&o, SETTING_HOOK), "x");
}
END_TEST

START_TEST(a_flag_given_again_counts_the_last_time)
{
	ck_assert_int_eq(RUN("--fail-on", "lost", "--fail-on=held", "prog"), 0);
	ck_assert_str_eq(option_text(&o, SETTING_FAIL_ON), "held");
}
END_TEST

START_TEST(a_switch_takes_no_value_but_0_and_1)
{
	ck_assert_int_eq(RUN("--quiet", "prog"), 0);
	ck_assert(option_switch(&o, SETTING_QUIET));
	ck_assert_int_eq(o.operand_count, 1);
	ck_assert_int_eq(RUN("--quiet=0", "prog"), 0);
	ck_assert(!option_switch(&o, SETTING_QUIET));
	ck_refused(RUN("--quiet=yes", "prog"), "--quiet takes no value");
}
END_TEST

START_TEST(the_first_operand_of_run_ends_its_options)
{
	ck_assert_int_eq(RUN("--quiet", "prog", "--json", "-x", "--"), 0);
	ck_assert_int_eq(o.operand_count, 4);
	ck_assert_str_eq(o.operands[0], "prog");
	ck_assert_str_eq(o.operands[1], "--json");
	ck_assert_str_eq(o.operands[3], "--");
	ck_assert_ptr_null(o.operands[4]);
	ck_assert_ptr_null(option_text(&o, SETTING_JSON));
}
END_TEST

START_TEST(operands_of_report_and_options_may_be_mixed)
{
	ck_assert_int_eq(REPORT("a", "--quiet", "b", "--", "--json"), 0);
	ck_assert_int_eq(o.operand_count, 3);
	ck_assert_str_eq(o.operands[1], "b");
	ck_assert_str_eq(o.operands[2], "--json");
	ck_assert(option_switch(&o, SETTING_QUIET));
}
END_TEST

START_TEST(two_dashes_end_the_options_of_run)
{
	ck_assert_int_eq(RUN("--", "--quiet", "--", "x"), 0);
	ck_assert_int_eq(o.operand_count, 3);
	ck_assert_str_eq(o.operands[0], "--quiet");
	ck_assert(!option_switch(&o, SETTING_QUIET));
}
END_TEST

START_TEST(help_is_given_whatever_else_is_wrong)
{
	setenv("CONNLEAK_WAIT", "soon", 1);
	ck_assert_int_eq(RUN("--help", "--nonsense"), 0);
	ck_assert(o.help);
	ck_assert_int_eq(REPORT("-h"), 0);
	ck_assert(o.help);
}
END_TEST

START_TEST(help_behind_the_program_is_the_programs)
{
	ck_assert_int_eq(RUN("prog", "--help"), 0);
	ck_assert(!o.help);
}
END_TEST

START_TEST(an_unknown_option_is_refused_and_a_near_one_named)
{
	ck_refused(RUN("--fabc", "prog"), "unknown option '--fabc'; `connleak "
					  "help run` lists them");
	ck_refused(REPORT("--qiuet", "p"), "did you mean --quiet?");
	ck_refused(REPORT("--jsn=x", "p"), "'--jsn', did you mean --json?");
	ck_refused(RUN("-x", "prog"), "unknown option '-x'");
	ck_refused(RUN("--=x", "prog"), "unknown option '--'");
}
END_TEST

START_TEST(a_suggestion_is_never_an_option_that_will_be_refused)
{
	ck_refused(RUN("--sarfi", "prog"), "unknown option");
	ck_assert_ptr_null(strstr(error, "--sarif"));
	ck_refused(REPORT("--wiat", "p"), "unknown option");
	ck_assert_ptr_null(strstr(error, "--wait"));
}
END_TEST

START_TEST(an_endless_unknown_option_is_refused_like_a_short_one)
{
	char *flag = arena_alloc(&arena, 10003);

	memset(flag, 'a', 10002);
	memcpy(flag, "--", 2);
	ck_refused(RUN(flag, "prog"), "unknown option");
}
END_TEST

START_TEST(control_characters_in_an_option_do_not_reach_the_message)
{
	ck_refused(RUN("--\033[2J", "prog"), "\\x1B");
	ck_assert_ptr_null(strchr(error, '\033'));
	ck_refused(RUN("--wait", "\033[2J", "prog"), "\\x1B");
	ck_assert_ptr_null(strchr(error, '\033'));
}
END_TEST

START_TEST(what_is_not_built_yet_is_refused_by_name)
{
	ck_refused(RUN("--sarif", "x", "prog"),
		   "--sarif is not built yet in this version");
	ck_refused(RUN("--junit", "x", "prog"), "--junit is not built yet");
}
END_TEST

START_TEST(an_option_of_the_other_command_is_refused_with_its_home)
{
	ck_refused(REPORT("--wait", "2s", "p"),
		   "--wait belongs to `connleak run`");
	ck_refused(REPORT("-o", "dir", "p"), "-o belongs to `connleak run`");
}
END_TEST

START_TEST(a_forgotten_value_is_an_error)
{
	ck_refused(RUN("--json"), "--json needs a value: --json FILE");
	ck_refused(RUN("--json="), "--json needs a value");
	ck_refused(RUN("-o"), "-o needs a value: -o DIR");
}
END_TEST

START_TEST(another_option_is_not_taken_for_a_forgotten_value)
{
	ck_refused(RUN("--json", "--quiet", "prog"), "--json needs a value");
	ck_refused(RUN("-o", "--", "prog"), "-o needs a value");
	ck_assert_int_eq(RUN("--json=--quiet", "prog"), 0);
	ck_assert_str_eq(option_text(&o, SETTING_JSON), "--quiet");
}
END_TEST

START_TEST(a_command_without_operands_says_what_to_name)
{
	ck_refused(RUN("--quiet"), "name a program to run: connleak run");
	ck_refused(RUN("--"), "name a program to run");
	ck_refused(REPORT("--quiet"), "connleak report [OPTION]... PATH...");
}
END_TEST

static const struct {
	const char *text;
	uint64_t ms;
} durations[] = {
	{ "0ms", 0 },	   { "500ms", 500 },
	{ "2s", 2000 },	   { "3m", 180000 },
	{ "1h", 3600000 }, { "forever", UINT64_MAX },
	{ "007s", 7000 },  { "9223372036854ms", 9223372036854 },
};

START_TEST(durations_are_numbers_with_a_unit_or_forever)
{
	ck_assert_int_eq(RUN("--wait", durations[_i].text, "prog"), 0);
	ck_assert_uint_eq(option_duration_ms(&o, SETTING_WAIT),
			  durations[_i].ms);
}
END_TEST

static const char *const bad_durations[] = {
	"5",
	"s",
	"-1s",
	"+1s",
	" 1s",
	"1.5s",
	"1 s",
	"1S",
	"1sec",
	"1ss",
	"never",
	"1d",
	"0x1s",
	"2562048h",
	"9223372036855ms",
	"18446744073709551616ms",
	"18446744073709551s",
};

START_TEST(other_durations_are_refused)
{
	ck_refused(RUN("--wait", bad_durations[_i], "prog"),
		   "--wait takes a number with ms, s, m or h, or forever");
	ck_assert_ptr_nonnull(strstr(error, bad_durations[_i]));
}
END_TEST

START_TEST(sizes_are_bytes_or_binary_multiples)
{
	ck_assert_int_eq(RUN("--record-limit", "65536", "prog"), 0);
	ck_assert_uint_eq(option_size(&o, SETTING_RECORD_LIMIT), 65536);
	ck_assert_int_eq(RUN("--record-limit", "2K", "prog"), 0);
	ck_assert_uint_eq(option_size(&o, SETTING_RECORD_LIMIT), 2048);
	ck_assert_int_eq(RUN("--record-limit", "3G", "prog"), 0);
	ck_assert_uint_eq(option_size(&o, SETTING_RECORD_LIMIT), 3ull << 30);
}
END_TEST

static const char *const bad_sizes[] = {
	"K",	       "1k",   "1T",
	"-1",	       "1.5M", "1KB",
	"8589934592G", "many", "9223372036854775808",
};

START_TEST(other_sizes_are_refused)
{
	ck_refused(RUN("--record-limit", bad_sizes[_i], "prog"),
		   "--record-limit takes a number of bytes");
}
END_TEST

START_TEST(an_exit_code_is_a_number_from_0_to_255)
{
	ck_assert_int_eq(RUN("--exit-code", "0", "prog"), 0);
	ck_assert_int_eq(option_number(&o, SETTING_EXIT_CODE), 0);
	ck_assert_int_eq(RUN("--exit-code", "255", "prog"), 0);
	ck_assert_int_eq(option_number(&o, SETTING_EXIT_CODE), 255);
	ck_refused(RUN("--exit-code", "256", "prog"), "from 0 to 255");
	ck_refused(RUN("--exit-code", "-1", "prog"), "from 0 to 255");
	ck_refused(RUN("--exit-code", "1x", "prog"), "from 0 to 255");
}
END_TEST

START_TEST(a_variable_counts_where_its_flag_is_not_given)
{
	setenv("CONNLEAK_WAIT", "5s", 1);
	setenv("CONNLEAK_QUIET", "1", 1);
	ck_assert_int_eq(RUN("prog"), 0);
	ck_assert_uint_eq(option_duration_ms(&o, SETTING_WAIT), 5000);
	ck_assert(option_switch(&o, SETTING_QUIET));
	ck_assert_int_eq(RUN("--wait=1s", "--quiet=0", "prog"), 0);
	ck_assert_uint_eq(option_duration_ms(&o, SETTING_WAIT), 1000);
	ck_assert(!option_switch(&o, SETTING_QUIET));
}
END_TEST

START_TEST(an_empty_variable_is_none)
{
	setenv("CONNLEAK_WAIT", "", 1);
	setenv("CONNLEAK_SARIF", "", 1);
	ck_assert_int_eq(RUN("prog"), 0);
	ck_assert_uint_eq(option_duration_ms(&o, SETTING_WAIT), 2000);
}
END_TEST

START_TEST(a_bad_value_in_a_variable_is_an_error_that_names_it)
{
	setenv("CONNLEAK_EXIT_CODE", "1000", 1);
	ck_refused(REPORT("p"), "CONNLEAK_EXIT_CODE takes a number");
	unsetenv("CONNLEAK_EXIT_CODE");
	setenv("CONNLEAK_QUIET", "yes", 1);
	ck_refused(REPORT("p"), "CONNLEAK_QUIET takes");
}
END_TEST

START_TEST(a_variable_of_something_not_built_yet_is_refused)
{
	setenv("CONNLEAK_SARIF", "x", 1);
	ck_refused(REPORT("p"), "CONNLEAK_SARIF is not built yet");
	unsetenv("CONNLEAK_SARIF");
	setenv("CONNLEAK_BASELINE", "x", 1);
	ck_refused(REPORT("p"), "CONNLEAK_BASELINE is not built yet");
}
END_TEST

START_TEST(a_variable_of_something_not_built_yet_may_say_its_fallback)
{
	setenv("CONNLEAK_DEBUGINFOD", "0", 1);
	ck_assert_int_eq(RUN("prog"), 0);
}
END_TEST

START_TEST(report_reads_no_variable_of_run)
{
	setenv("CONNLEAK_DIR", "dir", 1);
	setenv("CONNLEAK_WAIT", "nonsense", 1);
	setenv("CONNLEAK_HOOKS", "x", 1);
	ck_assert_int_eq(REPORT("p"), 0);
	ck_assert_ptr_null(option_text(&o, SETTING_OUTPUT));
	unsetenv("CONNLEAK_WAIT");
	unsetenv("CONNLEAK_HOOKS");
	ck_assert_int_eq(RUN("prog"), 0);
	ck_assert_str_eq(option_text(&o, SETTING_OUTPUT), "dir");
}
END_TEST

static char *help_of(enum command command)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	options_help(command, out);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

START_TEST(help_shows_what_the_command_takes_and_nothing_else)
{
	char *run = help_of(COMMAND_RUN), *report = help_of(COMMAND_REPORT);

	ck_assert_ptr_nonnull(strstr(run, "Usage: connleak run [OPTION]..."));
	ck_assert_ptr_nonnull(strstr(run, "-o, --output DIR"));
	ck_assert_ptr_nonnull(strstr(run, "--wait DURATION"));
	ck_assert_ptr_nonnull(strstr(run, "[default: 2s; CONNLEAK_WAIT]"));
	ck_assert_ptr_null(strstr(run, "--sarif"));
	ck_assert_ptr_null(strstr(run, "CONNLEAK_REPORT"));
	ck_assert_ptr_null(strstr(report, "--wait"));
	ck_assert_ptr_null(strstr(report, "--output"));
	ck_assert_ptr_nonnull(strstr(report, "--json FILE"));
	free(run);
	free(report);
}
END_TEST

START_TEST(help_fits_into_80_columns)
{
	char *text = help_of(COMMAND_RUN);

	for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
		ck_assert_uint_le(strcspn(line, "\n"), 80);
	free(text);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static TCase *circumstance(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	suite_add_tcase(suite, tcase);
	return tcase;
}

static void add_arguments(Suite *suite)
{
	TCase *good = circumstance(suite, "arguments");

	tcase_add_test(good, without_any_option_each_setting_has_its_fallback);
	tcase_add_test(good, a_value_stands_behind_the_flag_or_an_equals_sign);
	tcase_add_test(good, the_folder_has_a_short_flag);
	tcase_add_test(good, a_flag_given_again_counts_the_last_time);
	tcase_add_test(good, pool_rules_that_are_given_again_add_up);
	tcase_add_test(good, a_switch_takes_no_value_but_0_and_1);
	tcase_add_test(good, the_first_operand_of_run_ends_its_options);
	tcase_add_test(good, operands_of_report_and_options_may_be_mixed);
	tcase_add_test(good, two_dashes_end_the_options_of_run);
	tcase_add_test(good, help_is_given_whatever_else_is_wrong);
	tcase_add_test(good, help_behind_the_program_is_the_programs);
}

static void add_refusals(Suite *suite)
{
	TCase *bad = circumstance(suite, "refusals");

	tcase_add_test(bad, an_unknown_option_is_refused_and_a_near_one_named);
	tcase_add_test(bad,
		       a_suggestion_is_never_an_option_that_will_be_refused);
	tcase_add_test(bad,
		       an_endless_unknown_option_is_refused_like_a_short_one);
	tcase_add_test(
		bad, control_characters_in_an_option_do_not_reach_the_message);
	tcase_add_test(bad, what_is_not_built_yet_is_refused_by_name);
	tcase_add_test(bad,
		       an_option_of_the_other_command_is_refused_with_its_home);
	tcase_add_test(bad, a_forgotten_value_is_an_error);
	tcase_add_test(bad, another_option_is_not_taken_for_a_forgotten_value);
	tcase_add_test(bad, a_command_without_operands_says_what_to_name);
}

static void add_values(Suite *suite)
{
	TCase *values = circumstance(suite, "values");

	tcase_add_loop_test(values,
			    durations_are_numbers_with_a_unit_or_forever, 0,
			    COUNT(durations));
	tcase_add_loop_test(values, other_durations_are_refused, 0,
			    COUNT(bad_durations));
	tcase_add_test(values, sizes_are_bytes_or_binary_multiples);
	tcase_add_loop_test(values, other_sizes_are_refused, 0,
			    COUNT(bad_sizes));
	tcase_add_test(values, an_exit_code_is_a_number_from_0_to_255);
}

static void add_variables(Suite *suite)
{
	TCase *variables = circumstance(suite, "variables");

	tcase_add_test(variables,
		       a_variable_counts_where_its_flag_is_not_given);
	tcase_add_test(variables, an_empty_variable_is_none);
	tcase_add_test(variables,
		       a_bad_value_in_a_variable_is_an_error_that_names_it);
	tcase_add_test(variables,
		       a_variable_of_something_not_built_yet_is_refused);
	tcase_add_test(
		variables,
		a_variable_of_something_not_built_yet_may_say_its_fallback);
	tcase_add_test(variables, report_reads_no_variable_of_run);
}

Suite *options_suite(void)
{
	Suite *suite = suite_create("options");
	TCase *help;

	add_arguments(suite);
	add_refusals(suite);
	add_values(suite);
	add_variables(suite);
	help = circumstance(suite, "help");
	tcase_add_test(help,
		       help_shows_what_the_command_takes_and_nothing_else);
	tcase_add_test(help, help_fits_into_80_columns);
	return suite;
}
