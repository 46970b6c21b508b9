/* SPDX-License-Identifier: MIT */
/*
 * What analyzer/classes.h promises of leases, and what becomes of them in a
 * report.  A test begins with one pool of a user's rule, a connection that it
 * has opened, and one lease of that connection, which thread 12 acquired and
 * used, in a process that called exit in thread 7.
 */
#include <math.h>
#include <string.h>

#include "tests/judged.h"
#include "tests/suites.h"

#define SECOND	UINT64_C(1000000000)
#define STARTED (UINT64_C(1700000000) * SECOND)
#define ENDED	(100 * SECOND) /* since then */

static struct make_record made;
static struct record_pool pool;
static struct record_slot lease, connection; /* the next to be added */
static struct record_site counts;	     /* of the site of all leases */
static uint64_t connects;		     /* at the site of connections */
static uint32_t slots;			     /* added */
static bool marked;			     /* the process said it would end */

static void begin(void)
{
	judged_begin();
	make_init(&made);
	made.header.pid = 7;
	made.header.started_ns = STARTED;
	pool = (struct record_pool){ .rule = RECORD_NONE,
				     .function = make_string(&made, "take"),
				     .first_bucket = RECORD_NONE };
	lease = (struct record_slot){
		.kind = HANDLE_LEASE,
		.state = SLOT_ESTABLISHED,
		.site = make_site_at(&made, "take", 0x100),
		.server = RECORD_NONE,
		.acquired_ns = 20 * SECOND,
		.tid = 12,
		.used_by = 12,
		.used_at = 1,
		.pool = 0,
		.partner = RECORD_NONE,
	};
	connection = (struct record_slot){
		.kind = HANDLE_CONNECTION,
		.state = SLOT_ESTABLISHED,
		.flags = SLOT_EVER_ESTABLISHED | SLOT_POOLED,
		.site = make_site_at(&made, "PQconnectdb", 0x100),
		.server = make_server(&made, "db1", "5432", "orders", "app"),
		.acquired_ns = 10 * SECOND,
		.backend_pid = 4242,
		.tid = 12,
		.used_by = 12,
		.used_ns = 30 * SECOND,
		.used_at = 1,
		.doing = TRANSACTION_OPEN,
		.pool = 0,
	};
	counts = (struct record_site){ .acquired = 1 };
	marked = true;
}

/* A lease without a connection that is known. */
static void add_lease(void)
{
	make_slot(&made, &lease);
	slots++;
	pool.sums[POOL_ACQUIRES]++;
}

/* A lease and its connection. */
static void add(void)
{
	connection.partner = slots + 1;
	lease.partner = make_slot(&made, &connection);
	slots++;
	add_lease();
	lease.partner = RECORD_NONE;
}

/* NULL: nobody has seen it. */
static void judge_it(const char *end)
{
	const struct record_mark mark = { .kind = MARK_EXIT,
					  .when_ns = ENDED,
					  .tid = 7 };
	struct record_site *site;
	char log[200];

	make_one(&made, RECORD_POOLS, &pool);
	if (marked)
		make_one(&made, RECORD_MARKS, &mark);
	make_finish(&made);
	site = make_element(&made, RECORD_SITES, lease.site);
	site->kind = HANDLE_LEASE;
	site->pool = 0;
	site->acquired = counts.acquired;
	site->released = counts.released;
	site->longest_ns = counts.longest_ns;
	site->longest_query_ns = counts.longest_query_ns;
	site->failed = counts.failed;
	site->waits = counts.waits;
	for (size_t i = 0; i < RECORD_HOLD_BUCKETS; i++)
		site->hold_us[i] = counts.hold_us[i];
	site = make_element(&made, RECORD_SITES, connection.site);
	site->acquired = connects;
	make_save(&made, scratch_path("7-815-0.rec"));
	make_release(&made);
	snprintf(log, sizeof(log),
		 "connleak 1\nimage 7 815 %llu /usr/bin/app\n"
		 "%s 7 %llu %s\n",
		 (unsigned long long)STARTED - 5, end ? "end" : "nothing",
		 (unsigned long long)(STARTED + ENDED), end ? end : "");
	scratch_write("run.log", log);
	judge_scratch();
}

