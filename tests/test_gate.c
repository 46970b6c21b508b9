/* SPDX-License-Identifier: MIT */
/* What analyzer/gate.h promises, one test per sentence. */
#include <errno.h>
#include <string.h>
#include "analyzer/gate.h"
#include "tests/suites.h"

static struct arena arena;
static struct gate g;
static const char *error;

static void set_up(void)
{
	arena_init(&arena);
	error = NULL;
}

static void tear_down(void)
{
	arena_release(&arena);
}

static void fail_on(const char *list)
{
	ck_assert_int_eq(gate_parse(&g, list, false, NULL, &arena, &error), 0);
}

static bool fails(const char *kind, const char *class)
{
	return gate_fails(&g, kind, class);
}

/* Refused, and the one line says these words. */
static void ck_refused(const char *list, const char *allow, const char *words)
{
	ck_assert_int_eq(gate_parse(&g, list, false, allow, &arena, &error),
			 -EINVAL);
	ck_assert_ptr_nonnull(error);
	ck_assert_ptr_null(strchr(error, '\n'));
	ck_assert_msg(strstr(error, words) != NULL, "%s", error);
}

static const char *const leaks[] = {
	"leaked-connection",	   "leaked-lease",  "unfinished-failed-connect",
	"abandoned-async-connect", "leaked-cancel",
};

START_TEST(lost_and_growing_leaks_gate_by_default)
{
	fail_on("default");
	ck_assert(fails(leaks[_i], "lost"));
	ck_assert(fails(leaks[_i], "growing"));
}
END_TEST

START_TEST(undecided_leaks_do_not_gate_by_default)
{
	fail_on("default");
	ck_assert(!fails(leaks[_i], "undecided"));
}
END_TEST

START_TEST(held_leaks_gate_only_if_their_connect_failed)
{
	fail_on("default");
	ck_assert_int_eq(fails(leaks[_i], "held"),
			 !strcmp(leaks[_i], "unfinished-failed-connect"));
}
END_TEST

START_TEST(by_design_never_gates)
{
	ck_assert_int_eq(gate_parse(&g,
				    "default,held,leaked-connection,"
				    "leaked-lease,leaked-cancel,"
				    "unfinished-failed-connect,"
				    "abandoned-async-connect",
				    true, NULL, &arena, &error),
			 0);
	ck_assert(!fails(leaks[_i], "by-design"));
	ck_assert(!fails("double-finish", "by-design"));
}
END_TEST

static const struct {
	const char *kind;
	bool fails;
} others[] = {
	{ "held-too-long", false },
	{ "released-undrained", false },
	{ "released-in-transaction", false },
	{ "double-release", true },
	{ "double-finish", true },
	{ "finished-while-leased", true },
	{ "unknown-release", false },
	{ "use-after-release", true },
	{ "forked-finish", true },
	{ "no-timeout", false },
	{ "over-limit", true },
};

START_TEST(kinds_that_are_no_leaks_gate_as_promised)
{
	fail_on("default");
	ck_assert_int_eq(fails(others[_i].kind, NULL), others[_i].fails);
}
END_TEST

START_TEST(what_the_table_does_not_know_gates)
{
	fail_on("none");
	ck_assert(fails("new-kind", "lost"));
	ck_assert(fails("leaked-connection", "new-class"));
}
END_TEST

START_TEST(no_list_is_the_default)
{
	struct gate without;

	fail_on("default");
	ck_assert_int_eq(
		gate_parse(&without, NULL, false, NULL, &arena, &error), 0);
	ck_assert_mem_eq(without.fails, g.fails, sizeof(g.fails));
}
END_TEST

START_TEST(none_lets_nothing_gate)
{
	fail_on("none");
	for (int kind = 0; kind < KINDS; kind++)
		for (int class = 0; class <= CLASSES; class ++)
			ck_assert(!g.fails[kind][class]);
}
END_TEST

