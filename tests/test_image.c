/* SPDX-License-Identifier: MIT */
/* preload/image.h and program.h: what will be executed, and what that is. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "preload/image.h"
#include "preload/image_x86_64.h"
#include "preload/program.h"
#include "tests/scratch.h"
#include "tests/suites.h"

#define BASE 0x400000u

/* As small as a program for our loader can be; for a look, not to be run. */
static struct made {
	image_header header;
	image_segment segments[3]; /* what is loaded, the loader, the dynamic */
	image_dynamic dynamic[4];  /* strings, two that are needed, the end */
	char loader[64], strings[128];
} made;

static void make(void)
{
	memset(&made, 0, sizeof(made));
	memcpy(made.header.e_ident, ELFMAG, SELFMAG);
	made.header.e_ident[EI_CLASS] = IMAGE_CLASS;
	made.header.e_ident[EI_DATA] = IMAGE_DATA;
	made.header.e_machine = IMAGE_MACHINE;
	made.header.e_phoff = offsetof(struct made, segments);
	made.header.e_phnum = 3;
	strcpy(made.loader, IMAGE_LOADER);
	made.segments[0] = (image_segment){ .p_type = PT_LOAD,
					    .p_vaddr = BASE,
					    .p_filesz = sizeof(made) };
	made.segments[1] =
		(image_segment){ .p_type = PT_INTERP,
				 .p_offset = offsetof(struct made, loader),
				 .p_filesz = sizeof(IMAGE_LOADER) };
	made.segments[2] =
		(image_segment){ .p_type = PT_DYNAMIC,
				 .p_offset = offsetof(struct made, dynamic),
				 .p_filesz = sizeof(made.dynamic) };
	made.dynamic[0].d_tag = DT_STRTAB;
	made.dynamic[0].d_un.d_ptr = BASE + offsetof(struct made, strings);
	made.dynamic[1].d_tag = DT_NEEDED;
	made.dynamic[1].d_un.d_val = 1;
	made.dynamic[2].d_tag = DT_NEEDED;
	made.dynamic[2].d_un.d_val = 64;
	strcpy(made.strings + 1, "libm.so.6");
	strcpy(made.strings + 64, "libc.so.6");
}

static void write_made(const char *name)
{
	const int fd =
		open(scratch_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0755);

	ck_assert_int_eq(write(fd, &made, sizeof(made)), sizeof(made));
	close(fd);
}

static struct image look(const char *name)
{
	struct image image;

	ck_assert_int_eq(image_look(scratch_path(name), false, &image), 0);
	return image;
}

static struct image look_at_made(void)
{
	write_made("made");
	return look("made");
}

static void write_script(const char *name, const char *text)
{
	scratch_write(name, text);
	chmod(scratch_path(name), 0755);
}

START_TEST(a_program_of_our_loader_is_ordinary)
{
	struct image image = look_at_made();

	ck_assert_int_eq(image.kind, IMAGE_ORDINARY);
	ck_assert(!image.privileged);
	ck_assert_str_eq(image.runtime, "");
	ck_assert_int_eq(image_look("/proc/self/exe", false, &image), 0);
	ck_assert_int_eq(image.kind, IMAGE_ORDINARY);
}
END_TEST

START_TEST(a_program_without_loader_is_static)
{
	made.segments[1].p_type = PT_NULL;
	ck_assert_int_eq(look_at_made().kind, IMAGE_STATIC);
}
END_TEST

START_TEST(another_loader_machine_or_word_size_is_foreign)
{
	strcpy(made.loader, "/lib/ld-musl-x86_64.so.1");
	ck_assert_int_eq(look_at_made().kind, IMAGE_FOREIGN);
	make();
	made.header.e_machine = EM_AARCH64;
	ck_assert_int_eq(look_at_made().kind, IMAGE_FOREIGN);
	make();
	made.header.e_ident[EI_CLASS] = ELFCLASS32;
	ck_assert_int_eq(look_at_made().kind, IMAGE_FOREIGN);
}
END_TEST

START_TEST(our_loader_may_have_another_name)
{
	char link[60];

	strcpy(link, scratch_path("l"));
	ck_assert_int_eq(symlink(IMAGE_LOADER, link), 0);
	strcpy(made.loader, link);
	made.segments[1].p_filesz = strlen(link) + 1;
	ck_assert_int_eq(look_at_made().kind, IMAGE_ORDINARY);
}
END_TEST