static const struct report_finding *finding(const char *kind)
{
	for (size_t i = 0; i < report.finding_count; i++)
		if (!strcmp(report.findings[i].kind, kind))
			return &report.findings[i];
	return NULL;
}

static const struct report_handle *handle(void)
{
	ck_assert_ptr_nonnull(finding("leaked-lease"));
	return finding("leaked-lease")->handles;
}

/* All of them have it. */
static void ck_class(const char *class, const char *end)
{
	const struct report_finding *f;

	judge_it(end);
	f = finding("leaked-lease");
	ck_assert_ptr_nonnull(f);
	ck_assert_str_eq(f->class, class);
	ck_assert_uint_eq(f->count, pool.sums[POOL_ACQUIRES]);
}

/* held-too-long */

/* Out from 20 s to 100 s. */
START_TEST(a_lease_far_older_than_holds_of_its_place_is_kept_too_long)
{
	counts.hold_us[20] = 100; /* 1 s: a limit of 5 s */
	counts.longest_ns = SECOND;
	add();
	judge_it("exit 0");
	ck_assert_ptr_nonnull(finding("held-too-long"));
	ck_assert_ptr_null(finding("held-too-long")->class);
	ck_assert(!finding("held-too-long")->gates);
	ck_assert_uint_eq(finding("held-too-long")->count, 1);
	ck_assert_uint_eq(finding("held-too-long")->returned, 0);
}
END_TEST

/* It was used last 10 s after it was acquired, and lived on for 10 s more. */
START_TEST(a_lease_whose_process_ended_unseen_was_out_for_some_time_at_least)
{
	counts.hold_us[20] = 100; /* 1 s: a limit of 5 s */
	counts.longest_ns = SECOND;
	pool.changed_ns = 40 * SECOND;
	marked = false;
	add();
	judge_it(NULL);
	ck_assert(isnan(handle()->age_s));
	ck_assert_double_eq_tol(handle()->least_age_s, 20, 0.001);
	ck_assert_ptr_nonnull(finding("held-too-long"));
}
END_TEST

START_TEST(a_lease_no_older_than_others_is_not_kept_too_long)
{
	counts.hold_us[25] = 100; /* 33 s: a limit of 165 s */
	counts.longest_ns = 33 * SECOND;
	add();
	judge_it("exit 0");
	ck_assert_ptr_null(finding("held-too-long"));
}
END_TEST

/* Out for 80 s; a query of so many, and 5 s. */
START_TEST(a_lease_has_the_time_of_the_longest_query_of_its_place)
{
	static const uint64_t longest[] = { 74 * SECOND, 76 * SECOND };

	counts.hold_us[20] = 100;
	counts.longest_ns = SECOND;
	counts.longest_query_ns = longest[_i];
	add();
	judge_it("exit 0");
	ck_assert_int_eq(finding("held-too-long") != NULL, !_i);
}
END_TEST

START_TEST(that_may_be_one_of_a_lease_that_is_still_out)
{
	counts.hold_us[20] = 100;
	counts.longest_ns = SECOND;
	connection.longest_query_ns = 76 * SECOND;
	add();
	judge_it("exit 0");
	ck_assert_ptr_null(finding("held-too-long"));
}
END_TEST

/* Out for 80 s, against a limit of 5 s. */
START_TEST(a_lease_in_a_query_is_not_kept_too_long)
{
	counts.hold_us[20] = 100;
	counts.longest_ns = SECOND;
	connection.calls = 1;
	connection.turned_ns = 40 * SECOND;
	add();
	judge_it("exit 0");
	ck_assert_ptr_null(finding("held-too-long"));
	ck_assert(handle()->use.in_query);
	ck_assert_double_eq_tol(handle()->use.query_s, 60, 0.001);
}
END_TEST

START_TEST(nor_is_one_that_has_sent_a_query_and_read_no_answer)
{
	counts.hold_us[20] = 100;
	counts.longest_ns = SECOND;
	connection.doing = TRANSACTION_ACTIVE;
	connection.turned_ns = 40 * SECOND;
	add();
	judge_it("exit 0");
	ck_assert_ptr_null(finding("held-too-long"));
	ck_assert_double_eq_tol(handle()->use.query_s, 60, 0.001);
}
END_TEST

