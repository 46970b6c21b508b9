/* SPDX-License-Identifier: MIT */
/*
 * What analyzer/verdict.h promises: each rule where it fires, and where its
 * neighbour does; on small series made by hand.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "analyzer/facts.h"
#include "analyzer/verdict.h"
#include "tests/made_trace.h"
#include "tests/suites.h"

static struct arena arena;
static struct thresholds thresholds;
static struct trace t;
static struct verdict v;

static void begin(void)
{
	arena_init(&arena);
	thresholds_default(&thresholds);
}

static void end(void)
{
	arena_release(&arena);
}

static void find(void)
{
	made_done(&t);
	verdict_find(&v, &arena, &t, &thresholds);
}

static const struct cause *cause(enum cause_id id)
{
	for (size_t i = 0; i < v.count; i++)
		if (v.causes[i].id == id)
			return &v.causes[i];
	return NULL;
}

static double number(const struct cause *c, const char *name)
{
	for (size_t i = 0; c && i < c->number_count; i++)
		if (!strcmp(c->numbers[i].name, name))
			return c->numbers[i].value;
	ck_abort_msg("there is no number %s", name);
}

static void ck_only(enum cause_id id)
{
	ck_assert_str_eq(cause_name(v.causes[0].id), cause_name(id));
	ck_assert_uint_eq(v.count, 1);
}

#define ck_says(text, words) \
	ck_assert_msg(strstr(text, words) != NULL, "not in: %s", text)
#define ck_silent(text, words) \
	ck_assert_msg(strstr(text, words) == NULL, "in: %s", text)

/*
 * A pool of 10 with a load of 1, and from 1 s on one more is out every 300 ms.
 * From 4 s on it is full, and 20 wait.
 */
static void make_dry(void)
{
	made_trace(&t, &arena, 10, 10);
	made_time(&t, 0, 4, 50, 1, 0);
	for (unsigned i = 0; i < 10; i++)
		made_time(&t, 1 + 0.3 * i, 4, 50, i < 8 ? 2 + i : 10, 0);
	made_time(&t, 4, 10, 20, 10, 20);
	made_failures(&t, 5, 10, 100);
	made_site(&t, "web web.c:1", 200, 20);
	made_site(&t, "order order.c:2", 10, 20);
}

/* As long as that makes the numbers above. */
static void make_leases(uint32_t site, enum trace_fate fate, unsigned count)
{
	while (count--)
		made_lease(&t, site, fate, 1 + 0.3 * (double)t.lease_count, 10);
}

/* nothing */

START_TEST(nothing_wrong_is_one_line_with_the_numbers)
{
	made_trace(&t, &arena, 20, 10);
	made_time(&t, 0, 10, 300, 9, 0);
	made_site(&t, "web web.c:1", 3000, 20);
	find();
	ck_only(CAUSE_NOTHING);
	ck_assert_str_eq(v.headline, "db_take: peak 9 of 20, no wait");
	ck_assert(!v.dry);
	ck_assert(v.badness <= 0);
}
END_TEST

START_TEST(a_few_waits_are_told_and_nothing_is_wrong)
{
	made_trace(&t, &arena, 20, 10);
	made_time(&t, 0, 10, 300, 9, 0);
	made_site(&t, "web web.c:1", 3000, 20);
	t.sums[POOL_WAITS] = 3;
	t.longest_wait_ns = 12000000;
	find();
	ck_only(CAUSE_NOTHING);
	ck_says(v.headline, "3 of 3000 acquires waited, 12 ms at most");
}
END_TEST

START_TEST(a_listener_is_nothing_wrong)
{
	made_trace(&t, &arena, 20, 10);
	made_time(&t, 0, 10, 300, 9, 0);
	made_site(&t, "web web.c:1", 3000, 20);
	made_lease(&t, 0, TRACE_KEPT, 0, 10);
	find();
	ck_only(CAUSE_NOTHING);
}
END_TEST

START_TEST(failures_while_slots_are_free_are_no_shortage)
{
	made_trace(&t, &arena, 20, 10);
	made_time(&t, 0, 10, 300, 9, 0);
	made_failures(&t, 5, 6, 30);
	t.dry.kind = EXHAUSTION_ERROR;
	made_site(&t, "web web.c:1", 3000, 20);
	find();
	ck_only(CAUSE_NOTHING);
	ck_says(v.causes[0].text, "30 acquires failed, though not for want");
}
END_TEST

/* leak */