START_TEST(a_sanitizer_is_known_by_what_is_needed)
{
	static const char *const names[] = { "libasan.so.8", "libtsan.so.2",
					     "liblsan.so.0",
					     "libclang_rt.asan-x86_64.so",
					     "/opt/x/libclang_rt.asan.so" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		strcpy(made.strings + 64, names[i]);
		ck_assert_str_eq(look_at_made().runtime, names[i]);
	}
	strcpy(made.strings + 64, "/a folder/libasan.so.8");
	ck_assert_str_eq(look_at_made().runtime, "");
	strcpy(made.strings + 64, "libasan_of_mine.so");
	ck_assert_str_eq(look_at_made().runtime, "");
}
END_TEST

START_TEST(a_mode_or_capabilities_privilege)
{
	/* Version 2, permitted: net_bind_service. */
	static const unsigned char capability[20] = { 0, 0, 0, 2, 0, 4 };

	write_made("made");
	chmod(scratch_path("made"), 04755);
	ck_assert(look("made").privileged);
	chmod(scratch_path("made"), 02755);
	ck_assert(look("made").privileged);
	chmod(scratch_path("made"), 02745); /* which means something else */
	ck_assert(geteuid() || !look("made").privileged);
	chmod(scratch_path("made"), 0755);
	ck_assert(!look("made").privileged);
	if (!setxattr(scratch_path("made"), "security.capability", capability,
		      sizeof(capability), 0))
		ck_assert(look("made").privileged);
}
END_TEST

START_TEST(garbage_is_looked_at_without_harm)
{
	srand(1);
	for (int i = 0; i < 300; i++) {
		make();
		for (int n = 0; n < 4; n++)
			((unsigned char
				  *)&made)[SELFMAG +
					   (size_t)rand() %
						   (sizeof(made) - SELFMAG)] =
				(unsigned char)rand();
		look_at_made();
	}
}
END_TEST

START_TEST(what_execve_would_refuse_is_refused)
{
	struct image image;

	ck_assert_int_eq(image_look(scratch_path("none"), false, &image),
			 -ENOENT);
	ck_assert_int_eq(image_look(scratch, false, &image), -EACCES);
	scratch_write("data", "text");
	ck_assert_int_eq(image_look(scratch_path("data"), false, &image),
			 -EACCES);
	ck_assert_int_eq(image_look(scratch_path("data/x"), false, &image),
			 -ENOTDIR);
	write_script("text", "text");
	ck_assert_int_eq(image_look(scratch_path("text"), false, &image),
			 -ENOEXEC);
	write_script("empty", "");
	ck_assert_int_eq(image_look(scratch_path("empty"), false, &image),
			 -ENOEXEC);
	ck_assert_int_eq(image_look(scratch_path("text"), true, &image), 0);
	write_script("orphan", "#!/none\n");
	ck_assert_int_eq(image_look(scratch_path("orphan"), false, &image),
			 -ENOENT);
}
END_TEST

START_TEST(a_fifo_is_not_opened)
{
	struct image image;

	ck_assert_int_eq(mkfifo(scratch_path("fifo"), 0777), 0);
	ck_assert_int_eq(image_look(scratch_path("fifo"), false, &image),
			 -EACCES);
}
END_TEST

START_TEST(a_script_is_its_interpreter)
{
	char text[300];

	made.segments[1].p_type = PT_NULL;
	write_made("made");
	snprintf(text, sizeof(text), "#! \t%s argument\n",
		 scratch_path("made"));
	write_script("script0", text);
	ck_assert_int_eq(look("script0").kind, IMAGE_STATIC);
	for (int i = 1; i <= 5; i++) {
		char name[16];
		struct image image;

		snprintf(text, sizeof(text), "#!%s/script%d", scratch, i - 1);
		snprintf(name, sizeof(name), "script%d", i);
		write_script(name, text);
		ck_assert_int_eq(image_look(scratch_path(name), false, &image),
				 i < 5 ? 0 : -ELOOP);
	}
}
END_TEST

/* What a program means, by its name; NULL if nothing will be executed. */
static const char *name_of(const struct program *program)
{
	static char name[4096];
	struct image image;

	if (program_look(program, &image))
		return NULL;
	ck_assert(program_name(program, name, sizeof(name)));
	return name;
}

