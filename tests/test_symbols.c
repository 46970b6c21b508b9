/* SPDX-License-Identifier: MIT */
/* What analyzer/symbols.h promises of names and lines, a sentence a test. */
#include "tests/suites.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analyzer/debugfile.h"
#include "analyzer/demangle.h"
#include "analyzer/source.h"
#include "analyzer/spans.h"
#include "tests/made_module.h"

/* --- with debug info --- */

START_TEST(a_c_function_has_its_name_file_and_line)
{
	compile(BUILD_ID " -g");
	ck_assert_uint_eq(look_up("lib.so", call_in("plain")), 1);
	check_frame(0, "plain", 140, false);
}
END_TEST

START_TEST(a_call_that_ends_a_function_belongs_to_it_and_not_to_the_next)
{
	compile(BUILD_ID " -g");
	look_up("lib.so", call_in("call_ends_in_a_call"));
	check_frame(0, "ends_in_a_call", 150, false);
}
END_TEST

static const char *const kinds_of_debug_info[] = {
	"-gdwarf-4",
	"-gdwarf-5",
	"-g -gz",
	"-g -gsplit-dwarf",
	"-gdwarf-4 -gsplit-dwarf",
};

START_TEST(inlined_frames_come_innermost_first_with_the_lines_of_their_calls)
{
	compile(arena_printf(&arena, BUILD_ID " %s", kinds_of_debug_info[_i]));
	ck_assert_uint_eq(look_up("lib.so", call_in("outer")), 3);
	check_frame(0, "inner", 110, true);
	check_frame(1, "middle", 120, true);
	check_frame(2, "outer", 130, false);
	ck_assert_str_eq(frames[2].module, scratch_path("lib.so"));
	ck_assert_uint_eq(frames[2].offset, frames[0].offset);
}
END_TEST

START_TEST(the_unit_is_found_though_the_compiler_wrote_no_aranges)
{
	compile(BUILD_ID " -g");
	run("objcopy --remove-section .debug_aranges lib.so");
	look_up("lib.so", call_in("plain"));
	check_frame(0, "plain", 140, false);
}
END_TEST

START_TEST(a_cxx_name_is_readable_with_namespace_and_template)
{
	compile_cxx(BUILD_ID " -g");
	look_up("lib.so", call_in("call_template"));
	ck_assert_str_eq(frames[0].function, "shop::shelf<int>::take(int)");
	ck_assert_str_eq(frames[0].language, "c++");
	ck_assert_int_eq(frames[0].line, 5);
}
END_TEST

START_TEST(a_cxx_name_that_is_not_mangled_has_its_namespace_too)
{
	compile_cxx(BUILD_ID " -g");
	look_up("lib.so", call_in("call_hidden"));
	ck_assert_ptr_nonnull(strstr(frames[0].function,
				     "shop::(anonymous namespace)::hidden"));
}
END_TEST

START_TEST(a_relative_path_is_taken_from_the_folder_of_the_compilation)
{
	compile("");
	run("mkdir sub && cd sub && cc -shared -fPIC -O2 -g -Wl,-Bsymbolic "
	    "%s -o ../lib.so .././sub/../code.c",
	    BUILD_ID);
	look_up("lib.so", call_in("plain"));
	check_frame(0, "plain", 140, false);
}
END_TEST

START_TEST(a_relative_folder_of_the_compilation_leaves_the_path_relative)
{
	compile(arena_printf(&arena, BUILD_ID " -g -fdebug-prefix-map=%s=./x",
			     scratch));
	look_up("lib.so", call_in("plain"));
	ck_assert_str_eq(frames[0].file, "x/code.c");
}
END_TEST

/* It is larger than all that lies before the functions in the file. */
START_TEST(a_function_that_the_linker_threw_away_hides_no_other)
{
	static const char code[] =
		"void *seen;\n"
		"__attribute__((noinline)) void remember(void)\n"
		"{ seen = __builtin_return_address(0); }\n"
		"__attribute__((visibility(\"hidden\"))) void unused(void)\n"
		"{ __asm__ volatile(\".skip 65536\"); }\n"
		"int used(void) {\n"
		"remember(); return 1; }\n";

	compile_other(code, BUILD_ID " -g -ffunction-sections "
				     "-Wl,--gc-sections");
	look_up("lib.so", call_in("used"));
	check_frame(0, "used", 7, false);
}
END_TEST

