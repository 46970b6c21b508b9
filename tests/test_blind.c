/* SPDX-License-Identifier: MIT */
/*
 * What analyzer/blind.h, unwatched.h and address.h promise, on logs made by
 * hand.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/address.h"
#include "analyzer/blind.h"
#include "analyzer/judge.h"
#include "tests/made_module.h"
#include "tests/suites.h"

static struct evidence evidence;
static struct report report;

/*
 * Some files of each sort, in the scratch folder: `linked` and `client` are
 * evidence of PostgreSQL and could be watched; `closed` is and could not;
 * `tool` is not, and could not; `broken` lacks a library.
 */
static void make_files(void)
{
	scratch_write("pg_wrapper", "#!/bin/sh\n");
	scratch_write("lib.c", "void PQfinish(void){}"
			       "void PQconnectStart(void){}\n");
	scratch_write("app.c", "void PQfinish(void);"
			       "int main(void){PQfinish();return 0;}\n");
	scratch_write("tool.c", "int main(void){return 0;}\n");
	run("chmod 755 pg_wrapper && ln -s pg_wrapper client");
	run("cc -shared -fPIC -Wl,-soname,libpq.so.5 -o libpq.so.5 lib.c");
	run("cc -o linked app.c -L. -l:libpq.so.5 -Wl,-rpath,'$ORIGIN'");
	run("cc -shared -fPIC -Wl,-soname,libgone.so -o libgone.so lib.c");
	run("cc -o broken app.c -L. -l:libpq.so.5 -Wl,--no-as-needed -lgone");
	run("cc -static -o closed app.c lib.c && cc -static -o tool tool.c");
}

static void teardown(void)
{
	evidence_release(&evidence);
	arena_release(&report.arena);
}

/* In `text`, % stands for the scratch folder. */
static void judge_log(const char *text)
{
	const char *whole = "connleak 1\n", *error = "";
	struct gate gate;

	make_files();
	for (; *text; text++)
		whole = *text == '%'
				? arena_printf(&arena, "%s%s", whole, scratch)
				: arena_printf(&arena, "%s%c", whole, *text);
	scratch_write("run.log", whole);
	run("rm -f *.c libgone.so");
	arena_init(&report.arena);
	evidence_init(&evidence, &arena);
	ck_assert_int_eq(gate_parse(&gate, NULL, false, NULL, &arena, &error),
			 0);
	ck_assert_msg(!evidence_add(&evidence, scratch, &error), "%s", error);
	judge(&report, &evidence, &gate, NULL);
}

static size_t count_blind(void)
{
	size_t count = 0;

	for (size_t i = 0; i < report.incomplete_count; i++)
		count += report.incomplete[i].reason == REASON_BLIND;
	return count;
}

/* The log makes the run blind in one line, and these words are in it. */
static void check_blind(const char *words)
{
	const char *text = report.incomplete[0].text;

	ck_assert_uint_eq(count_blind(), 1);
	ck_assert_int_eq(report.incomplete[0].reason, REASON_BLIND);
	ck_assert_msg(strstr(text, words), "%s", text);
}

static void check_note(const char *words)
{
	ck_assert_uint_eq(count_blind(), 0);
	ck_assert_uint_eq(report.note_count, 1);
	ck_assert_msg(strstr(report.notes[0].why, words), "%s",
		      report.notes[0].why);
}

static void check_nothing(void)
{
	ck_assert_uint_eq(count_blind(), 0);
	ck_assert_uint_eq(report.note_count, 0);
}

/* Of process 7, which begins as a shell. */
#define SHELL "start 9 7 /bin/sh\nimage 7 5 10 /bin/sh\n"

START_TEST(an_unwatched_program_with_evidence_is_blind)
{
	judge_log(SHELL "exec 8 6 20 %/closed\n");
	check_blind("process 8 (closed) was not watched: linked statically; "
		    "libpq is linked into it; cure: link it dynamically");
	ck_assert_int_eq(report.status, REPORT_INCOMPLETE);
}
END_TEST

