/* SPDX-License-Identifier: MIT */
/*
 * When a pool ran dry, judged and as text.  The record has one pool of 20,
 * `take`, which a call at site 1 asked in vain while two that were acquired at
 * site 0 were out.
 */
#include <math.h>
#include <string.h>

#include "analyzer/columns.h"
#include "tests/judged.h"
#include "tests/made_report.h"
#include "tests/suites.h"

static struct make_record record;
static struct record_pool pool;
static struct record_exhaustion dry;
static struct record_keeper keepers[2];

static void begin(void)
{
	judged_begin();
	make_init(&record);
	record.header.pid = 7;
	record.header.started_ns = NOON;
	pool = (struct record_pool){ .rule = RECORD_NONE,
				     .function = make_string(&record, "take"),
				     .capacity = 20 };
	for (int i = 0; i < 2; i++)
		keepers[i] = (struct record_keeper){
			.slot = (uint32_t)i,
			.site = i ? 0 : make_site_at(&record, "take", 0x100),
			.acquired_ns = (10 + (uint64_t)i) * SECOND,
			.used_ns = UINT64_C(15) * SECOND,
			.tid = 12 + i,
			.backend_pid = 700 + i,
			.doing = TRANSACTION_OPEN,
		};
	dry = (struct record_exhaustion){ .kind = EXHAUSTION_NOTHING,
					  .when_ns = UINT64_C(20) * SECOND,
					  .site = make_site_at(&record, "take",
							       0x200),
					  .tid = 99,
					  .used = 2,
					  .waiting = 3,
					  .keeper_count = 2 };
}

static void judge_it(void)
{
	make_one(&record, RECORD_POOLS, &pool);
	for (int i = 0; i < 2; i++)
		make_one(&record, RECORD_KEEPERS, &keepers[i]);
	make_one(&record, RECORD_EXHAUSTIONS, &dry);
	judged_save(&record, "7-815-0.rec");
	judge_scratch();
}

START_TEST(it_says_when_where_and_how_much_there_was)
{
	const struct report_exhaustion *e;

	judge_it();
	ck_assert_uint_eq(report.exhaustion_count, 1);
	e = report.exhaustions;
	ck_assert_str_eq(e->pool, "take");
	ck_assert_str_eq(e->reason, "nothing");
	ck_assert_str_eq(e->function, "take");
	ck_assert_uint_eq(e->stack.frames[0].offset, 0x200);
	ck_assert_uint_eq(e->when, NOON + UINT64_C(20) * SECOND);
	ck_assert_int_eq(e->pid, 7);
	ck_assert_int_eq(e->tid, 99);
	ck_assert_uint_eq(e->used, 2);
	ck_assert_uint_eq(e->waiting, 3);
	ck_assert_uint_eq(e->capacity, 20);
}
END_TEST

START_TEST(it_says_who_had_them_the_oldest_first)
{
	const struct report_keeper *k;

	keepers[0].calls = 1;
	keepers[1].used_ns = 0;
	keepers[1].error = record_sqlstate("40001");
	judge_it();
	ck_assert_uint_eq(report.exhaustions[0].keeper_count, 2);
	k = report.exhaustions[0].keepers;
	ck_assert_uint_eq(k[0].stack.frames[0].offset, 0x100);
	ck_assert_int_eq(k[0].tid, 12);
	ck_assert_int_eq(k[0].backend_pid, 700);
	ck_assert_double_eq_tol(k[0].age_s, 10, 0.001);
	ck_assert_double_eq_tol(k[0].use.idle_s, 5, 0.001);
	ck_assert(k[0].use.in_query && !k[1].use.in_query);
	ck_assert_str_eq(k[0].use.transaction, "open");
	ck_assert(isnan(k[1].use.idle_s));
	ck_assert_str_eq(k[1].use.sqlstate, "40001");
}
END_TEST

/* Of two that were out one is so still, and the other came back. */
static void add_fates(void)
{
	struct record_slot slot = { .kind = HANDLE_LEASE,
				    .state = SLOT_ESTABLISHED,
				    .acquired_ns = keepers[0].acquired_ns,
				    .partner = RECORD_NONE };
	struct record_hold hold = { .acquired_ns = UINT64_C(3) * SECOND,
				    .held_ns = UINT64_C(70) * SECOND };

	make_slot(&record, &slot);
	slot.acquired_ns++;
	make_slot(&record, &slot);
	make_one(&record, RECORD_HOLDS, &hold);
	hold.acquired_ns = keepers[1].acquired_ns;
	hold.site = 1;
	make_one(&record, RECORD_HOLDS, &hold);
	hold.site = 0;
	hold.held_ns = UINT64_C(40) * SECOND;
	make_one(&record, RECORD_HOLDS, &hold);
}