START_TEST(one_that_read_of_an_error_and_no_further_waits_for_nothing)
{
	counts.hold_us[20] = 100;
	counts.longest_ns = SECOND;
	connection.doing = TRANSACTION_ACTIVE | CONNECTION_ANSWERED;
	connection.turned_ns = 98 * SECOND;
	connection.error_ns = 99 * SECOND;
	connection.error = record_sqlstate("40001");
	add();
	judge_it("exit 0");
	ck_assert_ptr_nonnull(finding("held-too-long"));
	ck_assert(isnan(handle()->use.query_s));
}
END_TEST

START_TEST(what_came_back_late_was_kept_too_long)
{
	struct record_hold hold = { .acquired_ns = 20 * SECOND,
				    .held_ns = 61 * SECOND,
				    .tid = 12 };

	make_one(&made, RECORD_HOLDS, &hold);
	hold.held_ns = 59 * SECOND; /* nothing is learnt: 60 s */
	make_one(&made, RECORD_HOLDS, &hold);
	judge_it("exit 0");
	ck_assert_uint_eq(report.finding_count, 1);
	ck_assert_uint_eq(finding("held-too-long")->count, 1);
	ck_assert_uint_eq(finding("held-too-long")->returned, 1);
	ck_assert(finding("held-too-long")->handles[0].returned);
	ck_assert_str_eq(finding("held-too-long")->message,
			 "1 handle kept too long; acquired by take; 1 of 1 "
			 "given back late");
}
END_TEST

START_TEST(the_user_says_how_long_is_too_long)
{
	struct thresholds thresholds;

	thresholds_default(&thresholds);
	thresholds.held_s = _i ? 79 : 81;
	gate.thresholds = &thresholds;
	counts.hold_us[20] = 100;
	counts.longest_ns = SECOND;
	add();
	judge_it("exit 0");
	ck_assert_int_eq(finding("held-too-long") != NULL, _i);
}
END_TEST

START_TEST(what_leaked_is_not_kept_too_long)
{
	counts.hold_us[20] = 100;
	counts.longest_ns = SECOND;
	lease.flags = SLOT_OWNER_ENDED;
	add();
	judge_it("exit 0");
	ck_assert_str_eq(finding("leaked-lease")->class, "lost");
	ck_assert_ptr_null(finding("held-too-long"));
}
END_TEST

/* held and undecided */

START_TEST(a_lease_that_is_out_at_a_normal_end_is_held)
{
	add();
	ck_class("held", "exit 0");
	ck_assert(!finding("leaked-lease")->gates);
	ck_assert_str_eq(handle()->held_by, "thread 12, which had not ended");
}
END_TEST

START_TEST(a_lease_that_is_out_when_it_is_killed_is_undecided)
{
	marked = false;
	add();
	ck_class("undecided", "signal 9");
}
END_TEST

/* by-design */

START_TEST(a_lease_that_is_marked_is_by_design)
{
	lease.flags = SLOT_BY_DESIGN | SLOT_OWNER_ENDED;
	add();
	ck_class("by-design", "exit 0");
}
END_TEST

START_TEST(a_mark_on_its_connection_is_not_one_on_the_lease)
{
	connection.flags |= SLOT_BY_DESIGN;
	add();
	ck_class("held", "exit 0");
}
END_TEST

START_TEST(a_lease_whose_connection_listens_is_by_design)
{
	connection.doing = TRANSACTION_IDLE | CONNECTION_LISTENS;
	lease.flags = SLOT_OWNER_ENDED;
	add();
	ck_class("by-design", "signal 9");
}
END_TEST

START_TEST(what_is_leased_by_design_is_told_once)
{
	connection.doing = TRANSACTION_IDLE | CONNECTION_LISTENS;
	add();
	ck_class("by-design", "exit 0");
	ck_assert_ptr_null(finding("leaked-connection"));
}
END_TEST

START_TEST(what_is_leased_otherwise_is_a_connection_too)
{
	add();
	ck_class("held", "exit 0");
	ck_assert_ptr_nonnull(finding("leaked-connection"));
}
END_TEST

START_TEST(a_lease_whose_connection_copies_is_by_design)
{
	connection.doing = TRANSACTION_ACTIVE | CONNECTION_COPIES;
	add();
	ck_class("by-design", "exit 0");
}
END_TEST