START_TEST(an_unwatched_program_without_evidence_is_a_note)
{
	judge_log(SHELL "exec 8 6 20 %/tool\nend 8 30 exit 0\n");
	check_note("not watched: linked statically");
	ck_assert_uint_eq(report.processes_seen, 2);
	ck_assert_uint_eq(report.processes_watched, 1);
	ck_assert_str_eq(report.processes[1].end, "exit 0");
}
END_TEST

START_TEST(another_environment_hides_what_could_be_watched)
{
	judge_log(SHELL "bare 8 6 20 %/client\n");
	check_blind("was not watched: its environment was replaced, and "
		    "LD_PRELOAD lost; Debian's pg_wrapper");
}
END_TEST

START_TEST(being_linked_with_libpq_is_evidence)
{
	judge_log(SHELL "bare 8 6 20 %/linked\n");
	check_blind("linked with libpq; cure: hand LD_PRELOAD");
}
END_TEST

START_TEST(one_program_in_many_processes_is_one_line)
{
	judge_log(SHELL "bare 8 6 20 %/client\nbare 9 6 20 %/client\n"
			"exec 10 6 20 %/tool\nexec 11 6 20 %/tool\n");
	check_blind("2 processes of ");
	ck_assert_uint_eq(report.note_count, 1);
	ck_assert_ptr_nonnull(strstr(report.notes[0].why, "(2 processes)"));
}
END_TEST

START_TEST(what_was_seen_of_one_process_is_told_of_all)
{
	judge_log(SHELL "bare 8 6 20 %/client\nbare 9 6 20 %/client\n"
			"unseen 9 6 libpq /usr/bin/perl\n");
	check_blind("2 processes of ");
	check_blind("libpq was loaded into it");
}
END_TEST

START_TEST(what_the_shim_is_in_afterwards_was_watched)
{
	judge_log(SHELL "exec 8 6 20 %/linked\nimage 8 6 21 %/linked\n"
			"bare 9 6 20 %/client\nimage 9 6 21 /usr/bin/dash\n");
	check_nothing();
}
END_TEST

START_TEST(a_program_that_ran_between_two_watched_ones_is_not_forgotten)
{
	judge_log(SHELL "exec 8 6 20 %/closed\nimage 8 6 21 /bin/true\n");
	check_blind("process 8 (closed)");
	ck_assert_uint_eq(report.processes_seen, 3);
	ck_assert_str_eq(report.processes[1].end, "exec");
}
END_TEST

START_TEST(an_exec_after_which_the_process_goes_on_has_failed)
{
	judge_log(SHELL "bare 7 5 20 %/client\nconnect 7 5 tcp:1.2.3.4:80\n"
			"bare 8 6 20 %/client\nexec 8 6 21 %/closed\n"
			"lost 8 6 28\n");
	check_nothing();
}
END_TEST

START_TEST(an_exec_of_what_cannot_be_executed_has_failed)
{
	judge_log(SHELL "bare 8 6 20 %/nothing\nbare 9 6 20 %/run.log\n");
	check_nothing();
}
END_TEST

START_TEST(an_end_as_after_a_failed_exec_says_so)
{
	judge_log(SHELL "bare 8 6 20 %/client\nend 8 30 exit 127\n"
			"bare 9 6 20 %/client\nend 9 30 exit 126\n"
			/* The end of another one, before. */
			"end 10 19 exit 127\nexec 10 6 20 %/closed\n");
	check_blind("process 10 (closed)");
}
END_TEST

START_TEST(what_was_killed_before_it_could_tell_is_not_blind)
{
	judge_log(SHELL "exec 8 6 20 %/linked\nend 8 30 signal 9\n");
	check_nothing();
}
END_TEST

START_TEST(what_could_have_been_watched_and_was_not_is_blind)
{
	judge_log(SHELL "exec 8 6 20 %/linked\nend 8 30 exit 0\n");
	check_blind("libconnleak.so was not loaded into it; linked with libpq");
}
END_TEST

START_TEST(what_lacks_a_library_may_not_have_loaded)
{
	judge_log(SHELL "exec 8 6 20 %/broken\nend 8 30 exit 1\n");
	check_note("libconnleak.so was not loaded into it");
}
END_TEST

