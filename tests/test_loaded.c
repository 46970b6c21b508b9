/* SPDX-License-Identifier: MIT */
/* preload/elf.h, objects.h, libpq.h ...: what is loaded, without dl* calls. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "preload/choice.h"
#include "preload/elf.h"
#include "preload/libpq.h"
#include "preload/modules.h"
#include "preload/relocations.h"
#include "preload/scope.h"
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
	/* realpath is there twice: for old programs, and for new ones. */
	static const char *const names[] = { "getenv",	    "qsort",
					     "environ",	    "realpath",
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

static void libpq_refresh_job(void *unused)
{
	(void)unused;
	libpq_refresh();
}

struct names {
	const char *wanted;
	char seen[1024];
};

static bool is_wanted(const struct object *object, void *data)
{
	struct names *names = data;
	const char *name = object->soname ? object->soname : "program";

	ck_assert(strlen(names->seen) + strlen(name) + 2 < sizeof(names->seen));
	strcat(names->seen, name);
	strcat(names->seen, " ");
	return !strcmp(name, names->wanted);
}

static void search_from_libpq(void *data)
{
	struct object *object = NULL;

	for (size_t i = 0; i < objects_count(); i++)
		if (objects_at(i)->soname &&
		    !strcmp(objects_at(i)->soname, "libpq.so.5"))
			object = objects_at(i);
	ck_assert_ptr_nonnull(object);
	ck_assert(!object->startup);
	object = objects_search(object, is_wanted, data);
	ck_assert_ptr_nonnull(object);
	ck_assert_str_eq(object->soname, ((struct names *)data)->wanted);
}

START_TEST(a_search_goes_level_by_level_through_what_is_needed)
{
	struct names names = { .wanted = "libc.so.6" };

	ck_assert(objects_hold(libpq_refresh_job, NULL));
	ck_assert_ptr_nonnull(dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL));
	ck_assert(objects_hold(search_from_libpq, &names));
	/* libpq needs libssl, which needs libcrypto; Debian's libpq also. */
	ck_assert_msg(!strncmp(names.seen, "libpq.so.5 libssl.so.3 ", 23),
		      "visited: %s", names.seen);
	ck_assert_ptr_null(strstr(names.seen, "program"));
}
END_TEST

START_TEST(the_real_functions_of_the_c_library_are_found)
{
	scope_find();
	ck_assert_ptr_nonnull(scope_real(SYSTEM_dlsym));
	ck_assert_ptr_eq(scope_real(SYSTEM_dlsym), dlsym(RTLD_NEXT, "dlsym"));
	ck_assert_ptr_null(scope_export("no_such_function"));
	ck_assert_ptr_null(scope_export_of(main_address()));
}
END_TEST

START_TEST(with_one_libpq_everybody_means_that_one)
{
	void *library = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
	const struct libpq *copy = choice_of(main_address());

	ck_assert_ptr_nonnull(copy);
	ck_assert_ptr_eq(choice_of(dlsym(RTLD_DEFAULT, "getenv")), copy);
	ck_assert_ptr_eq(choice_of((void *)1), copy);
	ck_assert_ptr_eq(libpq_holding(dlsym(library, "PQexec")), copy);
	ck_assert(libpq_is_code(dlsym(library, "PQexec")));
	ck_assert(!libpq_is_code(main_address()));
	ck_assert_int_eq(libpq_function_at(copy, dlsym(library, "PQfinish")),
			 LIBPQ_PQfinish);
	dlclose(library);
	ck_assert_ptr_null(choice_of(main_address()));
	ck_assert(!libpq_any());
}
END_TEST

static void look_for_visible(void *data)
{
	*(const struct libpq **)data = choice_visible(main_address());
}

START_TEST(somebody_elses_libpq_is_not_visible)
{
	const struct libpq *visible = NULL;

	ck_assert(objects_hold(libpq_refresh_job, NULL));
	ck_assert_ptr_nonnull(dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL));
	ck_assert_ptr_nonnull(choice_of(main_address()));
	ck_assert(objects_hold(look_for_visible, &visible));
	ck_assert_ptr_null(visible);
}
END_TEST

struct search {
	const char *name;
	int jumps, all;
};

static void look_at(const struct relocation *relocation, void *data)
{
	struct search *search = data;

	search->all++;
	if (!strcmp(relocation->name, search->name))
		search->jumps += relocation->jump;
}

static void look_at_libpq(void *data)
{
	for (size_t i = 0; i < objects_count(); i++)
		if (libpq_is_code((void *)objects_at(i)->start))
			relocations_each(&objects_at(i)->info, look_at, data);
}

START_TEST(libpqs_own_calls_of_itself_are_among_its_relocations)
{
	struct search search = { .name = "PQconnectStart" };

	ck_assert_ptr_nonnull(dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL));
	ck_assert_ptr_nonnull(choice_of(main_address()));
	ck_assert(objects_hold(look_at_libpq, &search));
	ck_assert_int_eq(search.jumps, 1);
	ck_assert_int_gt(search.all, 100);
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
	tcase_add_test(test, with_one_libpq_everybody_means_that_one);
	tcase_add_test(test, somebody_elses_libpq_is_not_visible);
	tcase_add_test(test,
		       libpqs_own_calls_of_itself_are_among_its_relocations);
	suite_add_tcase(suite, test);

	test = tcase_create("objects");
	tcase_add_test(test,
		       a_search_goes_level_by_level_through_what_is_needed);
	tcase_add_test(test, the_real_functions_of_the_c_library_are_found);
	suite_add_tcase(suite, test);
	return suite;
}