static const char *found_in(const char *folders)
{
	const struct program program = { .file = "tool",
					 .folder = AT_FDCWD,
					 .search = true,
					 .or_shell = true };

	setenv("PATH", folders, 1);
	return name_of(&program);
}

START_TEST(a_name_is_searched_for_as_libc_does)
{
	char here[100], *folders;

	mkdir(scratch_path("a"), 0755);
	mkdir(scratch_path("b"), 0755);
	scratch_write("a/tool", "not executable");
	write_script("b/tool", "for a shell");
	write_script("tool", "#!/none\n");
	snprintf(here, sizeof(here), "%s/b/tool", scratch);
	ck_assert_int_eq(chdir(scratch), 0);

	ck_assert_ptr_null(found_in("/none:/none/too"));
	ck_assert_ptr_null(found_in("a"));
	ck_assert_str_eq(found_in("/none:a:a/tool::b"), here);
	ck_assert(asprintf(&folders, "/none:%s/b:a", scratch) > 0);
	ck_assert_str_eq(found_in(folders), here);
	free(folders);
	write_script("tool", "");
	snprintf(here, sizeof(here), "%s/tool", scratch);
	ck_assert_str_eq(found_in("a::b"), here);
	ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

START_TEST(a_name_that_no_file_can_have_is_not_searched_for)
{
	static char name[100000];
	const struct program program = { .file = name,
					 .folder = AT_FDCWD,
					 .search = true };
	struct image image;

	ck_assert_int_eq(program_look(&program, &image), -ENOENT);
	memset(name, 'x', sizeof(name) - 1);
	ck_assert_int_eq(program_look(&program, &image), -ENAMETOOLONG);
}
END_TEST

START_TEST(a_relative_path_begins_in_the_current_or_the_open_folder)
{
	char wanted[100];
	struct program program = { .file = "./made", .folder = AT_FDCWD };

	write_made("made");
	ck_assert_int_eq(chdir(scratch), 0);
	snprintf(wanted, sizeof(wanted), "%s/./made", scratch);
	ck_assert_str_eq(name_of(&program), wanted);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_ptr_null(name_of(&program));
	program.folder = open(scratch, O_PATH | O_DIRECTORY);
	ck_assert_str_eq(name_of(&program), wanted);
	program.folder = -1;
	ck_assert_ptr_null(name_of(&program));
}
END_TEST

START_TEST(an_open_file_has_its_own_name)
{
	struct program program = { .file = "" };

	write_made("made");
	program.folder = open(scratch_path("made"), O_PATH);
	ck_assert_str_eq(name_of(&program), scratch_path("made"));
}
END_TEST

START_TEST(nothing_stays_open)
{
	const int before = dup(0);

	close(before);
	look_at_made();
	ck_assert_int_eq(dup(0), before);
}
END_TEST

static void begin(void)
{
	scratch_make();
	make();
}

Suite *image_suite(void)
{
	Suite *suite = suite_create("image");
	TCase *test = tcase_create("image");

	tcase_add_checked_fixture(test, begin, scratch_remove);
	tcase_add_test(test, a_program_of_our_loader_is_ordinary);
	tcase_add_test(test, a_program_without_loader_is_static);
	tcase_add_test(test, another_loader_machine_or_word_size_is_foreign);
	tcase_add_test(test, our_loader_may_have_another_name);
	tcase_add_test(test, a_sanitizer_is_known_by_what_is_needed);
	tcase_add_test(test, a_mode_or_capabilities_privilege);
	tcase_add_test(test, garbage_is_looked_at_without_harm);
	tcase_add_test(test, what_execve_would_refuse_is_refused);
	tcase_add_test(test, a_fifo_is_not_opened);
	tcase_add_test(test, a_script_is_its_interpreter);
	tcase_add_test(test, nothing_stays_open);
	suite_add_tcase(suite, test);

	test = tcase_create("program");
	tcase_add_checked_fixture(test, begin, scratch_remove);
	tcase_add_test(test, a_name_is_searched_for_as_libc_does);
	tcase_add_test(test, a_name_that_no_file_can_have_is_not_searched_for);
	tcase_add_test(
		test, a_relative_path_begins_in_the_current_or_the_open_folder);
	tcase_add_test(test, an_open_file_has_its_own_name);
	suite_add_tcase(suite, test);
	return suite;
}
