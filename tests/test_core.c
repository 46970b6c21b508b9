/* SPDX-License-Identifier: MIT */
/*
 * What analyzer/core.h and core_file.h promise, and evidence.h of cores, on
 * cores and records made by hand.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/core.h"
#include "analyzer/evidence.h"
#include "tests/make_core.h"
#include "tests/make_record.h"
#include "tests/scratch.h"
#include "tests/suites.h"

#define PID    4711 /* of make_record.h's records too */
#define TID    4713
#define NAME   "4711-815-0123abcd.rec"
#define PATH   "/var/tmp/run/" NAME
#define HERE   0x7f0000010000u
#define BEHIND 0x7f0000000000u /* lower, as mmap gives addresses */
#define HALF   (8 * MAKE_CORE_PAGE)

static struct arena arena;
static struct make_record record;
static struct make_core made;
static struct core core;
static struct input whole;
static const char *why;

static void begin(void)
{
	scratch_make();
	arena_init(&arena);
	make_init(&record);
	make_some(&record);
	make_finish(&record);
	make_core_init(&made, PID);
	make_core_thread(&made, TID, SIGSEGV);
}

static void end(void)
{
	make_core_release(&made);
	make_release(&record);
	arena_release(&arena);
	scratch_remove();
}

static int read_made(void)
{
	if (!made.bytes)
		make_core_finish(&made);
	input_memory(&whole, made.bytes, made.size);
	why = NULL;
	return core_read(&core, &arena, &whole, &why);
}

static void ck_refused(const char *words)
{
	ck_assert_int_lt(read_made(), 0);
	ck_assert_msg(why && strstr(why, words), "refused because %s", why);
}

/* The only record of the core. */
static const struct core_record *only_record(void)
{
	ck_assert_int_eq(read_made(), 0);
	ck_assert_uint_eq(core.record_count, 1);
	return &core.records[0];
}

static size_t in_core(const struct core_record *r)
{
	return r->part_count ? r->parts[r->part_count - 1].at +
				       r->parts[r->part_count - 1].size
			     : 0;
}

static void ck_is_record(const struct core_record *r)
{
	struct input in;
	unsigned char *bytes = malloc(record.size);

	ck_assert_uint_eq(in_core(r), record.size);
	input_parts(&in, &core.in, r->parts, r->part_count);
	ck_assert_int_eq(input_read(&in, 0, bytes, record.size), 0);
	ck_assert_mem_eq(bytes, record.bytes, record.size);
	free(bytes);
}

static void add_whole_record(void)
{
	make_core_file(&made, PATH, HERE, record.size, 0);
	make_core_memory(&made, HERE, record.bytes, record.size);
}

START_TEST(the_first_thread_is_the_one_that_died)
{
	make_core_thread(&made, PID, SIGSEGV);
	ck_assert_int_eq(read_made(), 0);
	ck_assert_int_eq(core.pid, PID);
	ck_assert_int_eq(core.tid, TID);
	ck_assert_int_eq(core.signal, SIGSEGV);
	ck_assert(!core.cut);
	ck_assert_uint_eq(core.record_count, 0);
	ck_assert_ptr_null(core_own_record(&core));
}
END_TEST

static void ck_alive(int signal)
{
	make_core_release(&made);
	make_core_init(&made, PID);
	make_core_stopped(&made, PID, signal);
	ck_assert_int_eq(read_made(), 0);
	ck_assert_int_eq(core.signal, 0);
}

START_TEST(who_was_stopped_by_a_debugger_has_not_died)
{
	ck_alive(0);
	ck_alive(SIGSTOP);
	ck_alive(SIGINT);
	ck_alive(SIGTRAP);
}
END_TEST

START_TEST(a_record_is_known_by_its_name)
{
	const struct core_record *r;

	make_core_file(&made, "/var/tmp/run/4711-815-0123abcd.new", HERE, 64,
		       0);
	make_core_file(&made, "/usr/lib/x.rec", HERE, 64, 0);
	make_core_file(&made, "/opt/4711-815-0123abcd.rec.txt", HERE, 64, 0);
	make_core_file(&made, "/opt/4711-815-0123abcde.rec", HERE, 64, 0);
	make_core_file(&made, "/opt/99999999999-815-0123abcd.rec", HERE, 64, 0);
	make_core_file(&made, "", HERE, 64, 0);
	make_core_file(&made, PATH, HERE, 640, 0);
	r = only_record();
	ck_assert_str_eq(r->path, PATH);
	ck_assert_int_eq(r->pid, PID);
	ck_assert_uint_eq(r->start, 815);
	ck_assert_uint_eq(r->mapped, 640);
	ck_assert_uint_eq(r->part_count, 0);
	ck_assert_ptr_eq(core_own_record(&core), r);
}
END_TEST