START_TEST(what_was_found_running_did_run)
{
	judge_log(SHELL "exec 8 6 20 %/linked\nunseen 8 6 none %/linked\n"
			"end 8 30 signal 9\n");
	check_blind("libconnleak.so was not loaded into it");
}
END_TEST

START_TEST(the_program_itself_may_be_unwatched)
{
	judge_log("start 9 7 %/closed\nend 7 20 exit 0\n");
	check_blind("process 7 (closed)");
	ck_assert_uint_eq(report.processes_seen, 1);
	/* Allowed or not, nothing was checked: that is another matter. */
	ck_assert_int_eq(report.incomplete[1].reason, REASON_NO_LIBPQ);
	ck_assert_ptr_nonnull(
		strstr(report.incomplete[1].text, "that was watched"));
}
END_TEST

START_TEST(the_program_itself_may_say_so_before_the_launcher)
{
	judge_log("image 7 5 8 %/linked\nstart 9 7 %/linked\n"
		  "end 7 20 exit 0\n");
	check_nothing();
	ck_assert_uint_eq(report.processes_seen, 1);
}
END_TEST

START_TEST(a_program_whose_file_is_gone_was_watched_all_the_same)
{
	judge_log("start 9 7 %/gone\nimage 7 5 8 %/gone\n"
		  "start 9 8 %/link\nimage 8 5 8 %/real\n");
	check_nothing();
}
END_TEST

START_TEST(a_libpq_in_a_process_without_the_shim_is_evidence)
{
	judge_log(SHELL "unseen 8 6 none %/tool\nunseen 8 6 libpq %/tool\n");
	check_blind("process 8 (tool) was not watched: linked statically; "
		    "libpq was loaded into it");
	ck_assert_uint_eq(report.processes_seen, 2);
}
END_TEST

START_TEST(an_address_is_evidence_if_it_is_postgresqls)
{
	judge_log(SHELL "unseen 8 6 tcp:10.0.0.1:6432 %/tool\n"
			"unseen 9 6 tcp:10.0.0.2:6432 %/tool\n"
			"peer 7 5 tcp:10.0.0.2:6432\n");
	check_blind("process 9 (tool) was not watched: linked statically; it "
		    "was connected to tcp:10.0.0.2:6432");
}
END_TEST

START_TEST(a_process_found_is_told_by_its_name_if_no_more_is_known)
{
	setenv("PATH", arena_printf(&arena, "%s:%s", scratch, getenv("PATH")),
	       1);
	judge_log(SHELL "unseen 8 6 none client\nunseen 9 6 none nobody\n");
	check_blind("process 8 (client) was not watched: LD_PRELOAD did not "
		    "reach it; Debian's pg_wrapper");
}
END_TEST

START_TEST(a_slow_loader_is_not_mistaken_for_none)
{
	judge_log("start 9 7 %/linked\nunseen 7 5 none %/linked\n"
		  "image 7 5 90 %/linked\n");
	check_nothing();
}
END_TEST

START_TEST(another_protocol_in_a_watched_process_is_blind)
{
	judge_log(SHELL "connect 7 5 unix:/run/postgresql/.s.PGSQL.5432\n"
			"connect 7 5 tcp:10.0.0.1:443\n");
	check_blind("process 7 (sh) speaks PostgreSQL's protocol without "
		    "libpq: unix:/run/postgresql/.s.PGSQL.5432");
}
END_TEST

START_TEST(many_processes_with_one_address_are_one_line)
{
	judge_log(SHELL "image 8 6 10 /bin/sh\n"
			"connect 7 5 tcp:10.0.0.1:5432\n"
			"connect 8 6 tcp:10.0.0.1:5432\n"
			"connect 7 5 more\n");
	check_blind("2 processes of /bin/sh speak PostgreSQL's protocol");
	ck_assert_uint_eq(report.note_count, 1);
}
END_TEST

