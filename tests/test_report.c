/* SPDX-License-Identifier: MIT */
/*
 * The JSON report (schema connleak-report/1), read back and looked at key by
 * key, one test per sentence.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "tests/made_report.h"
#include "tests/suites.h"

static struct made made;
static json_t *root;
static char *json;

static void set_up(void)
{
	made_report(&made);
	made.report.processes_seen = 3;
	made.report.processes_watched = 2;
	root = NULL;
	json = NULL;
}

static void tear_down(void)
{
	json_decref(root);
	free(json);
	made_release(&made);
}

static void read_back(void)
{
	size_t size;
	FILE *out = open_memstream(&json, &size);

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(report_json(&made.report, out, false), 0);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_uint_eq(strlen(json), size);
	root = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(root);
}

/* "findings/0/site/line": what is there, which must be something. */
static json_t *at(const char *path)
{
	char copy[128], *rest = copy, *key;
	json_t *value = root;

	ck_assert_uint_lt(strlen(path), sizeof(copy));
	strcpy(copy, path);
	while ((key = strsep(&rest, "/"))) {
		value = json_is_array(value)
				? json_array_get(value, (size_t)atoi(key))
				: json_object_get(value, key);
		ck_assert_msg(value != NULL, "no %s in %s", key, path);
	}
	return value;
}

#define ck_text(path, expected) \
	ck_assert_pstr_eq(json_string_value(at(path)), expected)
#define ck_number(path, expected)                                         \
	do {                                                              \
		ck_assert_msg(json_is_integer(at(path)), path);           \
		ck_assert_int_eq(json_integer_value(at(path)), expected); \
	} while (0)
#define ck_null(path) ck_assert_msg(json_is_null(at(path)), path)

/* The keys of an object in their order, divided by blanks. */
static void ck_keys(const char *path, const char *expected)
{
	char keys[512] = "";
	const char *key;
	json_t *value;

	json_object_foreach(*path ? at(path) : root, key, value)
	{
		strcat(keys, *keys ? " " : "");
		strcat(keys, key);
	}
	ck_assert_str_eq(keys, expected);
}

START_TEST(every_promised_key_is_there_in_its_order)
{
	struct report_site sites[] = {
		{ .stack = made.findings[0].stack },
		{ .stack = made.findings[0].stack, .leases = true },
	};
	struct report_pool pool = { .name = "take" };
	struct report_server server = { .connect_timeout_s = NAN };
	struct report_server_limits limits = { .user = "app" };
	struct report_endless endless = { .pool = "take" };
	struct report_keeper keeper = { .stack = made.findings[0].stack };
	struct report_exhaustion dry = { .keepers = &keeper,
					 .keeper_count = 1 };

	made.report.timeouts.asked = (struct report_asked){ .wanted = true,
							    .limits = &limits,
							    .limit_count = 1 };
	made.report.timeouts.servers = &server;
	made.report.timeouts.endless = &endless;
	made.report.timeouts.server_count = 1;
	made.report.timeouts.endless_count = 1;
	made.report.sites = sites;
	made.report.site_count = 2;
	made.report.pools = &pool;
	made.report.exhaustions = &dry;
	made.report.pool_count = made.report.exhaustion_count = 1;
	made.gaps[0] = (struct report_incomplete){ REASON_LOST, "x", false };
	made.notes[0] = (struct report_note){ 7, "/bin/sudo", "setuid", false };
	made.report.incomplete_count = made.report.note_count = 1;
	read_back();
	ck_keys("", "schema version status incomplete coverage totals verdict "
		    "findings sites pools exhaustions timeouts processes");
	ck_keys("incomplete/0", "reason text allowed");
	ck_keys("coverage", "processes watched notes");
	ck_keys("coverage/notes/0", "pid exe why");
	ck_keys("totals",
		"connects failed_connects finishes resets open_at_end "
		"peak_open acquires releases leases_at_end peak_leases lost");
	ck_keys("findings/0", "kind class gates count fingerprint message "
			      "site stack handles misused_at");
	ck_keys("findings/0/site", "function file line module");
	ck_keys("findings/0/stack/0",
		"function file line module offset inlined language");
	ck_keys("findings/0/handles/0",
		"pid tid backend_pid host port dbname user pool held_by "
		"acquired_at age_s returned thread_died "
		"idle_s in_query query_s transaction last_error");
	ck_keys("sites/0", "site stack acquired released open hold_s kind");
	ck_keys("sites/1", "site stack acquired released open hold_s kind "
			   "waits wait_s failures");
	ck_keys("pools/0",
		"name capacity peak_used peak_demand waits failures pid rule "
		"used attempts acquires releases wait_s connect_s failed_by "
		"nested released_by_other_thread most_by_one_thread");
	ck_keys("exhaustions/0",
		"pool pid tid at reason capacity used waiting function site "
		"stack keepers");
	ck_keys("exhaustions/0/keepers/0",
		"site stack tid backend_pid age_s idle_s in_query query_s "
		"transaction last_error returned held_s");
	ck_keys("timeouts", "tcp_connections missing advice servers "
			    "endless_pools asked");
	ck_keys("timeouts/asked",
		"why_not host port dbname user server_version max_connections "
		"reserved_connections connections limits");
	ck_keys("timeouts/asked/limits/0",
		"user dbname statement_timeout_s lock_timeout_s "
		"idle_in_transaction_session_timeout_s "
		"idle_session_timeout_s");
	ck_keys("timeouts/missing",
		"connect_timeout keepalives tcp_user_timeout");
	ck_keys("timeouts/servers/0",
		"host port dbname user transport connections begun_by_program "
		"connect_timeout_s keepalives_idle_s tcp_user_timeout_s");
	ck_null("timeouts/servers/0/connect_timeout_s");
	ck_keys("timeouts/endless_pools/0",
		"pool pid waits longest_wait_s hold_p50_s waiting "
		"waiting_since_s");
	ck_keys("pools/0/wait_s", "total p95 max");
	ck_keys("pools/0/failed_by", "nothing error exception");
	ck_keys("sites/0/site", "function file line module");
	ck_keys("sites/0/hold_s", "p50 p99 max");
	ck_keys("processes/0", "pid exe end died_in");
}
END_TEST