START_TEST(a_list_replaces_the_default)
{
	fail_on("leaked-cancel:lost");
	ck_assert(fails("leaked-cancel", "lost"));
	ck_assert(!fails("leaked-cancel", "growing"));
	ck_assert(!fails("leaked-connection", "lost"));
	ck_assert(!fails("double-finish", NULL));
}
END_TEST

START_TEST(a_kind_gates_in_every_class_and_without_one)
{
	fail_on("leaked-connection,no-timeout");
	ck_assert(fails("leaked-connection", "lost"));
	ck_assert(fails("leaked-connection", "held"));
	ck_assert(fails("leaked-connection", "undecided"));
	ck_assert(!fails("leaked-connection", "by-design"));
	ck_assert(fails("no-timeout", NULL));
	ck_assert(!fails("leaked-cancel", "lost"));
}
END_TEST

START_TEST(a_class_gates_in_every_leak_and_only_there)
{
	fail_on("held");
	for (size_t i = 0; i < sizeof(leaks) / sizeof(leaks[0]); i++) {
		ck_assert(fails(leaks[i], "held"));
		ck_assert(!fails(leaks[i], "lost"));
	}
	ck_assert(!fails("held-too-long", "held"));
}
END_TEST

START_TEST(a_plus_adds_to_the_default)
{
	fail_on("+held");
	ck_assert(fails("leaked-connection", "held"));
	ck_assert(fails("leaked-connection", "lost"));
	ck_assert(fails("double-finish", NULL));
	fail_on("+no-timeout");
	ck_assert(fails("no-timeout", NULL));
	ck_assert(!fails("leaked-connection", "held"));
	ck_assert(fails("leaked-connection", "lost"));
}
END_TEST

START_TEST(blanks_around_items_do_not_matter)
{
	fail_on(" lost ,\tgrowing");
	ck_assert(fails("leaked-connection", "lost"));
	ck_assert(fails("leaked-connection", "growing"));
}
END_TEST

START_TEST(strict_adds_held_and_undecided_whatever_the_list)
{
	ck_assert_int_eq(gate_parse(&g, "none", true, NULL, &arena, &error), 0);
	for (size_t i = 0; i < sizeof(leaks) / sizeof(leaks[0]); i++) {
		ck_assert(fails(leaks[i], "held"));
		ck_assert(fails(leaks[i], "undecided"));
		ck_assert(!fails(leaks[i], "lost"));
	}
	ck_assert(!fails("no-timeout", NULL));
}
END_TEST

static const struct {
	enum limit_id id;
	const char *list, *text;
	uint64_t value;
} some_limits[] = {
	{ LIMIT_PEAK, "peak=40", "peak=40", 40 },
	{ LIMIT_PEAK, "peak=0", "peak=0", 0 },
	{ LIMIT_UTIL, "util=80", "util=80", 80 },
	{ LIMIT_UTIL, "no-timeout, util=100 ", "util=100", 100 },
	{ LIMIT_WAIT, "wait=50ms", "wait=50ms", 50 },
	{ LIMIT_WAIT, "wait=2s,none", "wait=2s", 2000 },
	{ LIMIT_WAIT, "wait=9s,wait=1m", "wait=1m", 60000 },
};

START_TEST(the_passing_of_a_limit_gates)
{
	const struct gate_limit *limit;

	fail_on(some_limits[_i].list);
	limit = gate_limit(&g, some_limits[_i].id);
	ck_assert_ptr_nonnull(limit);
	ck_assert_uint_eq(limit->value, some_limits[_i].value);
	ck_assert_str_eq(limit->text, some_limits[_i].text);
	ck_assert(fails("over-limit", NULL));
	ck_assert(!fails("leaked-connection", "lost"));
}
END_TEST

