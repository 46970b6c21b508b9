/* SPDX-License-Identifier: MIT */
/*
 * What analyzer/executable.h, closure.h, elf_file.h, elf_names.h and
 * search_path.h promise, on files that the compiler makes here.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "analyzer/executable.h"
#include "analyzer/search_path.h"
#include "tests/made_module.h"
#include "tests/suites.h"

#define TINY "'int main(void){return 0;}'"
/* What makes a libpq, to one who looks at the symbols. */
#define LIKE_LIBPQ "void PQconnectStart(void){} void PQfinish(void){}\n"

static struct executable file;

static enum executable_kind look(const char *name)
{
	executable_look(&file, &arena,
			arena_strdup(&arena, scratch_path(name)));
	return file.kind;
}

/* Compiles `code`, or an empty main(), as `app`. */
static void make(const char *code, const char *flags)
{
	scratch_write("app.c", code ? code : "int main(void){return 0;}\n");
	run("cc -o app app.c %s", flags);
}

static enum executable_libpq libpq_of(const char *name)
{
	look(name);
	executable_find_libpq(&file, &arena);
	return file.libpq;
}

static void script(const char *name, const char *text)
{
	scratch_write(name, arena_printf(&arena, text, scratch));
	run("chmod 755 %s", name);
}

START_TEST(what_is_not_there_is_missing)
{
	ck_assert_int_eq(look("nothing"), EXECUTABLE_MISSING);
	ck_assert(!executable_can_preload(&file));
}
END_TEST

START_TEST(what_cannot_be_executed_is_unusable)
{
	scratch_write("text", "hello\n");
	ck_assert_int_eq(look("text"), EXECUTABLE_UNUSABLE);
	run("chmod 755 text && mkfifo pipe && chmod 755 pipe && mkdir folder");
	ck_assert_int_eq(look("text"), EXECUTABLE_UNUSABLE);
	ck_assert_int_eq(look("pipe"), EXECUTABLE_UNUSABLE);
	ck_assert_int_eq(look("folder"), EXECUTABLE_UNUSABLE);
}
END_TEST

START_TEST(an_ordinary_program_can_have_something_preloaded)
{
	make(NULL, "");
	ck_assert_int_eq(look("app"), EXECUTABLE_DYNAMIC);
	ck_assert(executable_can_preload(&file));
	ck_assert_ptr_null(file.privilege);
	ck_assert_ptr_null(file.runtime);
	ck_assert_int_eq(look("../../lib64/ld-linux-x86-64.so.2"),
			 EXECUTABLE_DYNAMIC);
}
END_TEST

START_TEST(a_program_without_a_loader_is_static)
{
	make(NULL, "-static");
	ck_assert_int_eq(look("app"), EXECUTABLE_STATIC);
	make(NULL, "-static-pie");
	ck_assert_int_eq(look("app"), EXECUTABLE_STATIC);
	ck_assert(!executable_can_preload(&file));
}
END_TEST

START_TEST(a_program_for_another_c_library_is_told_by_its_loader)
{
	make(NULL, "-Wl,-dynamic-linker,/lib/ld-musl-x86_64.so.1");
	ck_assert_int_eq(look("app"), EXECUTABLE_LOADER);
	ck_assert_str_eq(file.loader, "/lib/ld-musl-x86_64.so.1");
}
END_TEST

/* Of the 64 bytes of a header only these few count here. */
static void write_header(const char *name, unsigned char class, uint8_t machine)
{
	unsigned char bytes[64] = { 0x7f, 'E', 'L', 'F', class, 1, 1 };
	FILE *out = fopen(scratch_path(name), "w");

	bytes[16] = 2; /* ET_EXEC */
	bytes[18] = machine;
	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(bytes, 1, sizeof(bytes), out), sizeof(bytes));
	ck_assert_int_eq(fclose(out), 0);
	run("chmod 755 %s", name);
}