START_TEST(what_another_lease_of_the_connection_does_tells_nothing)
{
	connection.doing = TRANSACTION_IDLE | CONNECTION_LISTENS;
	connection.partner = RECORD_NONE;
	lease.partner = make_slot(&made, &connection);
	add_lease(); /* which that connection knows nothing of */
	ck_class("held", "exit 0");
	ck_assert_int_eq(handle()->backend_pid, 0);
}
END_TEST

/* lost */

START_TEST(a_lease_whose_thread_has_ended_is_lost)
{
	lease.flags = SLOT_OWNER_ENDED;
	add();
	ck_class("lost", "exit 0");
	ck_assert(finding("leaked-lease")->gates);
	ck_assert_ptr_null(handle()->held_by);
}
END_TEST

START_TEST(a_lease_whose_thread_has_ended_is_lost_after_a_kill_too)
{
	marked = false;
	lease.flags = SLOT_OWNER_ENDED;
	add();
	ck_class("lost", "signal 9");
}
END_TEST

START_TEST(a_lease_of_the_thread_that_called_exit_is_lost)
{
	lease.tid = 7;
	lease.used_by = 7;
	add_lease();
	ck_class("lost", "exit 3");
}
END_TEST

START_TEST(a_lease_belongs_to_who_used_it_last_not_to_who_acquired_it)
{
	lease.tid = 7;
	lease.used_by = 12;
	add();
	ck_class("held", "exit 0");
}
END_TEST

START_TEST(a_lease_of_the_main_thread_is_not_lost_if_that_did_not_end_it)
{
	marked = false;
	lease.tid = 7;
	lease.used_by = 7;
	add();
	ck_class("undecided", "signal 15");
}
END_TEST

/* growing */

/* Three of one site, the first of them used before the last was acquired. */
static void add_three(void)
{
	for (uint64_t n = 1; n <= 3; n++) {
		lease.acquired_ns = n * 10 * SECOND;
		lease.used_at = connection.used_at = n;
		connection.used_ns = lease.acquired_ns + SECOND;
		add();
	}
	counts.acquired = 3;
}

START_TEST(leases_that_a_site_leaves_behind_are_growing)
{
	marked = false;
	add_three();
	ck_class("growing", "signal 9");
	ck_assert(finding("leaked-lease")->gates);
}
END_TEST

/* Out for 90, 80 and 70 s: it may be on its way back. */
START_TEST(leases_little_older_than_one_that_came_back_are_not_growing)
{
	counts.longest_ns = 72 * SECOND;
	add_three();
	ck_class("held", "exit 0");
}
END_TEST

START_TEST(leases_that_nobody_has_used_are_not_growing)
{
	connection.used_at = 0;
	for (int n = 0; n < 3; n++)
		add();
	counts.acquired = 3;
	ck_class("held", "exit 0");
}
END_TEST

START_TEST(but_if_others_of_their_site_came_back_they_are)
{
	counts.longest_ns = SECOND;
	connection.used_at = 0;
	for (lease.used_at = 1; lease.used_at <= 3; lease.used_at++)
		add();
	counts.acquired = 3;
	ck_class("growing", "exit 0");
}
END_TEST

START_TEST(leases_whose_connection_is_unknown_count_as_used_when_acquired)
{
	for (uint64_t n = 1; n <= 3; n++) {
		lease.used_at = n;
		add_lease();
	}
	counts.acquired = 3;
	ck_class("growing", "exit 0");
}
END_TEST

START_TEST(leases_that_are_in_a_query_are_not_growing)
{
	connection.calls = 1;
	add_three();
	ck_class("held", "exit 0");
}
END_TEST

START_TEST(leases_whose_thread_waits_for_one_more_are_not_growing)
{
	lease.flags = SLOT_ASKS;
	add_three();
	ck_class("held", "exit 0");
}
END_TEST