START_TEST(a_limit_is_added_to_the_default_by_a_plus)
{
	fail_on("+util=80,wait=50ms");
	ck_assert_ptr_nonnull(gate_limit(&g, LIMIT_UTIL));
	ck_assert_ptr_nonnull(gate_limit(&g, LIMIT_WAIT));
	ck_assert_ptr_null(gate_limit(&g, LIMIT_PEAK));
	ck_assert(fails("leaked-connection", "lost"));
}
END_TEST

START_TEST(what_nobody_limits_has_no_limit)
{
	fail_on("default,over-limit");
	for (int id = 0; id < LIMITS; id++)
		ck_assert_ptr_null(gate_limit(&g, (enum limit_id)id));
}
END_TEST

static const struct {
	const char *list, *words;
} bad_lists[] = {
	{ "leaked", "does not know 'leaked'; it knows the kinds leaked-conn" },
	{ "lost,foo", "does not know 'foo'" },
	{ "lost,foo", "the classes lost, growing, held, undecided, KIND" },
	{ "leaked-connection:foo", "'leaked-connection:foo'" },
	{ "foo:lost", "'foo:lost'" },
	{ "leaked-connection:", "'leaked-connection:'" },
	{ "by-design", "by-design: it never gates" },
	{ "leaked-lease:by-design", "by-design: it never gates" },
	{ "", "empty item" },
	{ "lost,", "empty item" },
	{ "+", "empty item" },
	{ "++lost", "'+lost'" },
	{ "util", "'util'" },
	{ "util=", "util= takes the percentage of a pool, 1 to 100, not ''" },
	{ "util=0", "not '0'" },
	{ "util=101", "not '101'" },
	{ "util=80%", "not '80%'" },
	{ "util=0.8", "not '0.8'" },
	{ "wait=", "wait= takes a number with ms, s, m or h, not ''" },
	{ "wait=50", "not '50'" },
	{ "wait=-1s", "not '-1s'" },
	{ "wait=forever", "not 'forever'" },
	{ "+wait=soon", "not 'soon'" },
	{ "peak", "'peak'" },
	{ "peak=", "peak= takes a number of connections, not ''" },
	{ "peak=-1", "not '-1'" },
	{ "peak=4x", "not '4x'" },
	{ "peak=99999999999999999999", "not '99999999999999999999'" },
	{ "pea=1", "'pea=1'; it knows the kinds" },
	{ "lost,peaks=1", "peak=N, util=N, wait=D, default and none" },
	{ "=1", "'=1'" },
	{ "LOST", "'LOST'" },
};

START_TEST(a_list_that_is_not_understood_is_refused)
{
	ck_refused(bad_lists[_i].list, NULL, bad_lists[_i].words);
}
END_TEST

START_TEST(every_kind_that_is_promised_is_taken)
{
	for (int kind = 0; kind < KINDS; kind++) {
		fail_on(kind_row((enum kind_id)kind)->name);
		ck_assert(fails(kind_row((enum kind_id)kind)->name, NULL));
	}
}
END_TEST

START_TEST(nothing_is_allowed_by_default)
{
	fail_on("default");
	ck_assert(!gate_allows(&g, REASON_BLIND));
	ck_assert(!gate_allows(&g, REASON_LOST));
	ck_assert(!gate_allows(&g, REASON_NO_LIBPQ));
}
END_TEST

START_TEST(reasons_are_allowed_by_name_or_all)
{
	ck_assert_int_eq(gate_parse(&g, "default", false, "lost, no-libpq",
				    &arena, &error),
			 0);
	ck_assert(!gate_allows(&g, REASON_BLIND));
	ck_assert(gate_allows(&g, REASON_LOST));
	ck_assert(gate_allows(&g, REASON_NO_LIBPQ));
	ck_assert_int_eq(
		gate_parse(&g, "default", false, "all", &arena, &error), 0);
	ck_assert(gate_allows(&g, REASON_BLIND));
}
END_TEST

START_TEST(an_unknown_reason_is_refused)
{
	ck_refused("default", "lots",
		   "does not know 'lots'; it knows blind, "
		   "lost, no-libpq and all");
	ck_refused("default", "lost,", "does not know ''");
}
END_TEST

