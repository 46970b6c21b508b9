/* SPDX-License-Identifier: MIT */
/*
 * What analyzer/judge.h, places.h, processes.h, evidence.h and naming.h
 * promise, on records and logs made by hand.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/naming.h"
#include "analyzer/proc.h"
#include "tests/judged.h"
#include "tests/suites.h"

/* A record of process `pid` in the making, with one module. */
static struct make_record made;

static void start_record(int pid, uint64_t started_ns)
{
	struct record_module module = { .build_id_size = 20 };

	make_init(&made);
	made.header.pid = pid;
	made.header.start_ticks = 5;
	made.header.started_ns = started_ns;
	made.header.exe = make_string(&made, "/usr/bin/app");
	module.path = make_string(&made, "/usr/bin/app");
	memset(module.build_id, 0xab, 20);
	make_module(&made, &module);
}

static uint32_t site_at(uint64_t offset)
{
	return make_site_at(&made, "PQconnectdb", offset);
}

static void add_slot(uint32_t site, enum record_slot_state state,
		     unsigned flags)
{
	const struct record_slot slot = {
		.kind = HANDLE_CONNECTION,
		.state = (uint8_t)state,
		.flags = (uint16_t)flags,
		.site = site,
		.server = RECORD_NONE,
		.acquired_ns = 1000,
	};

	make_slot(&made, &slot);
	made.header.totals[TOTAL_CONNECTS]++;
}

static const struct report_finding *finding(const char *kind)
{
	for (size_t i = 0; i < report.finding_count; i++)
		if (!strcmp(report.findings[i].kind, kind))
			return &report.findings[i];
	ck_abort_msg("no finding %s", kind);
	return NULL;
}

START_TEST(the_state_of_a_handle_decides_its_kind)
{
	uint32_t site;

	start_record(7, 1);
	site = site_at(0x100);
	add_slot(site, SLOT_ESTABLISHED, SLOT_EVER_ESTABLISHED);
	add_slot(site, SLOT_FAILED, SLOT_EVER_ESTABLISHED);
	add_slot(site, SLOT_CONNECTING, SLOT_EVER_ESTABLISHED | SLOT_RESET);
	add_slot(site, SLOT_FAILED, 0);
	add_slot(site, SLOT_CONNECTING, 0);
	judged_save(&made, "7-5-0.rec");
	judge_scratch();
	ck_assert_uint_eq(report.finding_count, 3);
	ck_assert_uint_eq(finding("leaked-connection")->count, 3);
	ck_assert_uint_eq(finding("unfinished-failed-connect")->count, 1);
	ck_assert_uint_eq(finding("abandoned-async-connect")->count, 1);
	ck_assert_str_eq(report.findings[0].kind, "leaked-connection");
}
END_TEST

START_TEST(without_a_search_a_handle_is_undecided_and_does_not_gate)
{
	start_record(7, 1);
	add_slot(site_at(0x100), SLOT_ESTABLISHED, SLOT_EVER_ESTABLISHED);
	judged_save(&made, "7-5-0.rec");
	judge_scratch();
	ck_assert_str_eq(report.findings[0].class, "undecided");
	ck_assert(!report.findings[0].gates);
	ck_assert_int_eq(report.status, REPORT_CLEAN);
}
END_TEST

START_TEST(equal_stacks_of_two_processes_are_one_finding)
{
	for (int pid = 7; pid < 9; pid++) {
		start_record(pid, 1);
		add_slot(site_at(0x100), SLOT_ESTABLISHED, 1);
		add_slot(site_at(0x200), SLOT_ESTABLISHED, 1);
		add_slot(site_at(0x200), SLOT_ESTABLISHED, 1);
		judged_save(&made, pid == 7 ? "7-5-0.rec" : "8-5-0.rec");
	}
	judge_scratch();
	ck_assert_uint_eq(report.finding_count, 2);
	ck_assert_uint_eq(report.findings[0].count, 4);
	ck_assert_uint_eq(report.findings[1].count, 2);
	ck_assert_uint_eq(report.totals.connects, 6);
}
END_TEST

START_TEST(a_handle_whose_site_was_lost_is_still_a_finding)
{
	start_record(7, 1);
	add_slot(RECORD_NONE, SLOT_ESTABLISHED, 1);
	judged_save(&made, "7-5-0.rec");
	judge_scratch();
	ck_assert_uint_eq(report.finding_count, 1);
	ck_assert_uint_eq(report.findings[0].stack.count, 0);
}
END_TEST

