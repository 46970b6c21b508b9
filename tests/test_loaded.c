/* SPDX-License-Identifier: MIT */
/* preload/elf.h, modules.h and libpq.h: what is loaded, seen without dl*. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "preload/choice.h"
#include "preload/elf.h"
#include "preload/libpq.h"
#include "preload/modules.h"
#include "tests/suites.h"

static void *main_address(void)
{
	return __extension__(void *) loaded_suite;
}

struct question {
	const char *name;
	void *answer;
};

static int ask(struct dl_phdr_info *object, size_t size, void *data)
{
	struct question *question = data;

	(void)size;
	question->answer = elf_symbol(object, question->name);
	return question->answer != NULL;
}

static void *look_up(const char *name)
{
	struct question question = { .name = name };

	dl_iterate_phdr(ask, &question);
	return question.answer;
}

START_TEST(a_symbol_is_found_where_the_loader_finds_it)
{
	static const char *const names[] = { "getenv", "qsort", "environ",
					     "PQconnectdb", "PQuser" };

	ck_assert_ptr_nonnull(dlopen("libpq.so.5", RTLD_NOW | RTLD_GLOBAL));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ck_assert_ptr_nonnull(dlsym(RTLD_DEFAULT, names[i]));
		ck_assert_ptr_eq(look_up(names[i]),
				 dlsym(RTLD_DEFAULT, names[i]));
	}
}
END_TEST

START_TEST(what_nobody_defines_is_not_found)
{
	ck_assert_ptr_null(look_up("no_such_function_anywhere"));
	ck_assert_ptr_null(look_up(""));
}
END_TEST

START_TEST(an_address_is_found_in_its_module)
{
	struct module *module;
	Dl_info info;

	ck_assert(dladdr(dlsym(RTLD_DEFAULT, "getenv"), &info));
	modules_set_program("/the/program");
	ck_assert(modules_refresh());
	module = modules_find((uintptr_t)info.dli_saddr);
	ck_assert_ptr_nonnull(module);
	ck_assert_uint_eq(module->bias, (uintptr_t)info.dli_fbase);
	ck_assert_str_eq(module->path, info.dli_fname);
	ck_assert_uint_eq(module->build_id_size, 20);
	module = modules_find((uintptr_t)main_address());
	ck_assert_str_eq(module->path, "/the/program");
	ck_assert_ptr_null(modules_find(1));
}
END_TEST

/* Any library that is not loaded yet will do. */
#define SOME_LIBRARY "libresolv.so.2"

START_TEST(a_library_loaded_later_is_seen_and_others_keep_their_numbers)
{
	const uint64_t before = modules_generation();
	struct module *module;
	void *library;

	ck_assert(modules_refresh());
	modules_find((uintptr_t)main_address())->record = 77;
	library = dlopen(SOME_LIBRARY, RTLD_NOW);
	ck_assert_ptr_nonnull(library);
	ck_assert_uint_ne(modules_generation(), before);
	ck_assert(modules_refresh());
	module = modules_find((uintptr_t)dlsym(library, "ns_initparse"));
	ck_assert_ptr_nonnull(module);
	ck_assert_ptr_nonnull(strstr(module->path, SOME_LIBRARY));
	ck_assert_uint_eq(module->record, RECORD_NONE);
	ck_assert_uint_eq(modules_find((uintptr_t)main_address())->record, 77);
}
END_TEST

START_TEST(the_real_libpq_is_found_with_all_its_functions)
{
	void *library = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
	const struct libpq *copy = choice_of(main_address());

	ck_assert_ptr_nonnull(library);
	ck_assert_ptr_nonnull(copy);
	ck_assert(copy->standalone);
	ck_assert_ptr_eq(*(void *const *)&copy->function[LIBPQ_PQconnectdb],
			 dlsym(library, "PQconnectdb"));
	ck_assert_ptr_eq(*(void *const *)&copy->function[LIBPQ_PQuser],
			 dlsym(library, "PQuser"));
	ck_assert_ptr_eq(*(void *const *)&copy->function[LIBPQ_PQcancelCreate],
			 dlsym(library, "PQcancelCreate"));
}
END_TEST

START_TEST(where_no_libpq_is_none_is_found)
{
	ck_assert_ptr_null(choice_of(main_address()));
}
END_TEST

Suite *loaded_suite(void)
{
	Suite *suite = suite_create("loaded");
	TCase *test = tcase_create("symbols");

	tcase_add_test(test, a_symbol_is_found_where_the_loader_finds_it);
	tcase_add_test(test, what_nobody_defines_is_not_found);
	suite_add_tcase(suite, test);

	test = tcase_create("modules");
	tcase_add_test(test, an_address_is_found_in_its_module);
	tcase_add_test(
		test,
		a_library_loaded_later_is_seen_and_others_keep_their_numbers);
	suite_add_tcase(suite, test);

	test = tcase_create("libpq");
	tcase_add_test(test, where_no_libpq_is_none_is_found);
	tcase_add_test(test, the_real_libpq_is_found_with_all_its_functions);
	suite_add_tcase(suite, test);
	return suite;
}