/* Three are left; the fourth is asked for as long as holds take, or longer. */
START_TEST(one_that_is_in_a_query_is_not_growing_beside_others_that_are)
{
	static const struct {
		uint32_t calls, doing;
		uint64_t turned_s;
		uint64_t growing;
	} ways[] = {
		{ 1, TRANSACTION_IDLE, 40, 3 },
		{ 0, TRANSACTION_ACTIVE, 99, 3 },
		{ 0, TRANSACTION_ACTIVE, 97, 4 },
	};

	counts.longest_ns = 2 * SECOND;
	add_three();
	connection.calls = ways[_i].calls;
	connection.doing = ways[_i].doing;
	connection.turned_ns = ways[_i].turned_s * SECOND;
	add();
	counts.acquired = 4;
	judge_it("exit 0");
	ck_assert_str_eq(report.findings[0].class, "growing");
	ck_assert_uint_eq(report.findings[0].count, ways[_i].growing);
}
END_TEST

START_TEST(leases_used_since_the_last_acquire_are_not_growing)
{
	connection.used_at = 3;
	for (int n = 0; n < 3; n++)
		add();
	counts.acquired = 3;
	ck_class("held", "exit 0");
}
END_TEST

START_TEST(leases_no_longer_out_than_one_that_came_back_are_not_growing)
{
	counts.longest_ns = ENDED;
	add_three();
	ck_class("held", "exit 0");
}
END_TEST

START_TEST(only_those_that_are_out_much_longer_than_any_are_growing)
{
	counts.longest_ns = 55 * SECOND; /* the three are out for 70 or more */
	counts.hold_us[27] = 100;
	add_three();
	lease.acquired_ns = 40 * SECOND;
	add();
	judge_it("exit 0");
	ck_assert_str_eq(report.findings[0].class, "growing");
	ck_assert_uint_eq(report.findings[0].count, 3);
	ck_assert_str_eq(report.findings[1].class, "held");
	ck_assert_uint_eq(report.findings[1].count, 1);
}
END_TEST

/* Out for 90 and 80 s, and others that are as usual. */
START_TEST(two_long_holds_beside_usual_ones_are_not_growing)
{
	counts.longest_ns = 58 * SECOND;
	add_three();
	add();
	ck_class("held", "exit 0");
}
END_TEST

START_TEST(connections_of_a_pool_are_never_growing)
{
	connection.used_at = 0;
	connection.partner = RECORD_NONE;
	for (int n = 0; n < 5; n++)
		make_slot(&made, &connection);
	connects = 5;
	judge_it("signal 9");
	ck_assert_uint_eq(report.finding_count, 1);
	ck_assert_str_eq(report.findings[0].class, "undecided");
	ck_assert(report.findings[0].in_pools);
}
END_TEST

START_TEST(what_was_connected_beside_one_of_a_pool_is_of_the_pool)
{
	connection.partner = RECORD_NONE;
	connection.used_at = 0;
	for (int n = 0; n < 5; n++) {
		make_slot(&made, &connection);
		connection.flags &= ~(unsigned)SLOT_POOLED;
	}
	connects = 5;
	judge_it("signal 9");
	ck_assert_uint_eq(report.finding_count, 1);
	ck_assert_str_eq(report.findings[0].class, "undecided");
	ck_assert(report.findings[0].in_pools);
}
END_TEST

START_TEST(a_connection_of_no_pool_is_not_taken_for_one_of_a_pool)
{
	connection.flags &= ~(unsigned)SLOT_POOLED;
	make_slot(&made, &connection);
	judge_it("signal 9");
	ck_assert(!report.findings[0].in_pools);
}
END_TEST

/* What is said of them. */

START_TEST(a_lease_has_what_is_known_of_its_connection)
{
	connection.error = record_sqlstate("40001");
	add();
	judge_it("exit 0");
	ck_assert_int_eq(handle()->backend_pid, 4242);
	ck_assert_str_eq(handle()->host, "db1");
	ck_assert_str_eq(handle()->dbname, "orders");
	ck_assert_str_eq(handle()->pool, "take");
	ck_assert_str_eq(handle()->use.transaction, "open");
	ck_assert_str_eq(handle()->use.sqlstate, "40001");
	ck_assert(!handle()->use.in_query);
	ck_assert_double_eq_tol(handle()->age_s, 80, 0.001);
	ck_assert_double_eq_tol(handle()->use.idle_s, 70, 0.001);
}
END_TEST

