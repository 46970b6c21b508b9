/* SPDX-License-Identifier: MIT */
/*
 * What analyzer/endless.h and judge_timeouts.c promise: pools by hand, and
 * records of whom connections went to.
 */
#include <math.h>
#include <string.h>

#include "analyzer/endless.h"
#include "analyzer/judge.h"
#include "tests/make_record.h"
#include "tests/scratch.h"
#include "tests/suites.h"

#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)

static struct thresholds thresholds;
static struct trace trace;
static struct trace_site site;

/* 1,000 holds of some 20 ms each, and 30 waits. */
static void begin_pool(void)
{
	thresholds_default(&thresholds);
	memset(&trace, 0, sizeof(trace));
	memset(&site, 0, sizeof(site));
	site.hold_us[15] = 1000;
	trace.sites = &site;
	trace.site_count = 1;
	trace.sums[POOL_WAITS] = 30;
}

START_TEST(a_wait_of_many_holds_that_nobody_gave_up_has_no_deadline)
{
	trace.longest_wait_ns = 3 * SECOND;
	ck_assert(endless_is(&trace, &thresholds));
}
END_TEST

START_TEST(who_gave_up_has_a_deadline)
{
	trace.longest_wait_ns = 3 * SECOND;
	trace.sums[POOL_NOTHING] = 1;
	ck_assert(!endless_is(&trace, &thresholds));
}
END_TEST

START_TEST(a_wait_that_is_short_to_people_proves_nothing)
{
	trace.longest_wait_ns = 900 * MS; /* 36 holds */
	ck_assert(!endless_is(&trace, &thresholds));
}
END_TEST

START_TEST(a_wait_that_is_short_beside_the_holds_proves_nothing)
{
	site.hold_us[21] = 2000; /* a second and more */
	trace.longest_wait_ns = 3 * SECOND;
	ck_assert(!endless_is(&trace, &thresholds));
}
END_TEST

START_TEST(who_waits_behind_reports_has_no_deadline)
{
	site.hold_us[21] = 100; /* a second and more */
	trace.longest_wait_ns = 3 * SECOND;
	ck_assert(endless_is(&trace, &thresholds));
}
END_TEST

START_TEST(who_waits_while_nothing_moves_waits_for_ever)
{
	memset(&site, 0, sizeof(site)); /* nothing ever came back */
	trace.sums[POOL_WAITS] = 0;
	trace.waiting = 2;
	trace.still_ns = 2 * SECOND;
	ck_assert(endless_is(&trace, &thresholds));
	trace.still_ns = 900 * MS;
	ck_assert(!endless_is(&trace, &thresholds));
}
END_TEST

START_TEST(a_pool_that_nobody_asks_any_more_is_not_waited_for)
{
	trace.still_ns = 3600 * SECOND;
	ck_assert(!endless_is(&trace, &thresholds));
}
END_TEST

START_TEST(connections_are_no_pool_to_wait_for)
{
	trace.connections = true;
	trace.longest_wait_ns = 60 * SECOND;
	ck_assert(!endless_is(&trace, &thresholds));
}
END_TEST

static struct arena arena;
static struct evidence evidence;
static struct report report;
static struct gate gate;
static struct make_record made;

static void begin_record(void)
{
	scratch_make();
	arena_init(&arena);
	arena_init(&report.arena);
	make_init(&made);
	made.header.pid = 7;
}

static void end_record(void)
{
	make_release(&made);
	evidence_release(&evidence);
	arena_release(&report.arena);
	arena_release(&arena);
	scratch_remove();
}

static struct record_server tcp(uint32_t connect_timeout_s)
{
	return (struct record_server){
		.host = make_string(&made, "db1"),
		.port = make_string(&made, "5432"),
		.dbname = make_string(&made, "orders"),
		.user = make_string(&made, "app"),
		.flags = SERVER_TCP | SERVER_TIMEOUT | SERVER_SOCKET |
			 SERVER_KEEPALIVE,
		.connect_timeout_s = connect_timeout_s,
		.keepalive_s = 7200,
		.opened = 1,
	};
}

static void add(struct record_server server, uint32_t opened)
{
	server.opened = opened;
	make_one(&made, RECORD_SERVERS, &server);
}

/* A place that connected so often, and without bounds so often. */
static void add_place(uint64_t offset, uint64_t acquired, uint64_t unbounded)
{
	const struct record_frame frame = { .kind = FRAME_NATIVE,
					    .where = RECORD_NONE,
					    .offset = offset };
	const struct record_site one = {
		.first_frame = make_frame(&made, &frame),
		.frame_count = 1,
		.function = make_string(&made, "PQconnectdb"),
		.kind = HANDLE_CONNECTION,
		.acquired = acquired,
		.released = acquired,
		.pool = RECORD_NONE,
		.unbounded = unbounded,
	};

	make_one(&made, RECORD_SITES, &one);
}

static void judge_as(const char *fail_on)
{
	const char *error = "";

	make_finish(&made);
	make_save(&made, scratch_path("7-815-0.rec"));
	ck_assert(!gate_parse(&gate, fail_on, false, NULL, &arena, &error));
	evidence_init(&evidence, &arena);
	ck_assert_msg(!evidence_add(&evidence, scratch, &error), "%s", error);
	judge(&report, &evidence, &gate, NULL);
}