START_TEST(it_says_what_came_back_later)
{
	const struct report_keeper *k;

	add_fates();
	judge_it();
	k = report.exhaustions[0].keepers;
	ck_assert(k[0].out && !k[0].returned);
	ck_assert(isnan(k[0].held_s));
	ck_assert(!k[1].out && k[1].returned);
	ck_assert_double_eq_tol(k[1].held_s, 40, 0.001);
}
END_TEST

START_TEST(of_a_slot_that_cannot_be_read_it_says_nothing)
{
	judge_it();
	ck_assert(!report.exhaustions[0].keepers[0].out);
	ck_assert(!report.exhaustions[0].keepers[0].returned);
}
END_TEST

START_TEST(it_says_how_long_each_had_been_in_a_query)
{
	keepers[0].calls = 1;
	keepers[0].turned_ns = UINT64_C(13) * SECOND;
	keepers[1].turned_ns = UINT64_C(13) * SECOND; /* at rest since then */
	judge_it();
	ck_assert_double_eq_tol(report.exhaustions[0].keepers[0].use.query_s, 7,
				0.001);
	ck_assert(isnan(report.exhaustions[0].keepers[1].use.query_s));
}
END_TEST

START_TEST(what_is_no_pool_for_certain_did_not_run_dry)
{
	pool.flags = POOL_BUILT_IN;
	judge_it();
	ck_assert_uint_eq(report.exhaustion_count, 0);
}
END_TEST

START_TEST(connections_run_out_without_a_pool)
{
	pool.flags = POOL_CONNECTIONS;
	dry.kind = EXHAUSTION_SERVER;
	judge_it();
	ck_assert_uint_eq(report.exhaustion_count, 1);
	ck_assert_ptr_null(report.exhaustions[0].pool);
	ck_assert_str_eq(report.exhaustions[0].reason, "too-many-clients");
}
END_TEST

START_TEST(keepers_that_are_not_there_are_none)
{
	dry.first_keeper = UINT32_MAX - 1;
	dry.keeper_count = UINT32_MAX;
	dry.site = 77;
	dry.kind = 99;
	judge_it();
	ck_assert_uint_eq(report.exhaustions[0].keeper_count, 0);
	ck_assert_ptr_null(report.exhaustions[0].reason);
}
END_TEST

/* As text. */

static struct made made;
static struct report_exhaustion shown;
static struct report_keeper had[20];
static struct report_frame elsewhere[5];

static void set_up(void)
{
	const struct report_stack *stack;

	made_report(&made);
	clear_findings(REPORT_CLEAN);
	stack = &made.findings[0].stack;
	for (size_t i = 0; i < COUNT(had); i++)
		had[i] = (struct report_keeper){
			.stack = *stack,
			.backend_pid = 700 + (int)i,
			.age_s = 30 - (double)i,
			.use = { .transaction = "open", .idle_s = (double)i },
		};
	shown = (struct report_exhaustion){
		.pid = 4242,
		.pool = "db_take",
		.reason = "nothing",
		.function = "db_take",
		.stack = *stack,
		.when = NOON,
		.used = 20,
		.waiting = 3,
		.capacity = 20,
		.keepers = had,
		.keeper_count = COUNT(had),
	};
	made.report.exhaustions = &shown;
	made.report.exhaustion_count = 1;
}

static void tear_down(void)
{
	made_release(&made);
}

START_TEST(a_block_says_all_of_it_by_place)
{
	ck_assert(
		says("pool db_take ran dry at 2025-11-21 12:00:00 UTC, in "
		     "process 4242:\n"
		     "    db_take returned nothing, with 20 of 20 in use and "
		     "3 waiting\n"
		     "    in load_orders /opt/shop/src/orders.c:42\n"
		     "    who had them, those who kept them longest first:\n"
		     "    20  load_orders /opt/shop/src/orders.c:42\n"
		     "        out for 11.0 s to 30.0 s\n"
		     "        20 idle in a transaction; no query for up to "
		     "19.0 s\n"
		     "        backends 700, 701, 702, 703, 704, 705, 706, 707 "
		     "and 12 more\n\n"));
}
END_TEST

START_TEST(who_kept_more_for_longer_comes_first)
{
	memcpy(elsewhere, made.frames, sizeof(elsewhere));
	elsewhere[1].function = "another";
	had[0].stack.frames = elsewhere; /* the oldest of all, but alone */
	ck_assert(says("first:\n    19  load_orders "));
	ck_assert(says("\n    1  another "));
}
END_TEST

START_TEST(what_each_was_doing_is_counted)
{
	had[0].use = (struct report_use){ .in_query = true, .idle_s = 9999 };
	had[1].use = (struct report_use){ .transaction = "active" };
	had[2].use =
		(struct report_use){ .transaction = "idle", .listens = true };
	had[3].use = (struct report_use){ .transaction = "idle" };
	had[4].use = (struct report_use){ .transaction = "failed" };
	shown.keeper_count = 5;
	ck_assert(says("       2 in a query, 1 idle in a transaction, "
		       "1 listening or copying, 1 idle\n"));
}
END_TEST