START_TEST(a_leak_that_has_it_all_is_the_whole_cause)
{
	make_dry();
	make_leases(1, TRACE_LEAKED, 10);
	find();
	ck_only(CAUSE_LEAK);
	ck_assert(v.causes[0].alone);
	ck_assert_str_eq(v.headline, "db_take ran dry: leak");
	ck_says(v.causes[0].text, "when it ran dry 10 of 10 slots were never "
				  "released: 10 by order order.c:2 (the oldest "
				  "for 4.0 s)");
	ck_assert_double_eq(number(&v.causes[0], "slots"), 10);
	ck_assert_double_le(number(&v.causes[0], "peak_demand_without"), 8);
}
END_TEST

START_TEST(an_error_path_shows_by_what_its_errors_leak)
{
	static struct trace_error errors[] = { { .site = 1, .released = 950 },
					       { .site = 1, .leaked = 10 } };

	errors[1].error = record_sqlstate("40001");
	make_dry();
	make_leases(1, TRACE_LEAKED, 10);
	t.errors = errors;
	t.error_count = 2;
	find();
	ck_says(v.causes[0].text,
		"leaked 10 of 10 times after SQLSTATE 40001, 0 "
		"of 950 times without an error");
}
END_TEST

START_TEST(errors_that_do_not_leak_are_not_told)
{
	static struct trace_error errors[] = { { .site = 1, .leaked = 10 },
					       { .site = 1, .released = 7 } };

	errors[1].error = record_sqlstate("23505");
	make_dry();
	make_leases(1, TRACE_LEAKED, 10);
	t.errors = errors;
	t.error_count = 2;
	find();
	ck_silent(v.causes[0].text, "23505");
}
END_TEST

/* 4 in 8 s, one every 2 s; 20 - 6 - 4 are left. */
START_TEST(a_leak_that_has_time_left_says_how_much)
{
	made_trace(&t, &arena, 20, 10);
	made_time(&t, 0, 10, 300, 6, 0);
	made_site(&t, "web web.c:1", 3000, 20);
	for (int i = 0; i < 4; i++)
		made_lease(&t, 0, TRACE_LEAKED, 2 + 2 * i, 10);
	find();
	ck_only(CAUSE_LEAK);
	ck_assert_str_eq(v.headline, "db_take leaks, but has not run dry yet");
	ck_assert_double_eq_tol(number(&v.causes[0], "seconds_left"),
				(20 - 6 - 4) * 8 / 3.0, 0.01);
	ck_says(v.causes[0].text, "runs dry in about 27 s");
}
END_TEST

START_TEST(sites_that_leak_are_told_the_worst_first)
{
	make_dry();
	make_leases(0, TRACE_LEAKED, 3);
	make_leases(1, TRACE_LEAKED, 7);
	find();
	ck_says(v.causes[0].text,
		"7 by order order.c:2 (the oldest for 3.1 s), "
		"3 by web web.c:1 (the oldest for 4.0 s)");
}
END_TEST

/*
 * 8 threads, each 2 ms out of 7: for moments they want more than 5, and 5 are
 * enough all the same.
 */
START_TEST(a_leak_in_a_pool_that_has_the_right_size_is_the_whole_cause)
{
	made_trace(&t, &arena, 5, 1);
	made_time(&t, 0, 0.1, 1143, 2, 0);
	made_time(&t, 0.02, 0.04, 1143, 5, 2);
	made_time(&t, 0.1, 1, 80, 5, 8);
	made_failures(&t, 0.2, 1, 64);
	made_site(&t, "web web.c:1", 114, 2);
	for (int i = 0; i < 5; i++)
		made_lease(&t, 0, TRACE_LEAKED, 0.06 + 0.01 * i, 1);
	t.threads = 8;
	t.dry.asking = 5; /* threads that leak and come again */
	find();
	ck_only(CAUSE_LEAK);
	ck_assert_str_eq(v.headline, "db_take ran dry: leak");
	ck_assert_double_gt(number(&v.causes[0], "peak_demand_without"), 4);
	ck_assert_double_le(number(&v.causes[0], "peak_demand_without"), 8);
	ck_says(v.causes[0].text, "for moments, and the 5 there are would do");
	ck_assert(v.causes[0].alone);
}
END_TEST

/* held */

static void make_held(double query, double transaction)
{
	make_dry();
	for (int i = 0; i < 10; i++) {
		struct trace_lease *lease = made_lease(
			&t, 1, TRACE_RETURNED, 1 + 0.3 * i, 7 + 0.3 * i);

		lease->split = true;
		lease->query_ns = (uint64_t)(6e9 * query);
		lease->transaction_ns = (uint64_t)(6e9 * transaction);
	}
	t.sites[1].acquired = 10;
}