START_TEST(the_head_names_schema_version_and_status)
{
	read_back();
	ck_text("schema", "connleak-report/1");
	ck_text("version", CONNLEAK_VERSION);
	ck_text("status", "findings");
	ck_number("coverage/processes", 3);
	ck_number("coverage/watched", 2);
	ck_assert_uint_eq(json_array_size(at("verdict")), 0);
	ck_assert_uint_eq(json_array_size(at("pools")), 0);
}
END_TEST

START_TEST(a_finding_is_told_in_full)
{
	made.findings[0].count = 5;
	made.findings[0].fingerprint = "ab12";
	made.findings[0].message = "Never finished.";
	read_back();
	ck_text("findings/0/kind", "leaked-connection");
	ck_text("findings/0/class", "undecided");
	ck_assert(json_is_true(at("findings/0/gates")));
	ck_number("findings/0/count", 5);
	ck_text("findings/0/fingerprint", "ab12");
	ck_text("findings/0/message", "Never finished.");
	ck_text("findings/0/site/function", "load_orders");
	ck_text("findings/0/site/file", "/opt/shop/src/orders.c");
	ck_number("findings/0/site/line", 42);
	ck_text("findings/0/site/module", APP);
}
END_TEST

START_TEST(where_a_handle_was_misused_is_told_like_its_site)
{
	struct report_misuse misuse = { "PQfinish", 3, made.findings[0].stack };

	made.findings[0].misused_at = &misuse;
	made.findings[0].misused_count = 1;
	read_back();
	ck_keys("findings/0/misused_at/0", "function count site stack");
	ck_text("findings/0/misused_at/0/function", "PQfinish");
	ck_number("findings/0/misused_at/0/count", 3);
	ck_text("findings/0/misused_at/0/site/function", "load_orders");
	ck_number("findings/0/misused_at/0/stack/1/line", 42);
}
END_TEST

START_TEST(the_stack_is_told_with_all_its_frames)
{
	made.frames[1].inlined = true;
	read_back();
	ck_assert_uint_eq(json_array_size(at("findings/0/stack")), 5);
	ck_text("findings/0/stack/0/function", "PQconnectdb");
	ck_text("findings/0/stack/1/function", "load_orders");
	ck_number("findings/0/stack/1/offset", 0x1189);
	ck_assert(json_is_true(at("findings/0/stack/1/inlined")));
	ck_assert(json_is_false(at("findings/0/stack/2/inlined")));
	ck_text("findings/0/stack/1/language", "c");
}
END_TEST

START_TEST(a_handle_is_told_with_its_server)
{
	made.handles[0].age_s = 252.5;
	read_back();
	ck_number("findings/0/handles/0/pid", 4242);
	ck_number("findings/0/handles/0/tid", 4242);
	ck_number("findings/0/handles/0/backend_pid", 700);
	ck_text("findings/0/handles/0/host", "db1.example");
	ck_text("findings/0/handles/0/port", "5432");
	ck_text("findings/0/handles/0/dbname", "orders");
	ck_text("findings/0/handles/0/user", "app");
	ck_assert_double_eq(json_real_value(at("findings/0/handles/0/age_s")),
			    252.5);
}
END_TEST