START_TEST(no_record_at_all_is_never_clean)
{
	scratch_write("run.log", "connleak 1\nstart 9 7 /bin/true\n"
				 "image 7 5 10 /bin/true\nend 7 20 exit 0\n");
	judge_scratch();
	ck_assert_int_eq(report.status, REPORT_INCOMPLETE);
	ck_assert_int_eq(report.incomplete[0].reason, REASON_NO_LIBPQ);
}
END_TEST

START_TEST(a_record_that_was_made_ahead_shows_nothing)
{
	start_record(7, 1);
	made.header.flags = RECORD_AHEAD;
	judged_save(&made, "7-5-0.rec");
	judge_scratch();
	ck_assert_int_eq(report.incomplete[0].reason, REASON_NO_LIBPQ);
	ck_assert_uint_eq(report.process_count, 0);
}
END_TEST

START_TEST(every_loss_is_counted_and_told)
{
	start_record(7, 1);
	made.header.lost[LOSS_HANDLE] = 12;
	made.header.lost[LOSS_KINDS - 1] = 1;
	judged_save(&made, "7-5-0.rec");
	scratch_write("9-5-0.rec", "rubbish");
	scratch_write("run.log", "connleak 1\nlost 8 5 28\n");
	judge_scratch();
	ck_assert_uint_eq(report.incomplete_count, 3);
	ck_assert_uint_eq(report.totals.lost, 12 + 1 + 1 + 1);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(report.incomplete[i].reason, REASON_LOST);
	ck_assert_str_eq(report.incomplete[0].text,
			 "process 7 (app): 12 handles, 1 other things could "
			 "not be kept");
}
END_TEST

START_TEST(a_record_that_somebody_has_removed_is_a_loss)
{
	start_record(7, 1);
	judged_save(&made, "7-5-0.rec");
	scratch_write("run.log", "connleak 1\nimage 8 5 10 /bin/app\n"
				 "record 7 5 7-5-0.rec\n"
				 "record 8 5 8-5-0.rec\n");
	judge_scratch();
	ck_assert_uint_eq(report.incomplete_count, 1);
	ck_assert_uint_eq(report.totals.lost, 1);
	ck_assert_int_eq(report.incomplete[0].reason, REASON_LOST);
	ck_assert_str_eq(report.incomplete[0].text,
			 "process 8 (app): its record is gone: somebody has "
			 "removed it");
}
END_TEST

START_TEST(what_was_only_counted_is_a_loss)
{
	const struct record_gaps gaps = {
		.magic = RECORD_MAGIC,
		.version = RECORD_VERSION,
		.count = { [GAP_RECORD] = 2 },
	};
	FILE *file;

	start_record(7, 1);
	judged_save(&made, "7-5-0.rec");
	file = fopen(scratch_path(RECORD_GAPS), "w");
	fwrite(&gaps, sizeof(gaps), 1, file);
	fclose(file);
	judge_scratch();
	ck_assert_uint_eq(report.incomplete_count, 1);
	ck_assert_uint_eq(report.totals.lost, 2);
	ck_assert_str_eq(report.incomplete[0].text,
			 "2 records that could not be made, nor named in the "
			 "log");
}
END_TEST

START_TEST(a_tally_that_cannot_be_read_is_a_loss)
{
	start_record(7, 1);
	judged_save(&made, "7-5-0.rec");
	scratch_write(RECORD_GAPS, "CONNLEAK");
	judge_scratch();
	ck_assert_uint_eq(report.incomplete_count, 1);
	ck_assert_int_eq(report.incomplete[0].reason, REASON_LOST);
}
END_TEST

START_TEST(an_unfinished_record_is_a_note_and_no_loss)
{
	start_record(7, 1);
	judged_save(&made, "7-5-0.rec");
	scratch_write("8-5-0.new", "");
	judge_scratch();
	ck_assert_int_eq(report.status, REPORT_CLEAN);
	ck_assert_uint_eq(report.note_count, 1);
}
END_TEST

static const char *end_of(int pid, size_t nth)
{
	for (size_t i = 0; i < report.process_count; i++)
		if (report.processes[i].pid == pid && !nth--)
			return report.processes[i].end;
	return "none";
}

