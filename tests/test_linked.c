/* SPDX-License-Identifier: MIT */
/* What preload/linked.h promises, of this program and of damaged copies. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preload/linked.h"
#include "tests/made_module.h"
#include "tests/suites.h"

static __attribute__((noinline)) int linked_static(int number)
{
	__asm__ volatile("");
	return number + 1;
}

static struct linked_function wanted[] = {
	{ .name = "linked_static" },
	{ .name = "linked_suite" },
	{ .name = "linked_no_such_function" },
	{ .name = "wanted" },
};
#define WANTED (sizeof(wanted) / sizeof(wanted[0]))

START_TEST(functions_are_found_by_the_names_in_the_file)
{
	ck_assert_int_eq(linked_static(1), 2);
	ck_assert(linked_find(wanted, WANTED));
	ck_assert_ptr_eq(wanted[0].address,
			 __extension__(uint8_t *) linked_static);
	ck_assert_ptr_eq(wanted[1].address,
			 __extension__(uint8_t *) linked_suite);
	ck_assert(wanted[0].size && wanted[1].size);
	ck_assert(!wanted[0].twice && !wanted[1].twice);
	ck_assert(wanted[0].local && !wanted[1].local);
}
END_TEST

START_TEST(what_is_no_function_of_the_program_is_not_found)
{
	ck_assert(linked_find(wanted, WANTED));
	ck_assert_ptr_null(wanted[2].address);
	ck_assert_ptr_null(wanted[3].address);
}
END_TEST

static int take_first(struct dl_phdr_info *object, size_t size, void *out)
{
	(void)size;
	*(struct dl_phdr_info *)out = *object;
	return 1;
}

static bool find_in(const char *file, struct linked_function *list,
		    size_t count)
{
	struct dl_phdr_info loaded;
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	bool found;

	ck_assert_int_ge(fd, 0);
	dl_iterate_phdr(take_first, &loaded);
	found = linked_find_in(fd, &loaded, list, count);
	close(fd);
	return found;
}

static void copy_self(void)
{
	char self[4096];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	ck_assert_int_gt(length, 0);
	self[length] = 0;
	run("cp %s copy", self);
}

START_TEST(another_file_than_the_one_that_runs_is_not_believed)
{
	ck_assert(!find_in("/bin/true", wanted, WANTED));
	ck_assert(!find_in("/dev/null", wanted, WANTED));
	ck_assert(!find_in("/etc/passwd", wanted, WANTED));
	ck_assert_ptr_null(wanted[0].address);
}
END_TEST

START_TEST(a_stripped_program_names_what_it_exports)
{
	copy_self();
	run("strip copy");
	ck_assert(find_in(scratch_path("copy"), wanted, WANTED));
	ck_assert_ptr_null(wanted[0].address);
	ck_assert_ptr_nonnull(wanted[1].address);
}
END_TEST

START_TEST(a_name_of_two_functions_means_none)
{
	struct linked_function twice = { .name = "set_up" };

	/* Every suite with a fixture has one. */
	ck_assert(linked_find(&twice, 1));
	ck_assert(twice.twice);
}
END_TEST

/* Whatever was found lies in what may be executed. */
static void check_addresses(const struct linked_function *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].address) {
			volatile uint8_t last =
				list[i].address[list[i].size - !!list[i].size];

			(void)last;
		}
}

static char *map_copy(size_t *ret_size)
{
	int fd = open(scratch_path("copy"), O_RDWR | O_CLOEXEC);
	struct stat about;
	char *bytes;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &about), 0);
	*ret_size = (size_t)about.st_size;
	bytes = mmap(NULL, *ret_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		     0);
	ck_assert_ptr_ne(bytes, MAP_FAILED);
	close(fd);
	return bytes;
}

/* The section headers, and what the tables of symbols say. */
static char *pick_byte(char *bytes, size_t size)
{
	const ElfW(Ehdr) *header = (const void *)bytes;
	const ElfW(Shdr) *sections = (const void *)(bytes + header->e_shoff);
	const unsigned which = (unsigned)rand() % 3;

	if (!which)
		return bytes + (size_t)rand() % sizeof(*header);
	if (which == 1)
		return bytes + header->e_shoff +
		       (size_t)rand() % (size - header->e_shoff);
	for (unsigned i = 0;; i = (i + 1) % header->e_shnum)
		if (sections[i].sh_type == SHT_SYMTAB)
			return bytes + sections[i].sh_offset +
			       (size_t)rand() % sections[i].sh_size;
}

START_TEST(a_damaged_file_leads_nowhere)
{
	size_t size;
	char *bytes;

	copy_self();
	bytes = map_copy(&size);
	srand(1);
	for (int i = 0; i < 300; i++) {
		char *byte = pick_byte(bytes, size), before = *byte;
		struct linked_function list[WANTED];

		for (size_t w = 0; w < WANTED; w++)
			list[w] = (struct linked_function){
				.name = wanted[w].name
			};
		*byte = (char)rand();
		find_in(scratch_path("copy"), list, WANTED);
		check_addresses(list, WANTED);
		*byte = before;
	}
	ck_assert(find_in(scratch_path("copy"), wanted, WANTED));
}
END_TEST

START_TEST(a_file_that_was_cut_leads_nowhere)
{
	size_t size;
	char *bytes;

	copy_self();
	bytes = map_copy(&size);
	munmap(bytes, size);
	for (size_t left = size - 1; left > 64; left = left * 3 / 4) {
		ck_assert_int_eq(truncate(scratch_path("copy"), (off_t)left),
				 0);
		ck_assert(!find_in(scratch_path("copy"), wanted, WANTED));
	}
}
END_TEST

Suite *linked_suite(void)
{
	Suite *suite = suite_create("linked");
	TCase *test = module_case(suite, "this one");

	tcase_add_test(test, functions_are_found_by_the_names_in_the_file);
	tcase_add_test(test, what_is_no_function_of_the_program_is_not_found);
	tcase_add_test(test, a_name_of_two_functions_means_none);

	test = module_case(suite, "files");
	tcase_add_test(test,
		       another_file_than_the_one_that_runs_is_not_believed);
	tcase_add_test(test, a_stripped_program_names_what_it_exports);
	tcase_add_test(test, a_damaged_file_leads_nowhere);
	tcase_add_test(test, a_file_that_was_cut_leads_nowhere);
	return suite;
}