START_TEST(another_machine_and_word_size_are_known)
{
	write_header("i386", 1, 3);
	write_header("arm64", 2, 183);
	ck_assert_int_eq(look("i386"), EXECUTABLE_MACHINE);
	ck_assert_int_eq(look("arm64"), EXECUTABLE_MACHINE);
}
END_TEST

static bool gives_no_rights(void)
{
	struct statvfs about;

	return !statvfs(scratch, &about) && about.f_flag & ST_NOSUID;
}

START_TEST(rights_count_where_they_are_somebody_elses)
{
	make(NULL, "");
	run("chmod u+s app");
	look("app");
	ck_assert_ptr_null(file.privilege); /* it is our own */
	if (getuid() || gives_no_rights())
		return; /* who else's it could be */
	run("chown 65534:65534 app && chmod 4755 app");
	look("app");
	ck_assert_str_eq(file.privilege, "setuid");
	ck_assert(!executable_can_preload(&file));
	run("chmod 2755 app");
	look("app");
	ck_assert_str_eq(file.privilege, "setgid");
}
END_TEST

START_TEST(a_script_is_its_interpreter)
{
	char *shell = realpath("/bin/sh", NULL);

	script("script", "#! /bin/sh -e  \nexit\n");
	ck_assert_int_eq(look("script"), EXECUTABLE_DYNAMIC);
	ck_assert_str_eq(file.file, shell);
	ck_assert_str_eq(file.argument, "-e  ");
	ck_assert_str_eq(file.script, scratch_path("script"));
	script("outer", "#!%s/script\n");
	ck_assert_int_eq(look("outer"), EXECUTABLE_DYNAMIC);
	ck_assert_str_eq(file.file, shell);
	ck_assert_str_eq(file.script, scratch_path("outer"));
	free(shell);
}
END_TEST

START_TEST(a_script_that_nothing_can_read_is_unusable)
{
	script("lost", "#!/there/is/no/such/file\n");
	script("round", "#!%s/round\n");
	script("nothing", "#!\n");
	ck_assert_int_eq(look("lost"), EXECUTABLE_UNUSABLE);
	ck_assert_int_eq(look("round"), EXECUTABLE_UNUSABLE);
	ck_assert_int_eq(look("nothing"), EXECUTABLE_UNUSABLE);
}
END_TEST

START_TEST(debians_wrapper_is_known_through_links)
{
	script("pg_wrapper", "#!/bin/sh\n");
	run("ln -s pg_wrapper psql && cp pg_wrapper other");
	look("psql");
	ck_assert(file.wrapper);
	look("other");
	ck_assert(!file.wrapper);
}
END_TEST

START_TEST(a_sanitizers_runtime_is_found_among_what_is_needed)
{
	make(NULL, "-fsanitize=address");
	look("app");
	ck_assert_ptr_nonnull(file.runtime);
	ck_assert_int_eq(strncmp(file.runtime, "libasan.so", 10), 0);
	make(NULL, "-fsanitize=undefined");
	look("app");
	ck_assert_ptr_null(file.runtime);
}
END_TEST

/* A library that ends in `tail`, and goes by that name. */
static void make_library(const char *name, const char *code, const char *flags)
{
	scratch_write("lib.c", code);
	run("cc -shared -fPIC -Wl,-soname,%s -o %s lib.c %s", name, name,
	    flags);
}

#define CALLER "void PQfinish(void); int main(void){PQfinish();return 0;}\n"
#define HERE   " -Wl,-rpath,'$ORIGIN' -L. "

START_TEST(libpq_is_found_where_the_program_is_linked_with_it)
{
	make_library("libpq.so.5", LIKE_LIBPQ, "");
	make(CALLER, HERE "-l:libpq.so.5");
	ck_assert_int_eq(libpq_of("app"), LIBPQ_LINKED);
	ck_assert_str_eq(file.library, scratch_path("libpq.so.5"));
	ck_assert_ptr_null(file.through);
	make(NULL, "");
	ck_assert_int_eq(libpq_of("app"), LIBPQ_NONE);
}
END_TEST