START_TEST(a_log_tells_how_each_process_ended)
{
	start_record(7, 1);
	judged_save(&made, "7-5-0.rec");
	scratch_write("run.log", "connleak 1\n"
				 "image 7 5 10 /bin/a\nimage 7 5 20 /bin/b\n"
				 "image 8 6 30 /bin/c\nimage 9 7 40 /bin/d\n"
				 "start 9 7 /bin/a\nend 7 50 exit 3\n"
				 "end 8 60 signal 11\nleft 9\n");
	judge_scratch();
	/* The record of 7 began before its images: a fork that then exec'd. */
	ck_assert_uint_eq(report.process_count, 5);
	ck_assert_str_eq(end_of(7, 0), "exec");
	ck_assert_str_eq(end_of(7, 1), "exit 3");
	ck_assert_str_eq(end_of(8, 0), "signal 11");
	ck_assert_str_eq(end_of(9, 0), "running");
}
END_TEST

START_TEST(a_pid_used_again_is_another_process)
{
	start_record(7, 15);
	add_slot(site_at(1), SLOT_ESTABLISHED, 1);
	judged_save(&made, "7-5-0.rec");
	scratch_write("run.log", "connleak 1\nimage 7 5 10 /bin/a\n"
				 "end 7 2000 signal 9\n"
				 "image 7 6 3000 /bin/b\nend 7 4000 exit 0\n");
	judge_scratch();
	ck_assert_uint_eq(report.process_count, 2);
	ck_assert_str_eq(end_of(7, 0), "signal 9");
	ck_assert_str_eq(end_of(7, 1), "exit 0");
	/* Acquired at 15 + 1000, ended at 2000. */
	ck_assert_double_eq_tol(report.findings[0].handles[0].age_s, 985e-9,
				1e-12);
}
END_TEST

/* START of process 5 ticks old in a namespace, as two containers have it. */
#define IN_SPACE(n) ((UINT64_C(n) << RECORD_SPACE_BITS) + 5)

START_TEST(equal_pids_of_two_namespaces_are_two_processes)
{
	char log[400];

	for (uint64_t n = 1; n <= 2; n++) {
		start_record(7, 100 + n);
		made.header.start_ticks = n << RECORD_SPACE_BITS | 5;
		made.header.totals[TOTAL_PEAK_OPEN] = n;
		make_mark(&made, MARK_EXIT, (int32_t)n);
		judged_save(&made, n == 1 ? "7-1-0.rec" : "7-2-0.rec");
	}
	snprintf(log, sizeof(log),
		 "connleak 1\nspace 3\nstart 9 7 /bin/sh\n"
		 "image 7 %llu 20 /bin/a\nimage 7 %llu 30 /bin/b\n"
		 "image 7 %llu 40 /bin/sh\nend 7 500 signal 9\n",
		 (unsigned long long)IN_SPACE(1),
		 (unsigned long long)IN_SPACE(2),
		 (unsigned long long)IN_SPACE(3));
	scratch_write("run.log", log);
	judge_scratch();
	ck_assert_uint_eq(report.process_count, 3);
	ck_assert_str_eq(end_of(7, 0), "exit 1");
	ck_assert_str_eq(end_of(7, 1), "exit 2");
	ck_assert_str_eq(end_of(7, 2), "signal 9");
}
END_TEST

START_TEST(a_child_of_fork_has_a_process_of_its_own)
{
	start_record(8, 100);
	judged_save(&made, "8-5-0.rec");
	scratch_write("run.log", "connleak 1\nimage 7 5 10 /bin/a\n"
				 "end 7 200 exit 0\nend 8 300 exit 4\n");
	judge_scratch();
	ck_assert_uint_eq(report.process_count, 2);
	ck_assert_str_eq(end_of(8, 0), "exit 4");
	ck_assert_str_eq(report.processes[1].exe, "/usr/bin/app");
}
END_TEST

static void save_marked(const char *name, enum record_mark_kind kind,
			int32_t status)
{
	make_mark(&made, kind, status);
	judged_save(&made, name);
}

START_TEST(a_mark_tells_an_end_that_nobody_else_saw)
{
	start_record(7, 15);
	add_slot(site_at(1), SLOT_ESTABLISHED, 1);
	make_mark(&made, MARK_EXIT, 9);
	make_finish(&made);
	((struct record_mark *)make_element(&made, RECORD_MARKS, 0))->when_ns =
		3000;
	make_save(&made, scratch_path("7-5-0.rec"));
	make_release(&made);
	judge_scratch();
	ck_assert_str_eq(end_of(7, 0), "exit 9");
	/* Acquired at 1000, marked at 3000. */
	ck_assert_double_eq_tol(report.findings[0].handles[0].age_s, 2e-6,
				1e-12);
}
END_TEST