START_TEST(long_holds_in_queries_are_slow_queries)
{
	make_held(0.9, 0.05);
	find();
	ck_only(CAUSE_SLOW_QUERY);
	ck_assert(v.causes[0].alone);
	ck_says(v.causes[0].text, "10 of 10 slots were held for more than 492 "
				  "ms: 10 by order order.c:2");
	ck_says(v.causes[0].text, "90 % of that in queries");
}
END_TEST

START_TEST(long_holds_in_open_transactions_are_idle_in_transaction)
{
	make_held(0.1, 0.8);
	find();
	ck_only(CAUSE_IDLE_IN_TRANSACTION);
}
END_TEST

START_TEST(long_holds_without_either_are_the_applications)
{
	make_held(0.1, 0.1);
	find();
	ck_only(CAUSE_APPLICATION_HOLDS);
}
END_TEST

/* 16 of short holds are wanted when all begin at once: that is a moment. */
START_TEST(long_holds_that_had_all_are_no_small_pool)
{
	made_trace(&t, &arena, 5, 10);
	made_time(&t, 0, 0.1, 200, 5, 11);
	made_time(&t, 0.1, 4, 50, 1, 0);
	made_time(&t, 4, 10, 20, 5, 6);
	made_failures(&t, 4.3, 10, 50);
	made_site(&t, "web web.c:1", 200, 20);
	made_site(&t, "order order.c:2", 50, 20);
	for (int i = 0; i < 50; i++)
		made_lease(&t, 1, TRACE_RETURNED, 4 + 0.6 * (i / 5),
			   4.6 + 0.6 * (i / 5));
	find();
	ck_assert_str_eq(cause_name(v.causes[0].id), "application-holds");
	ck_says(v.causes[0].text, "5 of 5 slots were held for more than");
	ck_silent(v.headline, "ran dry: pool-too-small");
}
END_TEST

START_TEST(what_a_hold_was_for_may_be_unknown)
{
	make_dry();
	make_leases(1, TRACE_RETURNED, 10);
	find();
	ck_only(CAUSE_APPLICATION_HOLDS);
	ck_says(v.causes[0].text, "what for is not known");
	ck_assert(isnan(number(&v.causes[0], "query_share")));
}
END_TEST

START_TEST(long_holds_are_no_fault_while_the_pool_is_calm)
{
	made_trace(&t, &arena, 20, 10);
	made_time(&t, 0, 10, 300, 12, 0);
	made_site(&t, "web web.c:1", 3000, 20);
	for (int i = 0; i < 9; i++)
		made_lease(&t, 0, TRACE_RETURNED, 1, 9);
	find();
	ck_only(CAUSE_NOTHING);
}
END_TEST

/* Each alone would have left more than 8 of 10. */
START_TEST(what_only_two_together_explain_is_both)
{
	make_dry();
	make_leases(0, TRACE_LEAKED, 6);
	for (int i = 0; i < 4; i++)
		made_lease(&t, 0, TRACE_RETURNED, 2.8 + 0.3 * i, 7 + 0.7 * i);
	find();
	ck_assert_uint_eq(v.count, 2);
	ck_assert_str_eq(
		v.headline,
		"db_take ran dry: leak and application-holds; fix both");
	ck_assert_double_eq(v.causes[0].slots, 6);
	ck_assert_double_eq(v.causes[1].slots, 4);
	ck_silent(v.causes[0].text, "would do");
}
END_TEST

/* spike */

START_TEST(a_rush_on_a_healthy_pool_is_a_spike)
{
	made_trace(&t, &arena, 10, 10);
	made_time(&t, 0, 10, 100, 2, 0);
	made_time(&t, 4, 5, 1000, 10, 30);
	made_failures(&t, 4, 5, 500);
	made_site(&t, "web web.c:1", 1400, 20);
	find();
	ck_only(CAUSE_SPIKE);
	ck_assert(v.causes[0].alone);
	ck_says(v.causes[0].text, "then it was over");
	ck_assert_double_ge(number(&v.causes[0], "times"), 8);
}
END_TEST

/* pool-too-small, overload */

static void make_small(void)
{
	made_trace(&t, &arena, 3, 10);
	made_time(&t, 0, 10, 500, 3, 100);
	made_failures(&t, 0.5, 10, 3325);
	made_site(&t, "web web.c:1", 1500, 20);
}