START_TEST(a_lease_whose_connection_is_unknown_says_nothing_of_it)
{
	add_lease();
	judge_it("exit 0");
	ck_assert_ptr_null(handle()->host);
	ck_assert_ptr_null(handle()->use.transaction);
	ck_assert(isnan(handle()->use.idle_s));
}
END_TEST

START_TEST(a_site_of_leases_has_its_waits_and_failures)
{
	add();
	counts = (struct record_site){
		.acquired = 9, .released = 8, .failed = 3, .waits = 2
	};
	judge_it("exit 0");
	ck_assert_uint_eq(report.site_count, 1);
	ck_assert(report.sites[0].leases);
	ck_assert_uint_eq(report.sites[0].acquired, 9);
	ck_assert_uint_eq(report.sites[0].open, 1);
	ck_assert_uint_eq(report.sites[0].waits, 2);
	ck_assert_uint_eq(report.sites[0].failures, 3);
}
END_TEST

/* Pools that may be none. */

START_TEST(of_a_built_in_rule_without_evidence_nothing_counts)
{
	pool.flags = POOL_BUILT_IN;
	made.header.totals[TOTAL_PEAK_LEASES] = 4;
	lease.flags = SLOT_OWNER_ENDED;
	add_lease();
	judge_it("exit 0");
	ck_assert_uint_eq(report.finding_count, 0);
	ck_assert_uint_eq(report.site_count, 0);
	ck_assert_uint_eq(report.pool_count, 0);
	ck_assert_uint_eq(report.totals.acquires, 0);
	ck_assert_uint_eq(report.totals.leases_at_end, 0);
	ck_assert_uint_eq(report.totals.peak_leases, 0);
	ck_assert_int_eq(report.status, REPORT_CLEAN);
}
END_TEST

START_TEST(with_evidence_it_counts_as_any_other)
{
	pool.flags = POOL_BUILT_IN | POOL_PROVEN;
	made.header.totals[TOTAL_PEAK_LEASES] = 4;
	lease.flags = SLOT_OWNER_ENDED;
	add_lease();
	judge_it("exit 0");
	ck_assert_uint_eq(report.finding_count, 1);
	ck_assert_uint_eq(report.site_count, 1);
	ck_assert_uint_eq(report.pool_count, 1);
	ck_assert_uint_eq(report.totals.acquires, 1);
	ck_assert_uint_eq(report.totals.leases_at_end, 1);
	ck_assert_uint_eq(report.totals.peak_leases, 4);
}
END_TEST

START_TEST(a_lease_whose_pool_was_lost_still_counts)
{
	lease.pool = RECORD_NONE;
	add_lease();
	ck_class("held", "exit 0");
	ck_assert_ptr_null(handle()->pool);
}
END_TEST

START_TEST(no_search_is_missed_for_leases)
{
	make_search(&made, &(struct record_search){ .outcome = OUTCOME_LATE });
	add_lease();
	judge_it("exit 0");
	ck_assert_uint_eq(report.note_count, 0);
}
END_TEST