START_TEST(the_last_mark_counts_and_as_the_parent_would_see_it)
{
	start_record(7, 15);
	make_mark(&made, MARK_EXIT, 9);
	make_mark(&made, MARK_RAW_EXIT, -1);
	save_marked("7-5-0.rec", (enum record_mark_kind)77, 3);
	judge_scratch();
	ck_assert_str_eq(end_of(7, 0), "exit 255");
}
END_TEST

START_TEST(who_was_reaped_by_the_launcher_needs_no_mark)
{
	start_record(7, 15);
	save_marked("7-5-0.rec", MARK_EXIT, 0);
	scratch_write("run.log", "connleak 1\nimage 7 5 10 /bin/a\n"
				 "end 7 2000 signal 11\n");
	judge_scratch();
	ck_assert_str_eq(end_of(7, 0), "signal 11");
}
END_TEST

START_TEST(who_is_alive_has_not_ended_whatever_it_marked)
{
	start_record((int)getpid(), 15);
	made.header.start_ticks = proc_start(getpid());
	save_marked("1-5-0.rec", MARK_EXIT, 0);
	judge_scratch();
	ck_assert_str_eq(end_of((int)getpid(), 0), "running");
}
END_TEST

START_TEST(a_process_without_a_mark_that_nobody_saw_ended_somehow)
{
	start_record(7, 15);
	judged_save(&made, "7-5-0.rec");
	judge_scratch();
	ck_assert_str_eq(end_of(7, 0), "unknown");
}
END_TEST

/* Records are read by name, in the order in which they began or not. */
static void check_exec_without_a_log(bool in_order)
{
	start_record(7, 15);
	save_marked(in_order ? "7-5-0.rec" : "7-5-1.rec", MARK_EXIT, 1);
	start_record(7, 2000);
	add_slot(site_at(1), SLOT_ESTABLISHED, 1);
	save_marked(in_order ? "7-5-1.rec" : "7-5-0.rec", MARK_EXIT, 3);
	judge_scratch();
	ck_assert_uint_eq(report.process_count, 2);
	ck_assert_str_eq(end_of(7, !in_order), "exec");
	ck_assert_str_eq(end_of(7, in_order), "exit 3");
	ck_assert_uint_eq(report.findings[0].handles[0].process, in_order);
}

START_TEST(a_second_record_of_a_process_is_that_of_the_next_image)
{
	check_exec_without_a_log(true);
}
END_TEST

START_TEST(records_of_one_process_may_be_read_in_any_order)
{
	check_exec_without_a_log(false);
}
END_TEST

START_TEST(the_end_of_a_process_nothing_is_known_of_is_left_out)
{
	start_record(7, 15);
	judged_save(&made, "7-5-0.rec");
	scratch_write("run.log", "connleak 1\nimage 7 5 10 /bin/a\n"
				 "end 99 15 exit 0\nend 7 20 exit 0\n");
	judge_scratch();
	ck_assert_uint_eq(report.process_count, 1);
}
END_TEST

START_TEST(what_the_shim_was_not_in_is_noted)
{
	scratch_write("run.log", "connleak 1\nstart 9 7 /bin/static\n"
				 "end 7 20 exit 0\n");
	judge_scratch();
	ck_assert_uint_eq(report.processes_seen, 1);
	ck_assert_uint_eq(report.processes_watched, 0);
	ck_assert_uint_eq(report.note_count, 1);
	ck_assert_str_eq(report.notes[0].exe, "/bin/static");
}
END_TEST

START_TEST(holds_are_told_by_percentile_and_no_longer_than_the_longest)
{
	struct record_site *site;

	start_record(7, 1);
	site_at(1);
	make_finish(&made);
	site = make_element(&made, RECORD_SITES, 0);
	site->acquired = 100;
	site->released = 100;
	site->hold_us[11] = 98; /* 1 to 2 ms */
	site->hold_us[21] = 2;	/* 1 to 2 s */
	site->longest_ns = 1500000000;
	make_save(&made, scratch_path("7-5-0.rec"));
	make_release(&made);
	judge_scratch();
	ck_assert_uint_eq(report.site_count, 1);
	ck_assert_double_eq_tol(report.sites[0].p50_s, 0.002048, 1e-9);
	ck_assert_double_eq_tol(report.sites[0].p99_s, 1.5, 1e-9);
	ck_assert_double_eq_tol(report.sites[0].max_s, 1.5, 1e-9);
}
END_TEST