START_TEST(short_holds_that_want_more_than_there_is_need_a_larger_pool)
{
	make_small();
	t.server_max = 100;
	t.server_reserved = 3;
	find();
	ck_only(CAUSE_POOL_TOO_SMALL);
	ck_says(v.causes[0].text, "not a leak");
	ck_says(v.causes[0].advice, "; the server allows 97 (max_");
	ck_assert_double_ge(number(&v.causes[0], "advised"), 13);
	ck_assert_double_le(number(&v.causes[0], "advised"), 18);
}
END_TEST

START_TEST(what_the_server_has_not_got_is_overload)
{
	make_small();
	t.server_max = 103;
	t.server_reserved = 3;
	t.processes = 20;
	find();
	ck_only(CAUSE_OVERLOAD);
	ck_says(v.causes[0].advice, "do not enlarge it");
	ck_says(v.causes[0].advice, ", but the server allows 5 "
				    "(max_connections 103, 20 processes)");
}
END_TEST

START_TEST(threads_that_need_two_need_a_pool_in_which_one_gets_both)
{
	make_small();
	t.most_by_thread = 2;
	t.threads = 120;
	find();
	ck_assert_double_eq(number(cause(CAUSE_POOL_TOO_SMALL), "advised"),
			    121);
}
END_TEST

/* A thread for each request: 103 were there at once, 5,000 in all. */
START_TEST(threads_that_come_once_count_as_many_as_were_there_at_once)
{
	make_small();
	t.most_by_thread = 2;
	t.threads = 5000;
	find();
	ck_assert_double_eq(number(cause(CAUSE_POOL_TOO_SMALL), "advised"),
			    104);
}
END_TEST

/* 500 a second for 20 ms are 10 Erlang; chance makes 19 of these at once. */
START_TEST(a_size_that_chance_needs_and_a_peak_are_told_with_when_each_holds)
{
	make_small();
	find();
	ck_says(v.causes[0].text, "leases are wanted at once, and the pool has "
				  "3");
	ck_says(v.causes[0].advice,
		"then at most one acquire in 20 waits if they come at random; "
		"19, if they come in bursts and none shall wait");
}
END_TEST

/* All that ever asked at once were 4, and Erlang's size is not below it. */
START_TEST(a_size_above_the_peak_needs_no_other)
{
	made_trace(&t, &arena, 3, 10);
	made_time(&t, 0, 10, 150, 3, 1);
	made_site(&t, "web web.c:1", 1500, 20);
	find();
	ck_only(CAUSE_POOL_TOO_SMALL);
	ck_says(v.causes[0].text, "up to 4 leases are wanted at once");
	ck_assert_str_eq(v.causes[0].advice,
			 "give it 7 slots: then at most one acquire in 20 "
			 "waits at the busiest time; how many the server "
			 "allows is not known (--ask-server asks it)");
}
END_TEST

START_TEST(a_server_that_has_less_than_a_slot_for_each_process_allows_none)
{
	make_small();
	t.server_max = 103;
	t.processes = 200;
	find();
	ck_only(CAUSE_OVERLOAD);
	ck_assert_double_eq(number(&v.causes[0], "allowed"), 0);
}
END_TEST

/* Nobody failed, and of those who asked 19 in 20 had it within 10 ms. */
START_TEST(a_pool_that_made_nobody_wait_was_full_and_not_dry)
{
	made_trace(&t, &arena, 3, 10);
	made_time(&t, 0, 10, 150, 3, 9);
	made_site(&t, "web web.c:1", 1500, 20);
	find();
	ck_assert_str_eq(v.headline, "db_take was full for 100 % of the time: "
				     "pool-too-small");
	t.sums[POOL_WAITS] = 90;
	verdict_find(&v, &arena, &t, &thresholds);
	ck_assert_str_eq(v.headline, "db_take ran dry: pool-too-small");
}
END_TEST

/* 2 of 3 leaked; there were 19 at once before, and are behind them. */
START_TEST(the_size_comes_behind_what_makes_it_needed)
{
	make_small();
	for (int i = 0; i < 2; i++)
		made_lease(&t, 0, TRACE_LEAKED, 5, 10);
	find();
	ck_assert_uint_eq(v.count, 2);
	ck_assert_double_gt(cause(CAUSE_POOL_TOO_SMALL)->slots, 3);
	ck_assert_str_eq(v.headline, "db_take ran dry: leak and "
				     "pool-too-small; fix both");
}
END_TEST