START_TEST(a_record_whose_file_was_removed_keeps_its_name)
{
	make_core_file(&made, PATH " (deleted)", HERE, 64, 0);
	ck_assert_str_eq(only_record()->path, PATH);
}
END_TEST

START_TEST(a_record_in_the_core_is_read_as_if_it_were_the_file)
{
	add_whole_record();
	ck_is_record(only_record());
}
END_TEST

/* Later segments lie elsewhere, and memory is divided as the kernel likes. */
START_TEST(a_record_is_put_together_from_its_parts)
{
	make_core_file(&made, PATH, BEHIND, record.size - HALF, HALF);
	make_core_file(&made, PATH, HERE, HALF, 0);
	make_core_memory(&made, BEHIND - 100, record.bytes + HALF - 100, 120);
	make_core_memory(&made, BEHIND + 20, record.bytes + HALF + 20,
			 record.size - HALF - 20);
	make_core_memory(&made, HERE, record.bytes, HALF + 10);
	ck_is_record(only_record());
	ck_assert_uint_eq(core.records[0].mapped, record.size);
}
END_TEST

START_TEST(what_lies_behind_a_gap_is_not_used)
{
	make_core_file(&made, PATH, HERE, record.size, 0);
	make_core_memory(&made, HERE, record.bytes, HALF);
	make_core_memory(&made, HERE + HALF + 8, record.bytes + HALF + 8, 100);
	ck_assert_uint_eq(in_core(only_record()), HALF);
}
END_TEST

START_TEST(pages_that_were_left_out_are_none)
{
	make_core_file(&made, PATH, HERE, record.size, 0);
	make_core_memory(&made, HERE, NULL, 0);
	ck_assert_uint_eq(in_core(only_record()), 0);
}
END_TEST

START_TEST(a_core_that_ends_too_early_is_cut)
{
	add_whole_record();
	make_core_finish(&made);
	made.size -= 1;
	ck_assert_uint_eq(in_core(only_record()), 0);
	ck_assert(core.cut);
	made.size = made.segments[0].p_offset + 100;
	ck_refused("truncated");
}
END_TEST

START_TEST(a_parents_record_is_not_the_childs)
{
	make_core_file(&made, "/tmp/4700-800-0123abcd.rec", HERE,
		       RECORD_FIRST_SIZE, 0);
	only_record();
	ck_assert_ptr_null(core_own_record(&core));
}
END_TEST

START_TEST(the_own_record_is_the_one_of_the_pid)
{
	make_core_file(&made, "/tmp/4700-800-0123abcd.rec", HERE,
		       RECORD_FIRST_SIZE, 0);
	make_core_file(&made, PATH, BEHIND, RECORD_FIRST_SIZE, 0);
	ck_assert_int_eq(read_made(), 0);
	ck_assert_str_eq(core_own_record(&core)->path, PATH);
}
END_TEST

/* Of a process that has this pid in that pid namespace. */
static void add_grown(int pid, uint64_t space)
{
	char path[80];

	snprintf(path, sizeof(path), "/tmp/%d-%" PRIu64 "-0123abcd.rec", pid,
		 record_start(800, space));
	make_core_file(&made, path, HERE, RECORD_FIRST_SIZE, 0);
	make_core_file(&made, path, BEHIND, 4096, RECORD_FIRST_SIZE);
}

static void start_gdbs(void)
{
	make_core_release(&made);
	make_core_init(&made, PID);
	make_core_stopped(&made, TID, SIGSEGV);
}

/* gdb sees another pid there than the process does. */
START_TEST(one_that_has_grown_is_its_own_in_another_pid_namespace)
{
	start_gdbs();
	add_grown(7, 4026532000u);
	only_record();
	ck_assert_ptr_eq(core_own_record(&core), &core.records[0]);
}
END_TEST