START_TEST(findings_come_before_gaps_in_the_status)
{
	struct report_incomplete gap = { REASON_LOST, "x", false };
	struct report report = { .status = REPORT_FINDINGS,
				 .incomplete = &gap,
				 .incomplete_count = 1 };

	ck_assert_int_eq(gate_status(&report, 23), 23);
	ck_assert_int_eq(gate_status(&report, 7), 7);
}
END_TEST

START_TEST(one_gap_that_is_not_allowed_is_enough)
{
	struct report_incomplete gaps[] = { { REASON_BLIND, "x", true },
					    { REASON_LOST, "x", false } };
	struct report report = { .status = REPORT_INCOMPLETE,
				 .incomplete = gaps,
				 .incomplete_count = 2 };

	ck_assert_int_eq(gate_status(&report, 23), 24);
	gaps[1].allowed = true;
	ck_assert_int_eq(gate_status(&report, 23), 0);
}
END_TEST

START_TEST(a_clean_report_has_status_0)
{
	struct report report = { .status = REPORT_CLEAN };

	ck_assert_int_eq(gate_status(&report, 23), 0);
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

static void add_default(Suite *suite)
{
	TCase *tcase = circumstance(suite, "default");

	tcase_add_loop_test(tcase, lost_and_growing_leaks_gate_by_default, 0,
			    COUNT(leaks));
	tcase_add_loop_test(tcase, undecided_leaks_do_not_gate_by_default, 0,
			    COUNT(leaks));
	tcase_add_loop_test(tcase, held_leaks_gate_only_if_their_connect_failed,
			    0, COUNT(leaks));
	tcase_add_loop_test(tcase, by_design_never_gates, 0, COUNT(leaks));
	tcase_add_loop_test(tcase, kinds_that_are_no_leaks_gate_as_promised, 0,
			    COUNT(others));
	tcase_add_test(tcase, what_the_table_does_not_know_gates);
}

static void add_lists(Suite *suite)
{
	TCase *tcase = circumstance(suite, "fail-on");

	tcase_add_test(tcase, no_list_is_the_default);
	tcase_add_test(tcase, none_lets_nothing_gate);
	tcase_add_test(tcase, a_list_replaces_the_default);
	tcase_add_test(tcase, a_kind_gates_in_every_class_and_without_one);
	tcase_add_test(tcase, a_class_gates_in_every_leak_and_only_there);
	tcase_add_test(tcase, a_plus_adds_to_the_default);
	tcase_add_test(tcase, blanks_around_items_do_not_matter);
	tcase_add_test(tcase, strict_adds_held_and_undecided_whatever_the_list);
	tcase_add_loop_test(tcase, the_passing_of_a_limit_gates, 0,
			    COUNT(some_limits));
	tcase_add_test(tcase, a_limit_is_added_to_the_default_by_a_plus);
	tcase_add_test(tcase, what_nobody_limits_has_no_limit);
	tcase_add_test(tcase, every_kind_that_is_promised_is_taken);
	tcase_add_loop_test(tcase, a_list_that_is_not_understood_is_refused, 0,
			    COUNT(bad_lists));
}

Suite *gate_suite(void)
{
	Suite *suite = suite_create("gate");
	TCase *tcase;

	add_default(suite);
	add_lists(suite);
	tcase = circumstance(suite, "allow");
	tcase_add_test(tcase, nothing_is_allowed_by_default);
	tcase_add_test(tcase, reasons_are_allowed_by_name_or_all);
	tcase_add_test(tcase, an_unknown_reason_is_refused);
	tcase = circumstance(suite, "status");
	tcase_add_test(tcase, findings_come_before_gaps_in_the_status);
	tcase_add_test(tcase, one_gap_that_is_not_allowed_is_enough);
	tcase_add_test(tcase, a_clean_report_has_status_0);
	return suite;
}