/* An extension of gcc; in Ada, Fortran or D it is usual. */
START_TEST(a_function_in_a_function_has_its_own_name)
{
	static const char code[] =
		"void *seen;\n"
		"__attribute__((noinline)) void remember(void)\n"
		"{ seen = __builtin_return_address(0); }\n"
		"int around(void) {\n"
		"__attribute__((noinline)) int within(void) {\n"
		"remember(); return 1; }\n"
		"return within() + 1; }\n";

	compile_other(code, BUILD_ID " -g");
	ck_assert_uint_eq(look_up("lib.so", call_in("around")), 1);
	check_frame(0, "within", 6, false);
}
END_TEST

START_TEST(a_module_is_read_once)
{
	uint64_t offset;

	compile(BUILD_ID " -g");
	offset = call_in("plain");
	look_up("lib.so", offset);
	ck_assert_int_eq(unlink(scratch_path("lib.so")), 0);
	look_up("lib.so", offset);
	check_frame(0, "plain", 140, false);
}
END_TEST

/* --- without debug info --- */

START_TEST(a_stripped_module_has_the_names_of_what_it_exports)
{
	compile(BUILD_ID " -g -s");
	ck_assert_uint_eq(look_up("lib.so", call_in("plain")), 1);
	ck_assert_str_eq(frames[0].function, "plain");
	ck_assert_int_eq(frames[0].trouble, TROUBLE_NO_DEBUG);
	ck_assert_ptr_null(frames[0].file);
	ck_assert_ptr_null(frames[0].language);
}
END_TEST

START_TEST(a_function_without_a_symbol_is_not_named_after_its_neighbour)
{
	compile(BUILD_ID " -g -s");
	check_nothing_known(look_up("lib.so", call_in("call_hidden")),
			    TROUBLE_NO_DEBUG);
}
END_TEST

START_TEST(a_stripped_cxx_module_has_readable_names)
{
	compile_cxx(BUILD_ID " -s");
	look_up("lib.so", call_in("call_template"));
	ck_assert_str_eq(frames[0].function, "shop::shelf<int>::take(int)");
	ck_assert_str_eq(frames[0].language, "c++");
}
END_TEST

START_TEST(of_several_names_the_exported_one_without_underscores_is_shown)
{
	static const char code[] =
		"void *seen;\n"
		"void remember(void) { seen = __builtin_return_address(0); }\n"
		"int __take(void) { remember(); return 1; }\n"
		"int take(void) __attribute__((alias(\"__take\")));\n"
		"static int a_take(void)\n"
		"__attribute__((alias(\"__take\"), used));\n";

	compile_other(code, BUILD_ID);
	look_up("lib.so", call_in("take"));
	ck_assert_str_eq(frames[0].function, "take");
}
END_TEST

START_TEST(a_symbol_without_a_size_reaches_to_the_next_in_its_section)
{
	static const char code[] =
		".text\n.globl a, b\n.type a, @function\n.type b, @function\n"
		"a: nop\nnop\nb: nop\nnop\n"
		".section .rest, \"ax\"\nnop\nnop\n";
	uint64_t at;

	scratch_write("code.s", code);
	run("cc -shared -nostdlib " BUILD_ID " -o lib.so code.s");
	at = address_of("b");

	/* What is looked up is the byte before. */
	look_up("lib.so", at);
	ck_assert_str_eq(frames[0].function, "a");
	look_up("lib.so", at + 2);
	ck_assert_str_eq(frames[0].function, "b");
	check_nothing_known(look_up("lib.so", at + 3), TROUBLE_NO_DEBUG);
}
END_TEST

START_TEST(functions_of_libc_have_names)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW);
	struct symbols_module module = { 0 };
	struct link_map *map;
	struct build_id id;
	uintptr_t at;
	int fd;

	ck_assert_int_eq(dlinfo(libc, RTLD_DI_LINKMAP, &map), 0);
	at = (uintptr_t)dlsym(libc, "qsort") - map->l_addr;
	fd = regular_open(map->l_name);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_ge(build_id_read(fd, &id), 0);
	close(fd);
	module.path = map->l_name;
	module.build_id = id.bytes;
	module.build_id_size = id.size;
	symbols_frames(symbols, &arena, &module, at + 1, &frames);
	ck_assert_str_eq(frames[0].function, "qsort");
}
END_TEST

/* --- what symbols are made of --- */