/* There was a burst of 11, but the load without long holds is 1. */
START_TEST(a_little_more_than_there_is_does_not_hide_long_holds)
{
	make_held(0.9, 0);
	made_time(&t, 0.5, 0.51, 50, 10, 1);
	find();
	ck_assert_ptr_null(cause(CAUSE_POOL_TOO_SMALL));
	ck_assert_ptr_nonnull(cause(CAUSE_SLOW_QUERY));
}
END_TEST

/* hold-and-wait */

START_TEST(who_waits_for_its_second_lease_waits_for_itself)
{
	made_trace(&t, &arena, 4, 10);
	made_time(&t, 0, 4, 100, 2, 0);
	made_time(&t, 4, 10, 0, 4, 4);
	made_failures(&t, 9, 9.5, 4);
	made_site(&t, "web web.c:1", 400, 20);
	make_leases(0, TRACE_OUT, 4);
	t.dry.asking = 4;
	t.most_by_thread = 2;
	t.threads = 4;
	find();
	ck_only(CAUSE_HOLD_AND_WAIT);
	ck_assert_double_eq(v.causes[0].slots, 4);
	ck_says(v.causes[0].text, "not a leak");
	ck_says(v.causes[0].advice, "a pool of 5 could not get stuck");
}
END_TEST

/* The crowd behind them makes 24 of 4, and that is not the reason. */
START_TEST(whose_first_failure_is_anothers_waits_for_itself_all_the_same)
{
	made_trace(&t, &arena, 4, 10);
	made_time(&t, 0, 10, 20, 4, 20);
	made_failures(&t, 1, 9.5, 100);
	made_site(&t, "web web.c:1", 400, 20);
	t.dry.asking = 4;
	t.most_by_thread = 2;
	t.threads = 24;
	find();
	ck_only(CAUSE_HOLD_AND_WAIT);
	ck_assert_double_eq(number(&v.causes[0], "advised"), 25);
}
END_TEST

/* One thread in four asks for one more, the others come back by themselves. */
START_TEST(a_thread_that_asks_for_one_more_does_not_stop_all_others)
{
	make_small();
	t.dry.asking = 1;
	t.most_asking = 2;
	t.most_by_thread = 2;
	find();
	ck_only(CAUSE_POOL_TOO_SMALL);
}
END_TEST

START_TEST(threads_that_leak_and_ask_again_do_not_wait_for_themselves)
{
	make_dry();
	make_leases(1, TRACE_LEAKED, 10);
	t.dry.asking = 10;
	t.most_asking = 10;
	t.most_by_thread = 9;
	find();
	ck_only(CAUSE_LEAK);
}
END_TEST

/* Nobody gives up, and it is not known when the process ended. */
START_TEST(a_pool_in_which_all_wait_for_ever_ran_dry)
{
	made_trace(&t, &arena, 0, 0.02);
	made_time(&t, 0, 0.02, 1000, 4, 4);
	made_site(&t, "web web.c:1", 4, 20);
	make_leases(0, TRACE_OUT, 0);
	t.most_asking = 4;
	find();
	ck_only(CAUSE_HOLD_AND_WAIT);
	ck_assert_str_eq(v.headline, "db_take ran dry: hold-and-wait");
}
END_TEST

START_TEST(what_is_kept_by_design_is_not_waited_for)
{
	made_trace(&t, &arena, 5, 10);
	made_time(&t, 0, 10, 20, 5, 4);
	made_site(&t, "web web.c:1", 400, 20);
	made_lease(&t, 0, TRACE_KEPT, 0, 10);
	t.most_asking = 4;
	find();
	ck_only(CAUSE_HOLD_AND_WAIT);
}
END_TEST

START_TEST(a_pool_that_stands_still_and_nests_waits_for_itself)
{
	made_trace(&t, &arena, 4, 10);
	made_time(&t, 0, 4, 100, 2, 0);
	made_time(&t, 4, 10, 0, 4, 4);
	made_site(&t, "web web.c:1", 400, 20);
	make_leases(0, TRACE_OUT, 4);
	t.most_by_thread = 2;
	t.most_asking = 4;
	find();
	ck_only(CAUSE_HOLD_AND_WAIT);
}
END_TEST

START_TEST(who_opens_many_connections_waits_for_none_of_them)
{
	made_trace(&t, &arena, 0, 10);
	t.connections = true;
	made_time(&t, 0, 10, 20, 97, 0);
	made_failures(&t, 9, 9.5, 3);
	t.dry.kind = EXHAUSTION_SERVER;
	t.dry.asking = 97;
	make_leases(0, TRACE_OUT, 97);
	find();
	ck_only(CAUSE_SERVER_FULL);
}
END_TEST