START_TEST(libpq_is_found_behind_another_library)
{
	make_library("libpq.so.5", LIKE_LIBPQ, "");
	make_library("libdriver.so",
		     "void PQfinish(void);"
		     "void drive(void){PQfinish();}\n",
		     HERE "-l:libpq.so.5");
	make("void drive(void); int main(void){drive();return 0;}\n",
	     HERE "-ldriver -Wl,-rpath-link,.");
	ck_assert_int_eq(libpq_of("app"), LIBPQ_LINKED);
	ck_assert_str_eq(file.through, scratch_path("libdriver.so"));
}
END_TEST

START_TEST(the_folders_of_the_program_its_user_and_the_loader_are_searched)
{
	make_library("libpq.so.5", LIKE_LIBPQ, "");
	make(CALLER,
	     "-L. -l:libpq.so.5 -Wl,--disable-new-dtags,-rpath,'$ORIGIN'");
	libpq_of("app");
	ck_assert_str_eq(file.library, scratch_path("libpq.so.5"));
	make(CALLER, "-L. -l:libpq.so.5");
	setenv("LD_LIBRARY_PATH", scratch, 1);
	libpq_of("app");
	ck_assert_str_eq(file.library, scratch_path("libpq.so.5"));
	unsetenv("LD_LIBRARY_PATH");
	libpq_of("app");
	ck_assert_ptr_nonnull(file.library); /* the real one */
	ck_assert_str_ne(file.library, scratch_path("libpq.so.5"));
}
END_TEST

START_TEST(a_libpq_that_is_gone_is_still_needed)
{
	make_library("libpq-0123abcd.so.5", LIKE_LIBPQ, "");
	make(CALLER, HERE "-l:libpq-0123abcd.so.5");
	run("rm libpq-*");
	ck_assert_int_eq(libpq_of("app"), LIBPQ_LINKED);
	ck_assert_ptr_null(file.library);
	ck_assert_str_eq(file.missing, "libpq-0123abcd.so.5");
}
END_TEST

START_TEST(libraries_that_only_begin_alike_are_no_libpq)
{
	make_library("libpqxx-7.so", "void PQfinish(void){}\n", "");
	make(CALLER, HERE "-lpqxx-7");
	ck_assert_int_eq(libpq_of("app"), LIBPQ_NONE);
}
END_TEST

START_TEST(a_libpq_by_another_name_is_known_by_its_functions)
{
	make_library("libeverything.so", LIKE_LIBPQ, "");
	make(CALLER, HERE "-leverything");
	ck_assert_int_eq(libpq_of("app"), LIBPQ_LINKED);
}
END_TEST

/* The real one: only it has all of its own texts. */
#define ARCHIVE                                            \
	"-static-pie -Wl,--unresolved-symbols=ignore-all " \
	"-Wl,--whole-archive -l:libpq.a -Wl,--no-whole-archive"

START_TEST(a_libpq_inside_is_found_with_names_and_without)
{
	make(NULL, ARCHIVE);
	ck_assert_int_eq(libpq_of("app"), LIBPQ_STATIC);
	run("strip app");
	ck_assert_int_eq(libpq_of("app"), LIBPQ_STRIPPED);
	make(NULL, "-static-pie -s");
	ck_assert_int_eq(libpq_of("app"), LIBPQ_NONE);
}
END_TEST

START_TEST(the_server_and_connleak_itself_have_no_libpq)
{
	executable_look(&file, &arena, "/proc/self/exe");
	executable_find_libpq(&file, &arena);
	ck_assert_int_eq(file.libpq, LIBPQ_NONE);
}
END_TEST