START_TEST(what_is_missing_is_counted_in_connections)
{
	struct record_server silent = tcp(10), good = tcp(10);

	silent.flags &= (uint16_t)~SERVER_KEEPALIVE;
	good.keepalive_s = 60;
	good.user_timeout_ms = 30000;
	add(tcp(0), 12);
	add(silent, 2);
	add(good, 4);
	judge_as("default");
	ck_assert_uint_eq(report.timeouts.connections, 18);
	ck_assert_uint_eq(report.timeouts.no_connect_timeout, 12);
	ck_assert_uint_eq(report.timeouts.no_keepalive, 2);
	ck_assert_uint_eq(report.timeouts.no_user_timeout, 14);
	ck_assert_str_eq(report.timeouts.advice,
			 "connect_timeout=10 keepalives=1 keepalives_idle=60 "
			 "tcp_user_timeout=30000");
	ck_assert_uint_eq(report.timeouts.servers[0].connections, 12);
	ck_assert_double_eq(report.timeouts.servers[1].user_timeout_s, 30);
}
END_TEST

START_TEST(what_two_processes_have_alike_is_one_row)
{
	add(tcp(0), 12);
	add(tcp(10), 3);
	make_finish(&made);
	make_save(&made, scratch_path("8-815-0.rec"));
	make_release(&made);
	make_init(&made);
	made.header.pid = 7;
	add(tcp(10), 20);
	judge_as("default");
	ck_assert_uint_eq(report.timeouts.server_count, 2);
	ck_assert_uint_eq(report.timeouts.servers[0].connections, 23);
	ck_assert_uint_eq(report.timeouts.servers[1].connections, 12);
}
END_TEST

START_TEST(what_is_not_known_is_not_missing)
{
	struct record_server unknown = tcp(0);

	unknown.flags = SERVER_TCP;
	add(unknown, 5);
	unknown.flags |= SERVER_ASYNC;
	add(unknown, 3);
	judge_as("default");
	ck_assert_uint_eq(report.timeouts.connections, 8);
	ck_assert_ptr_null(report.timeouts.advice);
	ck_assert(isnan(report.timeouts.servers[0].connect_timeout_s));
	ck_assert(isnan(report.timeouts.servers[0].keepalive_s));
	ck_assert(report.timeouts.servers[1].begun);
}
END_TEST

START_TEST(a_socket_of_the_machine_lacks_nothing)
{
	struct record_server local = tcp(0);

	local.flags = SERVER_UNIX | SERVER_TIMEOUT;
	add(local, 5);
	judge_as("default");
	ck_assert_uint_eq(report.timeouts.connections, 0);
	ck_assert_ptr_null(report.timeouts.advice);
}
END_TEST

START_TEST(a_record_of_an_older_version_says_nothing)
{
	make_server(&made, "db1", "5432", "orders", "app");
	judge_as("default");
	ck_assert_uint_eq(report.timeouts.server_count, 0);
}
END_TEST

START_TEST(each_place_without_bounds_is_a_finding_that_does_not_gate)
{
	add(tcp(0), 7);
	add_place(100, 5, 5);
	add_place(200, 9, 2);
	add_place(300, 9, 0);
	judge_as("default");
	ck_assert_int_eq(report.status, REPORT_CLEAN);
	ck_assert_uint_eq(report.finding_count, 2);
	ck_assert_str_eq(report.findings[0].kind, "no-timeout");
	ck_assert_ptr_null(report.findings[0].class);
	ck_assert_uint_eq(report.findings[0].count, 5);
	ck_assert_uint_eq(report.findings[0].handle_count, 0);
	ck_assert_uint_eq(report.findings[1].count, 2);
	ck_assert(report.findings[0].aside);
}
END_TEST

START_TEST(where_it_gates_it_is_told_as_any_other)
{
	add(tcp(0), 5);
	add_place(100, 5, 5);
	judge_as("no-timeout");
	ck_assert_int_eq(report.status, REPORT_FINDINGS);
	ck_assert(report.findings[0].gates);
	ck_assert(!report.findings[0].aside);
}
END_TEST

START_TEST(a_look_at_what_is_out_tells_no_timeouts)
{
	report.viewed_ns = 1;
	add(tcp(0), 5);
	add_place(100, 5, 5);
	judge_as("default");
	ck_assert_uint_eq(report.finding_count, 0);
	ck_assert_uint_eq(report.timeouts.server_count, 0);
}
END_TEST

Suite *timeouts_suite(void)
{
	Suite *s = suite_create("timeouts");
	TCase *pools = tcase_create("a pool");
	TCase *records = tcase_create("a record");

	tcase_add_checked_fixture(pools, begin_pool, NULL);
	tcase_add_test(
		pools,
		a_wait_of_many_holds_that_nobody_gave_up_has_no_deadline);
	tcase_add_test(pools, who_gave_up_has_a_deadline);
	tcase_add_test(pools, a_wait_that_is_short_to_people_proves_nothing);
	tcase_add_test(pools,
		       a_wait_that_is_short_beside_the_holds_proves_nothing);
	tcase_add_test(pools, who_waits_behind_reports_has_no_deadline);
	tcase_add_test(pools, who_waits_while_nothing_moves_waits_for_ever);
	tcase_add_test(pools,
		       a_pool_that_nobody_asks_any_more_is_not_waited_for);
	tcase_add_test(pools, connections_are_no_pool_to_wait_for);
	suite_add_tcase(s, pools);
	tcase_add_checked_fixture(records, begin_record, end_record);
	tcase_add_test(records, what_is_missing_is_counted_in_connections);
	tcase_add_test(records, what_two_processes_have_alike_is_one_row);
	tcase_add_test(records, what_is_not_known_is_not_missing);
	tcase_add_test(records, a_socket_of_the_machine_lacks_nothing);
	tcase_add_test(records, a_record_of_an_older_version_says_nothing);
	tcase_add_test(
		records,
		each_place_without_bounds_is_a_finding_that_does_not_gate);
	tcase_add_test(records, where_it_gates_it_is_told_as_any_other);
	tcase_add_test(records, a_look_at_what_is_out_tells_no_timeouts);
	suite_add_tcase(s, records);
	return s;
}