START_TEST(holders_in_queries_do_not_wait_for_themselves)
{
	make_held(0.9, 0);
	t.dry.asking = 1;
	find();
	ck_only(CAUSE_SLOW_QUERY);
}
END_TEST

/* database-blocked */

static void make_stuck(double spread)
{
	made_trace(&t, &arena, 10, 10);
	made_time(&t, 0, 10, 200, 4, 0);
	made_time(&t, 4, 6, 4, 10, 20);
	made_failures(&t, 5, 6, 8);
	made_site(&t, "web web.c:1", 1000, 20);
	made_site(&t, "cart cart.c:2", 600, 20);
	for (unsigned i = 0; i < 10; i++)
		made_lease(&t, i % 2, TRACE_RETURNED, 4 + 0.1 * i,
			   6 + spread * i);
}

START_TEST(all_sites_stuck_at_once_are_blocked_by_the_database)
{
	make_stuck(0.001);
	find();
	ck_only(CAUSE_DATABASE_BLOCKED);
	ck_says(v.headline, "database-blocked");
}
END_TEST

START_TEST(holds_that_end_one_by_one_are_not_blocked)
{
	make_stuck(0.3);
	find();
	ck_only(CAUSE_APPLICATION_HOLDS);
}
END_TEST

/* A leak has all but one; that one and the next are stuck for a moment. */
START_TEST(what_a_leak_has_left_says_nothing_of_the_rest)
{
	made_trace(&t, &arena, 20, 10);
	made_time(&t, 0, 4, 200, 18, 0);
	made_time(&t, 4, 10, 4, 20, 20);
	made_failures(&t, 5, 10, 100);
	made_site(&t, "web web.c:1", 1000, 20);
	for (unsigned i = 0; i < 18; i++)
		made_lease(&t, 0, TRACE_LEAKED, 0.2 * i, 10);
	made_lease(&t, 0, TRACE_RETURNED, 4.8, 5.3);
	made_lease(&t, 0, TRACE_RETURNED, 4.8, 5.3);
	find();
	ck_only(CAUSE_LEAK);
}
END_TEST

START_TEST(holds_of_one_site_of_two_are_not_blocked)
{
	make_stuck(0.001);
	for (size_t i = 0; i < t.lease_count; i++)
		t.leases[i].site = 0;
	find();
	ck_only(CAUSE_APPLICATION_HOLDS);
}
END_TEST

/* slow-connect, server-full */

START_TEST(acquires_that_connect_all_the_time_are_slow_to_connect)
{
	made_trace(&t, &arena, 10, 10);
	made_time(&t, 0, 10, 10, 3, 1);
	made_site(&t, "web web.c:1", 100, 20);
	t.sums[POOL_CONNECT_NS] = UINT64_C(40000000000);
	t.sums[POOL_WAIT_NS] = UINT64_C(10000000000);
	find();
	ck_only(CAUSE_SLOW_CONNECT);
	ck_says(v.causes[0].text, "80 % of the time");
	ck_assert_str_eq(v.headline, "db_take was slow to give: slow-connect");
	ck_assert_double_eq_tol(number(&v.causes[0], "each_s"), 0.4, 0.01);
}
END_TEST

START_TEST(to_open_the_pool_once_is_not_slow)
{
	made_trace(&t, &arena, 10, 10);
	made_time(&t, 0, 10, 300, 3, 1);
	made_site(&t, "web web.c:1", 3000, 20);
	t.sums[POOL_CONNECT_NS] = UINT64_C(4000000000);
	find();
	ck_only(CAUSE_NOTHING);
}
END_TEST

static void refuse(enum record_exhaustion_kind kind)
{
	made_trace(&t, &arena, 0, 10);
	t.connections = true;
	t.name = NULL;
	made_time(&t, 0, 1, 50, 5, 0);
	made_time(&t, 1, 10, 1, 50, 0);
	made_failures(&t, 9, 9.5, 1);
	t.dry.kind = kind;
	made_site(&t, "connect main.c:1", 50, 20);
}

START_TEST(a_refusal_by_the_server_is_told_with_what_was_open)
{
	refuse(EXHAUSTION_SERVER);
	find();
	ck_only(CAUSE_SERVER_FULL);
	ck_says(v.headline, "connections ran dry: server-full");
	ck_says(v.causes[0].text, "when this process had 50 open");
}
END_TEST