/* Any byte may be any other: what comes out does not matter, nor may it. */
START_TEST(a_damaged_file_does_no_harm)
{
	FILE *out;
	long size;

	make_library("libpq.so.5", LIKE_LIBPQ, "");
	make(CALLER, HERE "-l:libpq.so.5");
	out = fopen(scratch_path("app"), "r+");
	ck_assert_ptr_nonnull(out);
	fseek(out, 0, SEEK_END);
	size = ftell(out);
	srand(1);
	for (int i = 0; i < 300; i++) {
		const long at = rand() % (i % 2 ? 1024 : size);

		fseek(out, at < 4 ? 4 : at, SEEK_SET);
		fputc(rand(), out);
		fflush(out);
		libpq_of("app");
	}
	fclose(out);
	for (int i = 0; i < 64; i++) {
		ck_assert_int_eq(truncate(scratch_path("app"), 600 - 9 * i), 0);
		libpq_of("app");
	}
}
END_TEST

START_TEST(a_name_is_searched_in_path_and_a_path_is_not)
{
	run("mkdir no yes && cp /bin/true yes/tool && touch no/tool");
	setenv("PATH", arena_printf(&arena, "%s/no:%s/yes", scratch, scratch),
	       1);
	ck_assert_str_eq(search_path_find(&arena, "tool"),
			 scratch_path("yes/tool"));
	ck_assert_ptr_null(search_path_find(&arena, "other"));
	ck_assert_ptr_null(search_path_find(&arena, ""));
	ck_assert_int_eq(chdir(scratch), 0);
	ck_assert_str_eq(search_path_find(&arena, "./yes/tool"),
			 scratch_path("yes/tool"));
	setenv("PATH", "", 1);
	ck_assert_ptr_null(search_path_find(&arena, "tool"));
}
END_TEST

static void add_kinds(Suite *suite)
{
	TCase *t = module_case(suite, "kinds");

	tcase_add_test(t, what_is_not_there_is_missing);
	tcase_add_test(t, what_cannot_be_executed_is_unusable);
	tcase_add_test(t, an_ordinary_program_can_have_something_preloaded);
	tcase_add_test(t, a_program_without_a_loader_is_static);
	tcase_add_test(t,
		       a_program_for_another_c_library_is_told_by_its_loader);
	tcase_add_test(t, another_machine_and_word_size_are_known);
	tcase_add_test(t, rights_count_where_they_are_somebody_elses);
	tcase_add_test(t, a_sanitizers_runtime_is_found_among_what_is_needed);
	tcase_add_test(t, a_damaged_file_does_no_harm);
}

static void add_scripts(Suite *suite)
{
	TCase *t = module_case(suite, "scripts");

	tcase_add_test(t, a_script_is_its_interpreter);
	tcase_add_test(t, a_script_that_nothing_can_read_is_unusable);
	tcase_add_test(t, debians_wrapper_is_known_through_links);
	tcase_add_test(t, a_name_is_searched_in_path_and_a_path_is_not);
}

static void add_libpq(Suite *suite)
{
	TCase *t = module_case(suite, "libpq");

	tcase_add_test(t, libpq_is_found_where_the_program_is_linked_with_it);
	tcase_add_test(t, libpq_is_found_behind_another_library);
	tcase_add_test(
		t,
		the_folders_of_the_program_its_user_and_the_loader_are_searched);
	tcase_add_test(t, a_libpq_that_is_gone_is_still_needed);
	tcase_add_test(t, libraries_that_only_begin_alike_are_no_libpq);
	tcase_add_test(t, a_libpq_by_another_name_is_known_by_its_functions);
	tcase_add_test(t, a_libpq_inside_is_found_with_names_and_without);
	tcase_add_test(t, the_server_and_connleak_itself_have_no_libpq);
}

Suite *executable_suite(void)
{
	Suite *suite = suite_create("executable");

	add_kinds(suite);
	add_scripts(suite);
	add_libpq(suite);
	return suite;
}