START_TEST(queries_have_the_time_of_the_longest)
{
	had[0].use = (struct report_use){ .in_query = true, .query_s = 2 };
	had[1].use = (struct report_use){ .in_query = true, .query_s = 12 };
	shown.keeper_count = 2;
	ck_assert(says("       2 in a query for up to 12.0 s\n"));
	had[1].use = had[2].use;
	ck_assert(says("       1 in a query for 2.0 s, 1 idle in a "));
}
END_TEST

START_TEST(what_became_of_them_is_told_if_it_is_known_of_all)
{
	for (size_t i = 0; i < COUNT(had) - 1; i++)
		had[i].out = true;
	ck_assert(!says("came back"));
	had[19].out = true;
	ck_assert(says("        never came back\n"));
	made.report.viewed_ns = NOON;
	ck_assert(says("        still out\n"));
	made.report.viewed_ns = 0;
	had[3].out = had[4].out = false;
	had[3].returned = had[4].returned = true;
	had[3].held_s = 40;
	had[4].held_s = NAN;
	ck_assert(says("        2 of 20 came back, after up to 40.0 s\n"));
	shown.keepers = &had[4];
	shown.keeper_count = 1;
	ck_assert(says("       came back\n"));
	shown.pool = NULL;
	ck_assert(says("       finished\n"));
}
END_TEST

START_TEST(connections_that_ran_out_are_of_no_pool)
{
	shown.pool = NULL;
	shown.reason = "too-many-clients";
	shown.waiting = shown.capacity = 0;
	ck_assert(says("connections ran out at "));
	ck_assert(says("    the server has too many clients, with 20 "
		       "connections open\n"));
}
END_TEST

START_TEST(a_pool_that_nobody_had_anything_of_was_not_dry)
{
	shown.used = shown.keeper_count = 0;
	ck_assert(says("pool db_take gave nothing at "));
	ck_assert(!says("who had them"));
}
END_TEST

START_TEST(three_blocks_at_most)
{
	struct report_exhaustion many[5] = { shown, shown, shown, shown,
					     shown };

	made.report.exhaustions = many;
	made.report.exhaustion_count = 5;
	ck_assert_int_eq(count_of("ran dry at"), 3);
	ck_assert(says("and 2 more ran dry (--json has them)\n"));
}
END_TEST

START_TEST(endless_names_and_numbers_stay_within_80_columns)
{
	shown.pool = long_name("pool\033", 900);
	shown.function = long_name("function ", 900);
	made.frames[1].function = long_name("name::", 4000);
	shown.used = shown.capacity = shown.waiting = UINT64_MAX;
	had[0].age_s = 1e300;
	had[1].use.idle_s = 1e300;
	show(false);
	for (char *line = strtok(made.text, "\n"); line;
	     line = strtok(NULL, "\n"))
		ck_assert_msg(columns_width(line) <= COLUMNS, "%s", line);
}
END_TEST

Suite *exhaustions_suite(void)
{
	Suite *suite = suite_create("exhaustions");
	TCase *test = tcase_create("judged");

	tcase_add_checked_fixture(test, begin, judged_end);
	tcase_add_test(test, it_says_when_where_and_how_much_there_was);
	tcase_add_test(test, it_says_who_had_them_the_oldest_first);
	tcase_add_test(test, it_says_what_came_back_later);
	tcase_add_test(test, of_a_slot_that_cannot_be_read_it_says_nothing);
	tcase_add_test(test, it_says_how_long_each_had_been_in_a_query);
	tcase_add_test(test, what_is_no_pool_for_certain_did_not_run_dry);
	tcase_add_test(test, connections_run_out_without_a_pool);
	tcase_add_test(test, keepers_that_are_not_there_are_none);
	suite_add_tcase(suite, test);

	test = tcase_create("text");
	tcase_add_checked_fixture(test, set_up, tear_down);
	tcase_add_test(test, a_block_says_all_of_it_by_place);
	tcase_add_test(test, who_kept_more_for_longer_comes_first);
	tcase_add_test(test, what_each_was_doing_is_counted);
	tcase_add_test(test, queries_have_the_time_of_the_longest);
	tcase_add_test(test, what_became_of_them_is_told_if_it_is_known_of_all);
	tcase_add_test(test, connections_that_ran_out_are_of_no_pool);
	tcase_add_test(test, a_pool_that_nobody_had_anything_of_was_not_dry);
	tcase_add_test(test, three_blocks_at_most);
	tcase_add_test(test, endless_names_and_numbers_stay_within_80_columns);
	suite_add_tcase(suite, test);
	return suite;
}