START_TEST(too_many_files_are_not_the_servers_fault)
{
	refuse(EXHAUSTION_FILES);
	find();
	ck_only(CAUSE_SERVER_FULL);
	ck_says(v.causes[0].text, "the limit of open files");
}
END_TEST

START_TEST(a_full_server_behind_a_leak_is_a_leak_too)
{
	refuse(EXHAUSTION_SERVER);
	for (int i = 0; i < 45; i++)
		made_lease(&t, 0, TRACE_LEAKED, 1, 10);
	find();
	ck_assert_uint_eq(v.count, 2);
	ck_assert_str_eq(cause_name(v.causes[0].id), "leak");
	ck_says(v.causes[0].text, "45 of 50 connections were never released");
}
END_TEST

/* utilisation */

static void make_high(uint32_t capacity, uint32_t used, double lasts)
{
	made_trace(&t, &arena, capacity, 10);
	made_time(&t, 0, 10, 100, 1, 0);
	made_time(&t, 2, 2 + lasts, 100, used, 0);
	made_site(&t, "web web.c:1", 1000, 20);
}

START_TEST(a_pool_that_is_nearly_full_for_long_is_told)
{
	make_high(10, 8, 6);
	find();
	ck_only(CAUSE_NOTHING);
	ck_says(v.causes[0].text,
		"At least 80 % in use from 2.0 s on, for 6.0 s");
	ck_assert_double_eq(number(&v.causes[0], "high_s"), 6);
}
END_TEST

START_TEST(how_long_before_the_first_failure_is_told)
{
	make_high(10, 10, 8);
	made_failures(&t, 9, 9.5, 4);
	find();
	ck_says(v.causes[0].text, "beginning 7.0 s before the first failure");
}
END_TEST

START_TEST(a_peak_is_no_alert)
{
	make_high(10, 9, 4);
	find();
	ck_silent(v.causes[0].text, "in use from");
}
END_TEST

/* The trace ends after 10 s, in the middle of its last bucket. */
START_TEST(what_is_high_at_the_end_is_high_up_to_the_end)
{
	uint64_t from_ns, ns;

	make_high(10, 8, 8);
	made_done(&t);
	t.end_ns -= t.bucket_ns / 2;
	t.buckets[t.bucket_count - 1].used_ns /= 2;
	ck_assert(facts_high(&t, 8, 7.995, &from_ns, &ns));
	ck_assert_uint_eq(from_ns, 2000000000);
	ck_assert_uint_eq(ns, 7995000000);
	ck_assert(!facts_high(&t, 8, 7.996, &from_ns, &ns));
}
END_TEST

START_TEST(four_fifths_of_a_small_pool_are_no_alert)
{
	make_high(4, 4, 7);
	find();
	ck_silent(v.causes[0].text, "in use from");
}
END_TEST

/* thresholds */

START_TEST(a_threshold_can_be_set)
{
	const char *error = NULL;

	ck_assert_int_eq(thresholds_parse(&thresholds, "spike=9,util-time=0.5",
					  &arena, &error),
			 0);
	ck_assert_double_eq(thresholds.of[THRESHOLD_SPIKE], 9);
	ck_assert_double_eq(thresholds.of[THRESHOLD_UTIL_TIME], 0.5);
	ck_assert_double_eq(thresholds.of[THRESHOLD_CALM], 0.8);
}
END_TEST

START_TEST(a_threshold_that_is_wrong_is_refused)
{
	static const char *const wrong[] = {
		"spike", "spike=", "spike=x", "spike=-1", "spike=1x", "spyke=1"
	};
	const char *error = NULL;

	ck_assert_int_eq(
		thresholds_parse(&thresholds, wrong[_i], &arena, &error),
		-EINVAL);
	ck_says(error, "CONNLEAK_VERDICT");
}
END_TEST

