/* SPDX-License-Identifier: MIT */
/*
 * What analyzer/symbols.h promises of the files it reads, a sentence a test:
 * which are read, which are not, and that none of them does harm.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/made_module.h"

/* --- separate debug info --- */

#define SPLIT_OFF                                                        \
	"objcopy --only-keep-debug lib.so lib.debug && strip lib.so && " \
	"objcopy --add-gnu-debuglink=lib.debug lib.so && "

START_TEST(debug_info_is_found_beside_the_module)
{
	compile(BUILD_ID " -g");
	run(SPLIT_OFF "true");
	look_up("lib.so", call_in("outer"));
	check_frame(0, "inner", 110, true);
}
END_TEST

START_TEST(debug_info_is_found_in_the_folder_debug_beside_the_module)
{
	compile(BUILD_ID " -g");
	run(SPLIT_OFF "mkdir -p .debug && mv lib.debug .debug");
	look_up("lib.so", call_in("outer"));
	check_frame(0, "inner", 110, true);
}
END_TEST

START_TEST(debug_info_may_have_the_name_of_the_module)
{
	compile(BUILD_ID " -g");
	run("mkdir .debug && objcopy --only-keep-debug lib.so .debug/lib.so && "
	    "strip lib.so && "
	    "objcopy --add-gnu-debuglink=.debug/lib.so lib.so");
	look_up("lib.so", call_in("outer"));
	check_frame(0, "inner", 110, true);
}
END_TEST

START_TEST(names_of_symbols_are_taken_from_separate_debug_info_too)
{
	compile(BUILD_ID);
	run(SPLIT_OFF "true");
	look_up("lib.so", call_in("call_hidden"));
	ck_assert_str_eq(frames[0].function, "hidden");
}
END_TEST

START_TEST(debug_info_with_another_build_id_is_not_used)
{
	compile(OTHER_ID " -g");
	run("objcopy --only-keep-debug lib.so other.debug");
	compile(BUILD_ID " -g");
	run(SPLIT_OFF "mv other.debug lib.debug");
	look_up("lib.so", call_in("plain"));
	ck_assert_str_eq(frames[0].function, "plain");
	ck_assert_int_eq(frames[0].trouble, TROUBLE_NO_DEBUG);
}
END_TEST

START_TEST(without_a_build_id_the_checksum_of_debug_info_must_be_right)
{
	compile(NO_ID " -g");
	run(SPLIT_OFF "cp lib.debug right.debug && echo >> lib.debug");
	look_up_without_id("lib.so", call_in("plain"));
	ck_assert_int_eq(frames[0].trouble, TROUBLE_NO_DEBUG);
	run("mv right.debug lib.debug");
	symbols_free(symbols);
	symbols = symbols_new();
	look_up_without_id("lib.so", call_in("plain"));
	check_frame(0, "plain", 140, false);
}
END_TEST

START_TEST(a_pipe_where_debug_info_should_be_does_not_block)
{
	compile(BUILD_ID " -g");
	run(SPLIT_OFF "rm lib.debug && mkfifo lib.debug");
	look_up("lib.so", call_in("plain"));
	ck_assert_int_eq(frames[0].trouble, TROUBLE_NO_DEBUG);
	run("rm lib.debug");
}
END_TEST

/* The line table and the symbols are not in it. */
START_TEST(a_pipe_where_split_debug_info_should_be_does_not_block)
{
	compile(BUILD_ID " -g -gsplit-dwarf");
	run("for f in *.dwo; do rm $f && mkfifo $f; done");
	ck_assert_uint_eq(look_up("lib.so", call_in("plain")), 1);
	ck_assert_str_eq(frames[0].function, "plain");
	ck_assert_int_eq(frames[0].line, 140);
	ck_assert_int_eq(frames[0].trouble, TROUBLE_NONE);
}
END_TEST

/* Listens on a port of its own, without ever answering. */
static int listen_silently(struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	*address = (struct sockaddr_in){ .sin_family = AF_INET };
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)address, size), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	getsockname(fd, (struct sockaddr *)address, &size);
	return fd;
}