START_TEST(a_handles_time_is_utc_with_milliseconds)
{
	made.handles[0].acquired_at = NOON + 7999999;
	setenv("TZ", "XYZ-3", 1);
	tzset();
	read_back();
	ck_text("findings/0/handles/0/acquired_at", "2025-11-21T12:00:00.007Z");
}
END_TEST

START_TEST(what_is_unknown_of_a_handle_is_null)
{
	made.handles[0] = (struct report_handle){ .host = "", .age_s = NAN };
	read_back();
	ck_null("findings/0/handles/0/pid");
	ck_null("findings/0/handles/0/tid");
	ck_null("findings/0/handles/0/backend_pid");
	ck_null("findings/0/handles/0/host");
	ck_null("findings/0/handles/0/port");
	ck_null("findings/0/handles/0/dbname");
	ck_null("findings/0/handles/0/user");
	ck_null("findings/0/handles/0/pool");
	ck_null("findings/0/handles/0/held_by");
	ck_null("findings/0/handles/0/acquired_at");
	ck_null("findings/0/handles/0/age_s");
}
END_TEST

START_TEST(what_is_unknown_of_a_finding_is_null)
{
	made.findings[0].class = NULL;
	made.findings[0].stack.count = 0;
	made.findings[0].gates = false;
	read_back();
	ck_null("findings/0/class");
	ck_assert(json_is_false(at("findings/0/gates")));
	ck_null("findings/0/fingerprint");
	ck_null("findings/0/message");
	ck_null("findings/0/site/function");
	ck_null("findings/0/site/file");
	ck_null("findings/0/site/line");
	ck_null("findings/0/site/module");
	ck_assert_uint_eq(json_array_size(at("findings/0/stack")), 0);
}
END_TEST

START_TEST(a_frame_in_no_module_has_no_offset)
{
	made.frames[0] = (struct report_frame){ .offset = 0 };
	made.frames[2].offset = 0;
	read_back();
	ck_null("findings/0/stack/0/function");
	ck_null("findings/0/stack/0/file");
	ck_null("findings/0/stack/0/line");
	ck_null("findings/0/stack/0/module");
	ck_null("findings/0/stack/0/offset");
	ck_null("findings/0/stack/0/language");
	ck_number("findings/0/stack/2/offset", 0);
}
END_TEST

START_TEST(totals_are_numbers_even_if_zero)
{
	made.report.totals = (struct report_totals){
		.connects = 1,
		.failed_connects = 2,
		.finishes = 3,
		.resets = 4,
		.open_at_end = 5,
		.peak_open = 6,
		.acquires = 7,
		.releases = 8,
		.leases_at_end = 9,
		.peak_leases = 10,
		.lost = 0,
	};
	read_back();
	ck_number("totals/connects", 1);
	ck_number("totals/failed_connects", 2);
	ck_number("totals/finishes", 3);
	ck_number("totals/resets", 4);
	ck_number("totals/open_at_end", 5);
	ck_number("totals/peak_open", 6);
	ck_number("totals/acquires", 7);
	ck_number("totals/releases", 8);
	ck_number("totals/leases_at_end", 9);
	ck_number("totals/peak_leases", 10);
	ck_number("totals/lost", 0);
}
END_TEST

START_TEST(sites_have_their_counts_and_times)
{
	struct report_site site = { .stack = made.findings[0].stack,
				    .acquired = 9,
				    .released = 7,
				    .open = 2,
				    .p50_s = 0.5,
				    .p99_s = NAN,
				    .max_s = INFINITY };

	made.report.sites = &site;
	made.report.site_count = 1;
	read_back();
	ck_text("sites/0/site/function", "load_orders");
	ck_number("sites/0/acquired", 9);
	ck_number("sites/0/released", 7);
	ck_number("sites/0/open", 2);
	ck_assert_double_eq(json_real_value(at("sites/0/hold_s/p50")), 0.5);
	ck_null("sites/0/hold_s/p99");
	ck_null("sites/0/hold_s/max");
}
END_TEST

START_TEST(gaps_notes_and_processes_are_told)
{
	made.gaps[0] = (struct report_incomplete){ REASON_NO_LIBPQ, "x", true };
	made.notes[0] = (struct report_note){ 0, NULL, "setuid", false };
	made.report.incomplete_count = made.report.note_count = 1;
	made.process.exe = NULL;
	read_back();
	ck_text("incomplete/0/reason", "no-libpq");
	ck_text("incomplete/0/text", "x");
	ck_assert(json_is_true(at("incomplete/0/allowed")));
	ck_null("coverage/notes/0/pid");
	ck_null("coverage/notes/0/exe");
	ck_text("coverage/notes/0/why", "setuid");
	ck_number("processes/0/pid", 4242);
	ck_null("processes/0/exe");
	ck_text("processes/0/end", "exit 0");
	ck_null("processes/0/died_in");
	ck_null("findings/0/handles/0/thread_died");
}
END_TEST