Suite *verdict_suite(void)
{
	Suite *suite = suite_create("verdict");
	TCase *test = tcase_create("rules");

	tcase_add_checked_fixture(test, begin, end);
	tcase_add_test(test, nothing_wrong_is_one_line_with_the_numbers);
	tcase_add_test(test, a_few_waits_are_told_and_nothing_is_wrong);
	tcase_add_test(test, a_listener_is_nothing_wrong);
	tcase_add_test(test, failures_while_slots_are_free_are_no_shortage);
	tcase_add_test(test, a_leak_that_has_it_all_is_the_whole_cause);
	tcase_add_test(test, an_error_path_shows_by_what_its_errors_leak);
	tcase_add_test(test, errors_that_do_not_leak_are_not_told);
	tcase_add_test(test, a_leak_that_has_time_left_says_how_much);
	tcase_add_test(test, sites_that_leak_are_told_the_worst_first);
	tcase_add_test(
		test,
		a_leak_in_a_pool_that_has_the_right_size_is_the_whole_cause);
	tcase_add_test(test, long_holds_in_queries_are_slow_queries);
	tcase_add_test(test,
		       long_holds_in_open_transactions_are_idle_in_transaction);
	tcase_add_test(test, long_holds_without_either_are_the_applications);
	tcase_add_test(test, long_holds_that_had_all_are_no_small_pool);
	tcase_add_test(test, what_a_hold_was_for_may_be_unknown);
	tcase_add_test(test, long_holds_are_no_fault_while_the_pool_is_calm);
	tcase_add_test(test, what_only_two_together_explain_is_both);
	tcase_add_test(test, a_rush_on_a_healthy_pool_is_a_spike);
	tcase_add_test(
		test,
		short_holds_that_want_more_than_there_is_need_a_larger_pool);
	tcase_add_test(test, what_the_server_has_not_got_is_overload);
	tcase_add_test(
		test, threads_that_need_two_need_a_pool_in_which_one_gets_both);
	tcase_add_test(
		test,
		threads_that_come_once_count_as_many_as_were_there_at_once);
	tcase_add_test(
		test,
		a_size_that_chance_needs_and_a_peak_are_told_with_when_each_holds);
	tcase_add_test(test, a_size_above_the_peak_needs_no_other);
	tcase_add_test(test, the_size_comes_behind_what_makes_it_needed);
	tcase_add_test(
		test,
		a_server_that_has_less_than_a_slot_for_each_process_allows_none);
	tcase_add_test(test, a_pool_that_made_nobody_wait_was_full_and_not_dry);
	tcase_add_test(test,
		       a_little_more_than_there_is_does_not_hide_long_holds);
	tcase_add_test(test, who_waits_for_its_second_lease_waits_for_itself);
	tcase_add_test(
		test,
		whose_first_failure_is_anothers_waits_for_itself_all_the_same);
	tcase_add_test(
		test, a_thread_that_asks_for_one_more_does_not_stop_all_others);
	tcase_add_test(
		test,
		threads_that_leak_and_ask_again_do_not_wait_for_themselves);
	tcase_add_test(test, a_pool_in_which_all_wait_for_ever_ran_dry);
	tcase_add_test(test, what_is_kept_by_design_is_not_waited_for);
	tcase_add_test(test,
		       a_pool_that_stands_still_and_nests_waits_for_itself);
	tcase_add_test(test, who_opens_many_connections_waits_for_none_of_them);
	tcase_add_test(test, holders_in_queries_do_not_wait_for_themselves);
	tcase_add_test(test,
		       all_sites_stuck_at_once_are_blocked_by_the_database);
	tcase_add_test(test, holds_that_end_one_by_one_are_not_blocked);
	tcase_add_test(test, what_a_leak_has_left_says_nothing_of_the_rest);
	tcase_add_test(test, holds_of_one_site_of_two_are_not_blocked);
	tcase_add_test(test,
		       acquires_that_connect_all_the_time_are_slow_to_connect);
	tcase_add_test(test, to_open_the_pool_once_is_not_slow);
	tcase_add_test(test,
		       a_refusal_by_the_server_is_told_with_what_was_open);
	tcase_add_test(test, too_many_files_are_not_the_servers_fault);
	tcase_add_test(test, a_full_server_behind_a_leak_is_a_leak_too);
	tcase_add_test(test, a_pool_that_is_nearly_full_for_long_is_told);
	tcase_add_test(test, how_long_before_the_first_failure_is_told);
	tcase_add_test(test, a_peak_is_no_alert);
	tcase_add_test(test, what_is_high_at_the_end_is_high_up_to_the_end);
	tcase_add_test(test, four_fifths_of_a_small_pool_are_no_alert);
	suite_add_tcase(suite, test);

	test = tcase_create("thresholds");
	tcase_add_checked_fixture(test, begin, end);
	tcase_add_test(test, a_threshold_can_be_set);
	tcase_add_loop_test(test, a_threshold_that_is_wrong_is_refused, 0, 6);
	suite_add_tcase(suite, test);
	return suite;
}