START_TEST(no_debuginfod_server_is_asked_and_its_variable_stays)
{
	struct sockaddr_in address;
	const int fd = listen_silently(&address);
	const char *url = arena_printf(&arena, "http://127.0.0.1:%u",
				       ntohs(address.sin_port));

	compile(BUILD_ID " -g -s");
	setenv("DEBUGINFOD_URLS", url, 1);
	setenv("DEBUGINFOD_CACHE_PATH", scratch, 1);
	look_up("lib.so", call_in("plain"));
	ck_assert_int_eq(frames[0].trouble, TROUBLE_NO_DEBUG);
	ck_assert_int_eq(accept(fd, NULL, NULL), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_str_eq(getenv("DEBUGINFOD_URLS"), url);
	close(fd);
}
END_TEST

/* --- not the file of the record --- */

START_TEST(a_module_that_was_built_anew_has_no_names)
{
	uint64_t offset;

	compile(OTHER_ID " -g");
	offset = call_in("plain");
	check_nothing_known(look_up("lib.so", offset), TROUBLE_CHANGED);
}
END_TEST

START_TEST(a_module_recorded_without_a_build_id_is_not_one_that_has_one)
{
	compile(BUILD_ID " -g");
	look_up_without_id("lib.so", call_in("plain"));
	check_nothing_known(1, TROUBLE_CHANGED);
}
END_TEST

START_TEST(a_module_without_a_build_id_is_taken_for_the_recorded_one)
{
	compile(NO_ID " -g");
	look_up_without_id("lib.so", call_in("plain"));
	check_frame(0, "plain", 140, false);
}
END_TEST

START_TEST(what_is_not_elf_is_another_file)
{
	scratch_write("garbage", "not a module");
	check_nothing_known(look_up("garbage", 0x1000), TROUBLE_CHANGED);
}
END_TEST

START_TEST(a_module_that_is_gone_is_said_to_be_gone)
{
	check_nothing_known(look_up("nowhere", 0x1000), TROUBLE_NO_FILE);
}
END_TEST

START_TEST(a_pipe_or_a_folder_is_no_module_and_does_not_block)
{
	ck_assert_int_eq(mkfifo(scratch_path("pipe"), 0600), 0);
	check_nothing_known(look_up("pipe", 0x1000), TROUBLE_NO_FILE);
	check_nothing_known(look_up(".", 0x1000), TROUBLE_NO_FILE);
}
END_TEST

/* Like the kernel's "linux-vdso.so.1"; a file of that name is not meant. */
START_TEST(a_name_that_is_no_path_is_no_file)
{
	const struct symbols_module module = { .path = "lib.so" };
	const int before = open(".", O_RDONLY | O_DIRECTORY);
	size_t count;

	compile(NO_ID " -g");
	ck_assert_int_eq(chdir(scratch), 0);
	count = symbols_frames(symbols, &arena, &module, 0x1000, &frames);
	ck_assert_int_eq(fchdir(before), 0);
	close(before);
	check_nothing_known(count, TROUBLE_NO_FILE);
}
END_TEST

START_TEST(modules_at_two_paths_are_two_though_they_are_equal)
{
	compile(BUILD_ID " -g");
	look_up("lib.so", call_in("plain"));
	check_nothing_known(look_up("nowhere", call_in("plain")),
			    TROUBLE_NO_FILE);
}
END_TEST

START_TEST(an_address_in_no_module_is_no_code_of_a_file)
{
	const struct symbols_module nameless = { .path = NULL };

	check_nothing_known(symbols_frames(symbols, &arena, NULL, 16, &frames),
			    TROUBLE_NO_CODE);
	ck_assert_uint_eq(frames[0].offset, 16);
	check_nothing_known(
		symbols_frames(symbols, &arena, &nameless, 16, &frames),
		TROUBLE_NO_CODE);
}
END_TEST

static const uint64_t offsets[] = { 0, 1, INT64_MAX, UINT64_MAX };

START_TEST(an_offset_outside_of_the_module_has_no_name)
{
	compile(BUILD_ID " -g");
	check_nothing_known(look_up("lib.so", offsets[_i]), TROUBLE_NO_DEBUG);
}
END_TEST

/* Whatever is found of it, nothing of it ends the report. */
START_TEST(a_module_that_was_cut_short_does_no_harm)
{
	struct stat file;
	uint64_t offset;
	off_t size;

	compile(BUILD_ID " -g");
	offset = call_in("outer");
	run("cp lib.so cut.so");
	ck_assert_int_eq(stat(scratch_path("cut.so"), &file), 0);
	for (size = file.st_size; size > 0; size -= 1 + file.st_size / 100) {
		ck_assert_int_eq(truncate(scratch_path("cut.so"), size), 0);
		symbols_free(symbols);
		symbols = symbols_new();
		look_up("cut.so", offset);
	}
}
END_TEST

void add_symbols_files(Suite *suite)
{
	TCase *t = module_case(suite, "separate debug info");

	tcase_add_test(t, debug_info_is_found_beside_the_module);
	tcase_add_test(
		t, debug_info_is_found_in_the_folder_debug_beside_the_module);
	tcase_add_test(t, debug_info_may_have_the_name_of_the_module);
	tcase_add_test(t,
		       names_of_symbols_are_taken_from_separate_debug_info_too);
	tcase_add_test(t, debug_info_with_another_build_id_is_not_used);
	tcase_add_test(
		t, without_a_build_id_the_checksum_of_debug_info_must_be_right);
	tcase_add_test(t, a_pipe_where_debug_info_should_be_does_not_block);
	tcase_add_test(t,
		       a_pipe_where_split_debug_info_should_be_does_not_block);
	tcase_add_test(t, no_debuginfod_server_is_asked_and_its_variable_stays);

	t = module_case(suite, "not the file of the record");
	tcase_add_test(t, a_module_that_was_built_anew_has_no_names);
	tcase_add_test(
		t,
		a_module_recorded_without_a_build_id_is_not_one_that_has_one);
	tcase_add_test(
		t, a_module_without_a_build_id_is_taken_for_the_recorded_one);
	tcase_add_test(t, what_is_not_elf_is_another_file);
	tcase_add_test(t, a_module_that_is_gone_is_said_to_be_gone);
	tcase_add_test(t, a_pipe_or_a_folder_is_no_module_and_does_not_block);
	tcase_add_test(t, a_name_that_is_no_path_is_no_file);
	tcase_add_test(t, modules_at_two_paths_are_two_though_they_are_equal);
	tcase_add_test(t, an_address_in_no_module_is_no_code_of_a_file);
	tcase_add_loop_test(t, an_offset_outside_of_the_module_has_no_name, 0,
			    COUNT(offsets));
	tcase_add_test(t, a_module_that_was_cut_short_does_no_harm);
}