START_TEST(a_thread_that_died_is_told_with_what_it_acquired)
{
	made.process.died_in = 4250;
	made.handles[0].thread_died = true;
	made.findings[0].handle_count = 2;
	read_back();
	ck_number("processes/0/died_in", 4250);
	ck_assert(json_is_true(at("findings/0/handles/0/thread_died")));
	ck_assert(json_is_false(at("findings/0/handles/1/thread_died")));
}
END_TEST

START_TEST(a_name_that_is_not_utf8_is_kept_as_far_as_it_is)
{
	made.handles[0].dbname = "M\xFCller\033[2J";
	made.handles[0].user = "M\xC3\xBCller";
	read_back();
	ck_text("findings/0/handles/0/dbname", "M\xEF\xBF\xBDller\033[2J");
	ck_text("findings/0/handles/0/user", "M\xC3\xBCller");
	ck_assert_ptr_null(strchr(json, '\033'));
}
END_TEST

START_TEST(a_number_beyond_json_is_the_largest_and_never_negative)
{
	made.findings[0].count = UINT64_MAX;
	made.frames[1].offset = UINT64_MAX;
	read_back();
	ck_number("findings/0/count", INT64_MAX);
	ck_number("findings/0/stack/1/offset", INT64_MAX);
}
END_TEST

START_TEST(json_is_indented_by_two_and_ends_in_a_newline)
{
	read_back();
	ck_assert(!strncmp(json, "{\n  \"schema\": ", 14));
	ck_assert_str_eq(json + strlen(json) - 3, "\n}\n");
}
END_TEST

START_TEST(a_full_disk_is_an_error)
{
	FILE *full = fopen("/dev/full", "w");

	ck_assert_ptr_nonnull(full);
	ck_assert_int_eq(report_json(&made.report, full, false), -ENOSPC);
	fclose(full);
}
END_TEST

START_TEST(reasons_and_statuses_have_the_promised_names)
{
	ck_assert_str_eq(report_reason_name(REASON_BLIND), "blind");
	ck_assert_str_eq(report_reason_name(REASON_LOST), "lost");
	ck_assert_str_eq(report_reason_name(REASON_NO_LIBPQ), "no-libpq");
	ck_assert_str_eq(report_status_name(REPORT_CLEAN), "clean");
	ck_assert_str_eq(report_status_name(REPORT_FINDINGS), "findings");
	ck_assert_str_eq(report_status_name(REPORT_INCOMPLETE), "incomplete");
}
END_TEST

static TCase *circumstance(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	suite_add_tcase(suite, tcase);
	return tcase;
}

static void add_content(Suite *suite)
{
	TCase *tcase = circumstance(suite, "content");

	tcase_add_test(tcase, every_promised_key_is_there_in_its_order);
	tcase_add_test(tcase, the_head_names_schema_version_and_status);
	tcase_add_test(tcase, a_finding_is_told_in_full);
	tcase_add_test(tcase, the_stack_is_told_with_all_its_frames);
	tcase_add_test(tcase, where_a_handle_was_misused_is_told_like_its_site);
	tcase_add_test(tcase, a_handle_is_told_with_its_server);
	tcase_add_test(tcase, a_handles_time_is_utc_with_milliseconds);
	tcase_add_test(tcase, totals_are_numbers_even_if_zero);
	tcase_add_test(tcase, sites_have_their_counts_and_times);
	tcase_add_test(tcase, gaps_notes_and_processes_are_told);
	tcase_add_test(tcase, a_thread_that_died_is_told_with_what_it_acquired);
	tcase_add_test(tcase, reasons_and_statuses_have_the_promised_names);
}

static void add_unknown(Suite *suite)
{
	TCase *tcase = circumstance(suite, "unknown");

	tcase_add_test(tcase, what_is_unknown_of_a_handle_is_null);
	tcase_add_test(tcase, what_is_unknown_of_a_finding_is_null);
	tcase_add_test(tcase, a_frame_in_no_module_has_no_offset);
}

static void add_output(Suite *suite)
{
	TCase *tcase = circumstance(suite, "output");

	tcase_add_test(tcase, a_name_that_is_not_utf8_is_kept_as_far_as_it_is);
	tcase_add_test(tcase,
		       a_number_beyond_json_is_the_largest_and_never_negative);
	tcase_add_test(tcase, json_is_indented_by_two_and_ends_in_a_newline);
	tcase_add_test(tcase, a_full_disk_is_an_error);
}

Suite *report_suite(void)
{
	Suite *suite = suite_create("report");

	add_content(suite);
	add_unknown(suite);
	add_output(suite);
	return suite;
}