static size_t site_of(const struct report_frame *frames, size_t count)
{
	const struct report_stack stack = {
		.frames = (struct report_frame *)frames, .count = count
	};

	return naming_site(&stack);
}

START_TEST(a_site_is_named_by_the_users_own_code)
{
	const struct report_frame frames[] = {
		{ .module = "/usr/lib/libpqxx-6.4.so" },
		{ .module = "/app",
		  .file = "/usr/include/pqxx/connection.hxx" },
		{ .module = "/usr/lib/libpython3.11.so.1.0" },
		{ .module = "/app", .file = "/src/app.cc" },
	};

	ck_assert_uint_eq(site_of(frames, 4), 3);
	ck_assert_uint_eq(site_of(frames, 3), 0);
	ck_assert_uint_eq(site_of(frames, 0), 0);
}
END_TEST

START_TEST(a_fingerprint_depends_on_functions_and_not_on_lines)
{
	struct report_frame frame = {
		.module = "/a/app", .function = "take", .line = 3, .offset = 9
	};
	const struct report_stack stack = { .frames = &frame, .count = 1 };
	const char *first = naming_fingerprint(&report.arena, "k", &stack);

	frame.line = 30;
	frame.offset = 90;
	frame.module = "/b/app";
	ck_assert_str_eq(naming_fingerprint(&report.arena, "k", &stack), first);
	ck_assert_str_ne(naming_fingerprint(&report.arena, "l", &stack), first);
	frame.function = "other";
	ck_assert_str_ne(naming_fingerprint(&report.arena, "k", &stack), first);
}
END_TEST

Suite *judge_suite(void)
{
	Suite *suite = suite_create("judge");
	TCase *test = tcase_create("findings");

	tcase_add_checked_fixture(test, judged_begin, judged_end);
	tcase_add_test(test, the_state_of_a_handle_decides_its_kind);
	tcase_add_test(
		test, without_a_search_a_handle_is_undecided_and_does_not_gate);
	tcase_add_test(test, equal_stacks_of_two_processes_are_one_finding);
	tcase_add_test(test, a_handle_whose_site_was_lost_is_still_a_finding);
	tcase_add_test(
		test,
		holds_are_told_by_percentile_and_no_longer_than_the_longest);
	suite_add_tcase(suite, test);

	test = tcase_create("gaps");
	tcase_add_checked_fixture(test, judged_begin, judged_end);
	tcase_add_test(test, no_record_at_all_is_never_clean);
	tcase_add_test(test, a_record_that_was_made_ahead_shows_nothing);
	tcase_add_test(test, every_loss_is_counted_and_told);
	tcase_add_test(test, a_record_that_somebody_has_removed_is_a_loss);
	tcase_add_test(test, what_was_only_counted_is_a_loss);
	tcase_add_test(test, a_tally_that_cannot_be_read_is_a_loss);
	tcase_add_test(test, an_unfinished_record_is_a_note_and_no_loss);
	tcase_add_test(test, what_the_shim_was_not_in_is_noted);
	suite_add_tcase(suite, test);

	test = tcase_create("processes");
	tcase_add_checked_fixture(test, judged_begin, judged_end);
	tcase_add_test(test, a_log_tells_how_each_process_ended);
	tcase_add_test(test, a_pid_used_again_is_another_process);
	tcase_add_test(test, equal_pids_of_two_namespaces_are_two_processes);
	tcase_add_test(test, a_child_of_fork_has_a_process_of_its_own);
	tcase_add_test(test,
		       the_end_of_a_process_nothing_is_known_of_is_left_out);
	tcase_add_test(test, a_mark_tells_an_end_that_nobody_else_saw);
	tcase_add_test(test,
		       the_last_mark_counts_and_as_the_parent_would_see_it);
	tcase_add_test(test, who_was_reaped_by_the_launcher_needs_no_mark);
	tcase_add_test(test, who_is_alive_has_not_ended_whatever_it_marked);
	tcase_add_test(test,
		       a_process_without_a_mark_that_nobody_saw_ended_somehow);
	tcase_add_test(test,
		       a_second_record_of_a_process_is_that_of_the_next_image);
	tcase_add_test(test, records_of_one_process_may_be_read_in_any_order);
	suite_add_tcase(suite, test);

	test = tcase_create("names");
	tcase_add_checked_fixture(test, judged_begin, judged_end);
	tcase_add_test(test, a_site_is_named_by_the_users_own_code);
	tcase_add_test(test,
		       a_fingerprint_depends_on_functions_and_not_on_lines);
	suite_add_tcase(suite, test);
	return suite;
}