static void ck_not_own(int pid, uint64_t space)
{
	add_grown(pid, space);
	only_record();
	ck_assert_ptr_null(core_own_record(&core));
}

START_TEST(one_that_has_grown_is_not_the_childs_of_a_raw_clone)
{
	ck_not_own(7, 4026532000u);
	start_gdbs();
	ck_not_own(1, 4026532000u); /* its parent's pid */
	start_gdbs();
	ck_not_own(7, 0);
}
END_TEST

START_TEST(what_is_no_core_of_this_machine_is_refused)
{
	make_core_finish(&made);
	make_core_header(&made)->e_type = ET_DYN;
	ck_refused("a program or a library");
	make_core_header(&made)->e_type = ET_CORE;
	make_core_header(&made)->e_machine = EM_AARCH64;
	ck_refused("another machine");
	make_core_header(&made)->e_machine = EM_X86_64;
	make_core_header(&made)->e_ident[EI_CLASS] = ELFCLASS32;
	ck_refused("another machine");
}
END_TEST

START_TEST(a_core_that_names_nobody_is_refused)
{
	make_core_finish(&made);
	make_core_segment(&made, 0)->p_type = PT_NULL;
	ck_refused("whose core");
}
END_TEST

START_TEST(section_0_counts_very_many_segments)
{
	Elf64_Shdr *first;

	add_whole_record();
	make_core_finish(&made);
	made.bytes = realloc(made.bytes, made.size + sizeof(*first));
	first = (void *)(made.bytes + made.size);
	memset(first, 0, sizeof(*first));
	first->sh_info = make_core_header(&made)->e_phnum;
	make_core_header(&made)->e_phnum = PN_XNUM;
	make_core_header(&made)->e_shoff = made.size;
	made.size += sizeof(*first);
	ck_is_record(only_record());
	first->sh_info = UINT32_MAX;
	ck_refused("too many segments");
}
END_TEST

START_TEST(a_small_core_holds_no_large_record)
{
	char page[4096] = "";

	for (unsigned i = 0; i < 10; i++) {
		make_core_file(&made, PATH, HERE + i * 4096, 4096, i * 4096);
		make_core_memory(&made, HERE + i * 4096, page, i ? 0 : 4096);
	}
	make_core_finish(&made);
	for (unsigned i = 2; i <= 10; i++) {
		make_core_segment(&made, i)->p_offset =
			make_core_segment(&made, 1)->p_offset;
		make_core_segment(&made, i)->p_filesz = 4096;
	}
	ck_refused("overlap");
}
END_TEST

/* What evidence.h promises, with files. */
static struct evidence evidence;

static void save_core(void)
{
	FILE *file = fopen(scratch_path("core"), "w");

	make_core_finish(&made);
	ck_assert_uint_eq(fwrite(made.bytes, 1, made.size, file), made.size);
	fclose(file);
}

static void add_path(const char *name)
{
	const char *error = "";

	ck_assert_msg(!evidence_add(&evidence, scratch_path(name), &error),
		      "%s", error);
}

static int settle(void)
{
	why = "";
	return evidence_settle(&evidence, &why);
}

static void ck_one_record(void)
{
	ck_assert_msg(!settle(), "%s", why);
	ck_assert_uint_eq(evidence.record_count, 1);
	ck_assert(evidence.records[0].in_core);
	ck_assert_int_eq(evidence.records[0].died_of, SIGSEGV);
	ck_assert_int_eq(evidence.records[0].died_in, TID);
	evidence_release(&evidence);
}

START_TEST(a_core_alone_is_a_record)
{
	add_whole_record();
	save_core();
	evidence_init(&evidence, &arena);
	add_path("core");
	ck_one_record();
}
END_TEST

START_TEST(a_core_and_the_record_in_any_order_are_one)
{
	add_whole_record();
	save_core();
	make_save(&record, scratch_path("renamed"));
	evidence_init(&evidence, &arena);
	add_path("core");
	add_path("renamed");
	ck_one_record();
	evidence_init(&evidence, &arena);
	add_path("renamed");
	add_path("core");
	ck_one_record();
}
END_TEST

