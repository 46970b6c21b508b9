/* SPDX-License-Identifier: MIT */
/*
 * What a process does wrong with handles of its own: analyzer/judge_misuse.c,
 * on records made by hand.  Site 0 acquired one lease of pool 1; at site 1 it
 * was released twice.
 */
#include <string.h>

#include "tests/judged.h"
#include "tests/suites.h"

static struct make_record made;
static struct record_pool pool;
static struct record_event event;

static void begin(void)
{
	judged_begin();
	make_init(&made);
	make_one(&made, RECORD_POOLS,
		 &(struct record_pool){ .flags = POOL_CONNECTIONS });
	pool = (struct record_pool){ .rule = RECORD_NONE,
				     .function = make_string(&made, "take") };
	event = (struct record_event){
		.kind = EVENT_DOUBLE_RELEASE,
		.when_ns = 2000,
		.handle = 0x10,
		.owner_began = made.header.started_mono,
		.owner_pid = made.header.pid,
		.owner_site = make_site_at(&made, "take", 0x100),
		.tid = 12,
		.pool = 1,
		.more = 4,
	};
	event.stack = make_site_at(&made, "drop", 0x200);
}

static const struct report_finding *judge_it(void)
{
	struct record_site *site;

	make_one(&made, RECORD_POOLS, &pool);
	make_event(&made, &event);
	make_finish(&made);
	site = make_element(&made, RECORD_SITES, 0);
	site->kind = HANDLE_LEASE;
	site->pool = 1;
	site->acquired = 1;
	make_save(&made, scratch_path("7-815-0.rec"));
	make_release(&made);
	judge_scratch();
	return report.finding_count ? report.findings : NULL;
}

START_TEST(what_is_done_again_and_again_is_counted)
{
	const struct report_finding *f = judge_it();

	ck_assert_uint_eq(report.finding_count, 1);
	ck_assert_str_eq(f->kind, "double-release");
	ck_assert_ptr_null(f->class);
	ck_assert_uint_eq(f->count, 5);
	ck_assert_uint_eq(f->handle_count, 1);
	ck_assert_uint_eq(f->misused_at[0].count, 5);
	ck_assert_str_eq(f->message,
			 "5 leases released twice; acquired by take");
}
END_TEST

START_TEST(it_is_found_where_it_was_acquired_and_shown_where_it_was_done)
{
	const struct report_finding *f = judge_it();

	ck_assert_uint_eq(f->stack.frames[0].offset, 0x100);
	ck_assert_str_eq(f->function, "take");
	ck_assert_uint_eq(f->misused_count, 1);
	ck_assert_str_eq(f->misused_at[0].function, "drop");
	ck_assert_uint_eq(f->misused_at[0].stack.frames[0].offset, 0x200);
	ck_assert_str_eq(f->handles[0].pool, "take");
	ck_assert_int_eq(f->handles[0].tid, 12);
}
END_TEST

START_TEST(who_names_no_owner_means_himself)
{
	event.owner_pid = 0;
	event.owner_began = 0;
	ck_assert_uint_eq(judge_it()->stack.frames[0].offset, 0x100);
}
END_TEST

START_TEST(what_nobody_acquired_is_found_where_it_was_released)
{
	const struct report_finding *f;

	event.kind = EVENT_UNKNOWN_RELEASE;
	event.owner_site = RECORD_NONE;
	f = judge_it();
	ck_assert_str_eq(f->kind, "unknown-release");
	ck_assert_uint_eq(f->stack.frames[0].offset, 0x200);
	ck_assert_ptr_null(f->function);
}
END_TEST

START_TEST(nothing_is_wrong_with_what_is_no_pool_for_certain)
{
	pool.flags = POOL_BUILT_IN;
	ck_assert_ptr_null(judge_it());
	ck_assert_int_eq(report.status, REPORT_CLEAN);
	ck_assert_uint_eq(report.totals.lost, 0);
}
END_TEST

START_TEST(a_misuse_of_a_connection_is_of_the_pool_of_all_connections)
{
	event.kind = EVENT_DOUBLE_FINISH;
	event.pool = 0;
	ck_assert_str_eq(judge_it()->kind, "double-finish");
	ck_assert_ptr_null(report.findings[0].handles[0].pool);
}
END_TEST

START_TEST(what_was_never_given_back_comes_before_what_came_of_that)
{
	event.kind = (uint16_t)(_i ? EVENT_FINISHED_WHILE_LEASED
				   : EVENT_DOUBLE_FINISH);
	event.more = 0;
	make_slot(&made, &(struct record_slot){ .kind = HANDLE_LEASE,
						.state = SLOT_ESTABLISHED,
						.flags = SLOT_OWNER_ENDED,
						.server = RECORD_NONE,
						.pool = 1,
						.partner = RECORD_NONE });
	judge_it();
	ck_assert_uint_eq(report.finding_count, 2);
	ck_assert_str_eq(report.findings[0].kind, "leaked-lease");
	ck_assert(report.findings[0].gates && report.findings[1].gates);
}
END_TEST

static const struct {
	enum record_event_kind event;
	const char *kind;
	bool gates;
} kinds[] = {
	{ EVENT_DOUBLE_FINISH, "double-finish", true },
	{ EVENT_DOUBLE_RELEASE, "double-release", true },
	{ EVENT_UNKNOWN_RELEASE, "unknown-release", false },
	{ EVENT_USE_AFTER_RELEASE, "use-after-release", true },
	{ EVENT_FINISHED_WHILE_LEASED, "finished-while-leased", true },
	{ EVENT_RELEASED_IN_TRANSACTION, "released-in-transaction", false },
	{ EVENT_RELEASED_UNDRAINED, "released-undrained", false },
};
#define KINDS_COUNT (int)(sizeof(kinds) / sizeof(kinds[0]))

START_TEST(each_kind_of_misuse_gates_or_does_not)
{
	const struct report_finding *f;

	event.kind = (uint16_t)kinds[_i].event;
	f = judge_it();
	ck_assert_str_eq(f->kind, kinds[_i].kind);
	ck_assert_int_eq(f->gates, kinds[_i].gates);
	ck_assert_ptr_null(strstr(f->message, kinds[_i].kind));
}
END_TEST

Suite *own_misuse_suite(void)
{
	Suite *suite = suite_create("own_misuse");
	TCase *test = tcase_create("own misuse");

	tcase_add_checked_fixture(test, begin, judged_end);
	tcase_add_test(test, what_is_done_again_and_again_is_counted);
	tcase_add_test(
		test,
		it_is_found_where_it_was_acquired_and_shown_where_it_was_done);
	tcase_add_test(test, who_names_no_owner_means_himself);
	tcase_add_test(test,
		       what_nobody_acquired_is_found_where_it_was_released);
	tcase_add_test(test, nothing_is_wrong_with_what_is_no_pool_for_certain);
	tcase_add_test(
		test,
		a_misuse_of_a_connection_is_of_the_pool_of_all_connections);
	tcase_add_loop_test(
		test, what_was_never_given_back_comes_before_what_came_of_that,
		0, 2);
	tcase_add_loop_test(test, each_kind_of_misuse_gates_or_does_not, 0,
			    KINDS_COUNT);
	suite_add_tcase(suite, test);
	return suite;
}