START_TEST(a_libpq_inside_that_could_not_be_hooked_is_blind_once)
{
	judge_log(SHELL "image 8 6 10 /bin/sh\n"
			"static 7 5 PQreset:\\040it\\040is\\040short\n"
			"static 8 6 PQreset:\\040it\\040is\\040short\n"
			"connect 7 5 tcp:10.0.0.1:5432\n");
	check_blind("2 processes of /bin/sh were not watched: the libpq that "
		    "is linked into it could not be hooked: PQreset: it is "
		    "short");
}
END_TEST

START_TEST(postgresql_is_known_by_its_socket_and_port)
{
	ck_assert(address_is_usual("unix:/tmp/.s.PGSQL.5432"));
	ck_assert(address_is_usual("unix:.s.PGSQL.1"));
	ck_assert(address_is_usual("unix:@/a/.s.PGSQL.5432"));
	ck_assert(address_is_usual("unix:@.s.PGSQL.5432"));
	ck_assert(address_is_usual("tcp:127.0.0.1:5432"));
	ck_assert(address_is_usual("tcp:::1:5432"));
	ck_assert(!address_is_usual("unix:/tmp/.s.PGSQL.5432/other"));
	ck_assert(!address_is_usual("unix:/run/socket:5432"));
	ck_assert(!address_is_usual("tcp:127.0.0.1:54321"));
	ck_assert(!address_is_usual("tcp:127.0.0.1:15432"));
	ck_assert(!address_is_usual("none"));
	ck_assert(!address_is_usual("more"));
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
	TCase *t = module_case(suite, name);

	tcase_add_checked_fixture(t, NULL, teardown);
	return t;
}

Suite *blind_suite(void)
{
	Suite *suite = suite_create("blind");
	TCase *t = add_case(suite, "programs");

	tcase_add_test(t, an_unwatched_program_with_evidence_is_blind);
	tcase_add_test(t, an_unwatched_program_without_evidence_is_a_note);
	tcase_add_test(t, another_environment_hides_what_could_be_watched);
	tcase_add_test(t, being_linked_with_libpq_is_evidence);
	tcase_add_test(t, one_program_in_many_processes_is_one_line);
	tcase_add_test(t, what_was_seen_of_one_process_is_told_of_all);
	tcase_add_test(t, the_program_itself_may_be_unwatched);

	t = add_case(suite, "no false alarm");
	tcase_add_test(t, what_the_shim_is_in_afterwards_was_watched);
	tcase_add_test(
		t,
		a_program_that_ran_between_two_watched_ones_is_not_forgotten);
	tcase_add_test(t, an_exec_after_which_the_process_goes_on_has_failed);
	tcase_add_test(t, an_exec_of_what_cannot_be_executed_has_failed);
	tcase_add_test(t, an_end_as_after_a_failed_exec_says_so);
	tcase_add_test(t, what_was_killed_before_it_could_tell_is_not_blind);
	tcase_add_test(t, the_program_itself_may_say_so_before_the_launcher);
	tcase_add_test(t,
		       a_program_whose_file_is_gone_was_watched_all_the_same);
	tcase_add_test(t, a_slow_loader_is_not_mistaken_for_none);
	tcase_add_test(t, what_lacks_a_library_may_not_have_loaded);

	t = add_case(suite, "found running");
	tcase_add_test(t, what_could_have_been_watched_and_was_not_is_blind);
	tcase_add_test(t, what_was_found_running_did_run);
	tcase_add_test(t, a_libpq_in_a_process_without_the_shim_is_evidence);
	tcase_add_test(t, an_address_is_evidence_if_it_is_postgresqls);
	tcase_add_test(t,
		       a_process_found_is_told_by_its_name_if_no_more_is_known);

	t = add_case(suite, "addresses");
	tcase_add_test(t, another_protocol_in_a_watched_process_is_blind);
	tcase_add_test(t, many_processes_with_one_address_are_one_line);
	tcase_add_test(t,
		       a_libpq_inside_that_could_not_be_hooked_is_blind_once);
	tcase_add_test(t, postgresql_is_known_by_its_socket_and_port);
	return suite;
}