START_TEST(a_core_without_pages_finds_its_record_by_name)
{
	make_core_file(&made, PATH, HERE, record.size, 0);
	save_core();
	make_save(&record, scratch_path(NAME));
	evidence_init(&evidence, &arena);
	add_path("core");
	ck_assert_int_lt(settle(), 0);
	ck_assert_ptr_nonnull(strstr(why, "coredump_filter"));
	add_path(NAME);
	ck_one_record();
}
END_TEST

START_TEST(a_core_without_pages_finds_the_file_that_was_mapped)
{
	char path[200];

	make_save(&record, strcpy(path, scratch_path(NAME)));
	make_core_file(&made, path, HERE, record.size, 0);
	save_core();
	evidence_init(&evidence, &arena);
	add_path("core");
	ck_one_record();
}
END_TEST

START_TEST(a_path_in_a_core_is_shown_without_control_characters)
{
	make_core_file(&made, "/tmp/\033[2J/" NAME, HERE, record.size, 0);
	save_core();
	evidence_init(&evidence, &arena);
	add_path("core");
	ck_assert_int_lt(settle(), 0);
	ck_assert_ptr_nonnull(strstr(why, NAME));
	ck_assert_ptr_null(strchr(why, '\033'));
	evidence_release(&evidence);
}
END_TEST

START_TEST(another_process_record_in_its_place_is_not_used)
{
	char path[200];

	make_save(&record, strcpy(path, scratch_path("4711-816-0123abcd.rec")));
	make_core_file(&made, path, HERE, record.size, 0);
	save_core();
	evidence_init(&evidence, &arena);
	add_path("core");
	ck_assert_int_lt(settle(), 0);
	evidence_release(&evidence);
}
END_TEST

START_TEST(a_core_of_another_process_leaves_a_record_alone)
{
	add_whole_record();
	save_core();
	make_header(&record)->started_ns++;
	make_save(&record, scratch_path("other"));
	evidence_init(&evidence, &arena);
	add_path("other");
	add_path("core");
	ck_assert_int_eq(settle(), 0);
	ck_assert_uint_eq(evidence.record_count, 2);
	ck_assert(!evidence.records[0].in_core);
	ck_assert(evidence.records[1].in_core);
	evidence_release(&evidence);
}
END_TEST

Suite *core_suite(void)
{
	Suite *suite = suite_create("core");
	TCase *tc = tcase_create("read");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, the_first_thread_is_the_one_that_died);
	tcase_add_test(tc, who_was_stopped_by_a_debugger_has_not_died);
	tcase_add_test(tc, a_record_is_known_by_its_name);
	tcase_add_test(tc, a_record_whose_file_was_removed_keeps_its_name);
	tcase_add_test(tc, a_record_in_the_core_is_read_as_if_it_were_the_file);
	tcase_add_test(tc, a_record_is_put_together_from_its_parts);
	tcase_add_test(tc, what_lies_behind_a_gap_is_not_used);
	tcase_add_test(tc, pages_that_were_left_out_are_none);
	tcase_add_test(tc, a_core_that_ends_too_early_is_cut);
	tcase_add_test(tc, a_parents_record_is_not_the_childs);
	tcase_add_test(tc, the_own_record_is_the_one_of_the_pid);
	tcase_add_test(tc,
		       one_that_has_grown_is_its_own_in_another_pid_namespace);
	tcase_add_test(tc, one_that_has_grown_is_not_the_childs_of_a_raw_clone);
	tcase_add_test(tc, what_is_no_core_of_this_machine_is_refused);
	tcase_add_test(tc, a_core_that_names_nobody_is_refused);
	tcase_add_test(tc, section_0_counts_very_many_segments);
	tcase_add_test(tc, a_small_core_holds_no_large_record);
	suite_add_tcase(suite, tc);

	tc = tcase_create("with records");
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, a_core_alone_is_a_record);
	tcase_add_test(tc, a_core_and_the_record_in_any_order_are_one);
	tcase_add_test(tc, a_core_without_pages_finds_its_record_by_name);
	tcase_add_test(tc, a_core_without_pages_finds_the_file_that_was_mapped);
	tcase_add_test(tc,
		       a_path_in_a_core_is_shown_without_control_characters);
	tcase_add_test(tc, another_process_record_in_its_place_is_not_used);
	tcase_add_test(tc, a_core_of_another_process_leaves_a_record_alone);
	suite_add_tcase(suite, tc);
	return suite;
}