static const struct {
	const char *symbol, *name;
} names[] = {
	{ "fopen@@GLIBC_2.2.5", "fopen" },
	{ "take.part.0", "take" },
	{ "take.constprop.0.isra.0", "take" },
	{ "take.cold", "take" },
	{ "main.colder", "main.colder" },
	{ ".part.0", ".part.0" },
	{ "_ZN4shop4takeEi.cold", "shop::take(int)" },
	{ "_Znothing", "_Znothing" },
	{ "_ZN4shop4take17h0123456789abcdefE", "shop::take" },
	{ "_ZN36_$LT$shop..Shelf$u20$as$u20$Take$GT$4take17h0123456789abcdefE",
	  "<shop::Shelf as Take>::take" },
	{ "i", "i" },
};

START_TEST(a_symbol_is_named_as_in_the_source)
{
	ck_assert_str_eq(demangle_symbol(&arena, names[_i].symbol),
			 names[_i].name);
}
END_TEST

static const struct {
	const char *folder, *path, *expected;
} paths[] = {
	{ "/a/b", "c.c", "/a/b/c.c" },
	{ "/a/b", "../c.c", "/a/c.c" },
	{ "/a/b", "./x/.//../c.c", "/a/b/c.c" },
	{ "/a", "/b/c.c", "/b/c.c" },
	{ "/", "../../c.c", "/c.c" },
	{ "./x", "x/c.c", "x/c.c" },
	{ NULL, "../../c.c", "../../c.c" },
	{ NULL, "a/../../c.c", "../c.c" },
	{ NULL, "c.c", "c.c" },
	{ NULL, "a/../c.c", "c.c" },
	{ NULL, "a/...", "a/..." },
};

START_TEST(a_path_loses_its_dots)
{
	ck_assert_str_eq(source_path(&arena, paths[_i].folder, paths[_i].path),
			 paths[_i].expected);
}
END_TEST

START_TEST(of_ranges_that_overlap_the_last_is_found)
{
	struct span_list list = { 0 };
	struct spans spans;
	uint32_t i, seed = 1;
	uint64_t number;

	for (i = 0; i < 300; i++) {
		const uint32_t low = (seed = seed * 1103515245 + 12345) >> 20;

		span_list_add(&list, &arena, low, low + i % 97, i);
	}
	spans_build(&spans, &arena, &list);
	for (number = 0; number < 4300; number++) {
		uint32_t expected = SPANS_NONE;

		for (i = 0; i < list.count; i++)
			if (list.at[i].low <= number &&
			    number < list.at[i].high)
				expected = list.at[i].value;
		ck_assert_uint_eq(spans_find(&spans, number, NULL), expected);
	}
}
END_TEST

Suite *symbols_suite(void)
{
	Suite *suite = suite_create("symbols");
	TCase *t = module_case(suite, "with debug info");

	tcase_add_test(t, a_c_function_has_its_name_file_and_line);
	tcase_add_test(
		t,
		a_call_that_ends_a_function_belongs_to_it_and_not_to_the_next);
	tcase_add_loop_test(
		t,
		inlined_frames_come_innermost_first_with_the_lines_of_their_calls,
		0, COUNT(kinds_of_debug_info));
	tcase_add_test(t,
		       the_unit_is_found_though_the_compiler_wrote_no_aranges);
	tcase_add_test(t, a_cxx_name_is_readable_with_namespace_and_template);
	tcase_add_test(t, a_cxx_name_that_is_not_mangled_has_its_namespace_too);
	tcase_add_test(
		t, a_relative_path_is_taken_from_the_folder_of_the_compilation);
	tcase_add_test(
		t,
		a_relative_folder_of_the_compilation_leaves_the_path_relative);
	tcase_add_test(t, a_function_that_the_linker_threw_away_hides_no_other);
	tcase_add_test(t, a_function_in_a_function_has_its_own_name);
	tcase_add_test(t, a_module_is_read_once);

	t = module_case(suite, "without debug info");
	tcase_add_test(t, a_stripped_module_has_the_names_of_what_it_exports);
	tcase_add_test(
		t,
		a_function_without_a_symbol_is_not_named_after_its_neighbour);
	tcase_add_test(t, a_stripped_cxx_module_has_readable_names);
	tcase_add_test(
		t,
		of_several_names_the_exported_one_without_underscores_is_shown);
	tcase_add_test(
		t, a_symbol_without_a_size_reaches_to_the_next_in_its_section);
	tcase_add_test(t, functions_of_libc_have_names);

	t = module_case(suite, "parts");
	tcase_add_loop_test(t, a_symbol_is_named_as_in_the_source, 0,
			    COUNT(names));
	tcase_add_loop_test(t, a_path_loses_its_dots, 0, COUNT(paths));
	tcase_add_test(t, of_ranges_that_overlap_the_last_is_found);

	add_symbols_files(suite);
	return suite;
}