Suite *leases_judged_suite(void)
{
	Suite *suite = suite_create("leases_judged");
	TCase *test = tcase_create("held and undecided");

	tcase_add_checked_fixture(test, begin, judged_end);
	tcase_add_test(test, a_lease_that_is_out_at_a_normal_end_is_held);
	tcase_add_test(test,
		       a_lease_that_is_out_when_it_is_killed_is_undecided);
	suite_add_tcase(suite, test);

	test = tcase_create("by-design");
	tcase_add_checked_fixture(test, begin, judged_end);
	tcase_add_test(test, a_lease_that_is_marked_is_by_design);
	tcase_add_test(test, a_mark_on_its_connection_is_not_one_on_the_lease);
	tcase_add_test(test, a_lease_whose_connection_listens_is_by_design);
	tcase_add_test(test, a_lease_whose_connection_copies_is_by_design);
	tcase_add_test(test, what_is_leased_by_design_is_told_once);
	tcase_add_test(test, what_is_leased_otherwise_is_a_connection_too);
	tcase_add_test(test,
		       what_another_lease_of_the_connection_does_tells_nothing);
	suite_add_tcase(suite, test);

	test = tcase_create("lost");
	tcase_add_checked_fixture(test, begin, judged_end);
	tcase_add_test(test, a_lease_whose_thread_has_ended_is_lost);
	tcase_add_test(test,
		       a_lease_whose_thread_has_ended_is_lost_after_a_kill_too);
	tcase_add_test(test, a_lease_of_the_thread_that_called_exit_is_lost);
	tcase_add_test(
		test,
		a_lease_belongs_to_who_used_it_last_not_to_who_acquired_it);
	tcase_add_test(
		test,
		a_lease_of_the_main_thread_is_not_lost_if_that_did_not_end_it);
	suite_add_tcase(suite, test);

	test = tcase_create("growing");
	tcase_add_checked_fixture(test, begin, judged_end);
	tcase_add_test(test, leases_that_a_site_leaves_behind_are_growing);
	tcase_add_test(
		test,
		leases_little_older_than_one_that_came_back_are_not_growing);
	tcase_add_test(test, leases_that_nobody_has_used_are_not_growing);
	tcase_add_test(test, but_if_others_of_their_site_came_back_they_are);
	tcase_add_test(
		test,
		leases_whose_connection_is_unknown_count_as_used_when_acquired);
	tcase_add_test(test, leases_that_are_in_a_query_are_not_growing);
	tcase_add_loop_test(
		test,
		one_that_is_in_a_query_is_not_growing_beside_others_that_are, 0,
		3);
	tcase_add_test(test,
		       leases_whose_thread_waits_for_one_more_are_not_growing);
	tcase_add_test(test,
		       leases_used_since_the_last_acquire_are_not_growing);
	tcase_add_test(
		test,
		leases_no_longer_out_than_one_that_came_back_are_not_growing);
	tcase_add_test(
		test, only_those_that_are_out_much_longer_than_any_are_growing);
	tcase_add_test(test, two_long_holds_beside_usual_ones_are_not_growing);
	tcase_add_test(test, connections_of_a_pool_are_never_growing);
	tcase_add_test(test,
		       what_was_connected_beside_one_of_a_pool_is_of_the_pool);
	tcase_add_test(test,
		       a_connection_of_no_pool_is_not_taken_for_one_of_a_pool);
	suite_add_tcase(suite, test);

	test = tcase_create("said");
	tcase_add_checked_fixture(test, begin, judged_end);
	tcase_add_test(test, a_lease_has_what_is_known_of_its_connection);
	tcase_add_test(test,
		       a_lease_whose_connection_is_unknown_says_nothing_of_it);
	tcase_add_test(test, a_site_of_leases_has_its_waits_and_failures);
	suite_add_tcase(suite, test);

	test = tcase_create("evidence");
	tcase_add_checked_fixture(test, begin, judged_end);
	tcase_add_test(test,
		       of_a_built_in_rule_without_evidence_nothing_counts);
	tcase_add_test(test, with_evidence_it_counts_as_any_other);
	tcase_add_test(test, a_lease_whose_pool_was_lost_still_counts);
	tcase_add_test(test, no_search_is_missed_for_leases);
	suite_add_tcase(suite, test);

	test = tcase_create("held-too-long");
	tcase_add_checked_fixture(test, begin, judged_end);
	tcase_add_test(
		test,
		a_lease_far_older_than_holds_of_its_place_is_kept_too_long);
	tcase_add_test(
		test,
		a_lease_whose_process_ended_unseen_was_out_for_some_time_at_least);
	tcase_add_test(test, a_lease_no_older_than_others_is_not_kept_too_long);
	tcase_add_loop_test(
		test, a_lease_has_the_time_of_the_longest_query_of_its_place, 0,
		2);
	tcase_add_test(test, that_may_be_one_of_a_lease_that_is_still_out);
	tcase_add_test(test, a_lease_in_a_query_is_not_kept_too_long);
	tcase_add_test(test,
		       nor_is_one_that_has_sent_a_query_and_read_no_answer);
	tcase_add_test(
		test,
		one_that_read_of_an_error_and_no_further_waits_for_nothing);
	tcase_add_test(test, what_came_back_late_was_kept_too_long);
	tcase_add_loop_test(test, the_user_says_how_long_is_too_long, 0, 2);
	tcase_add_test(test, what_leaked_is_not_kept_too_long);
	suite_add_tcase(suite, test);
	return suite;
}
