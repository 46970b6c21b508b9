/* SPDX-License-Identifier: MIT */
#include "preload/image.h"

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "preload/image_x86_64.h"

#define HEAD_SIZE    256 /* what the kernel reads to know what it is */
#define INTERPRETERS 5	 /* of interpreters; the kernel follows no more */

/* Dynamic sanitizers, by how the names of their libraries begin. */
static const char *const runtimes[] = {
	"libasan.so",	    "libtsan.so",	  "liblsan.so",
	"libhwasan.so",	    "libclang_rt.asan",	  "libclang_rt.tsan",
	"libclang_rt.lsan", "libclang_rt.hwasan",
};

/* `window` has the `filled` bytes that lie in the file at `start`. */
struct file {
	int fd;
	image_header header;
	uint64_t start;
	size_t filled;
	char window[512]; /* small things lie close together */
};

static bool is_in_window(const struct file *file, uint64_t offset, size_t size)
{
	return offset >= file->start && offset - file->start <= file->filled &&
	       size <= file->filled - (offset - file->start);
}

/* No more at a time than fits into the window. */
static bool read_at(struct file *file, uint64_t offset, void *out, size_t size)
{
	if (!is_in_window(file, offset, size)) {
		const ssize_t got = pread(file->fd, file->window,
					  sizeof(file->window), (off_t)offset);

		file->start = offset;
		file->filled = got > 0 ? (size_t)got : 0;
	}
	if (!is_in_window(file, offset, size))
		return false;
	memcpy(out, file->window + (offset - file->start), size);
	return true;
}

static bool read_segment(struct file *file, unsigned i, image_segment *out)
{
	return i < file->header.e_phnum &&
	       read_at(file, file->header.e_phoff + i * sizeof(*out), out,
		       sizeof(*out));
}

static bool find_segment(struct file *file, uint32_t type, image_segment *out)
{
	for (unsigned i = 0; read_segment(file, i, out); i++)
		if (out->p_type == type)
			return true;
	return false;
}

/* Where in the file lies what is mapped at `address`; 0 if nowhere. */
static uint64_t offset_of(struct file *file, uint64_t address)
{
	image_segment segment;

	for (unsigned i = 0; read_segment(file, i, &segment); i++)
		if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
		    address - segment.p_vaddr < segment.p_filesz)
			return segment.p_offset + address - segment.p_vaddr;
	return 0;
}

/* The value of the first dynamic entry of a kind from `*index` on. */
static bool next_dynamic(struct file *file, const image_segment *dynamic,
			 int64_t tag, unsigned *index, uint64_t *ret_value)
{
	image_dynamic entry;

	for (; (*index + 1) * sizeof(entry) <= dynamic->p_filesz; ++*index) {
		if (!read_at(file, dynamic->p_offset + *index * sizeof(entry),
			     &entry, sizeof(entry)) ||
		    entry.d_tag == DT_NULL)
			return false;
		if (entry.d_tag == tag) {
			*ret_value = entry.d_un.d_val;
			++*index;
			return true;
		}
	}
	return false;
}

static bool is_runtime(const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;

	if (strpbrk(name, " :"))
		return false; /* LD_PRELOAD cannot name it */
	for (size_t i = 0; i < sizeof(runtimes) / sizeof(runtimes[0]); i++)
		if (!strncmp(base, runtimes[i], strlen(runtimes[i])))
			return true;
	return false;
}

/* Never a part of its caller: that would take the stack of both at once. */
__attribute__((noinline)) static void find_runtime(struct file *file, char *out)
{
	image_segment dynamic;
	uint64_t strings, name;
	unsigned first = 0, index = 0;

	out[0] = 0;
	if (!find_segment(file, PT_DYNAMIC, &dynamic) ||
	    !next_dynamic(file, &dynamic, DT_STRTAB, &first, &strings))
		return;
	strings = offset_of(file, strings);
	while (next_dynamic(file, &dynamic, DT_NEEDED, &index, &name)) {
		const ssize_t got = pread(file->fd, out, IMAGE_RUNTIME_MAX,
					  (off_t)(strings + name));

		if (got > 0 && memchr(out, 0, (size_t)got) && is_runtime(out))
			return;
	}
	out[0] = 0;
}

static bool is_our_loader(const char *path)
{
	struct stat ours, its;

	return !strcmp(path, IMAGE_LOADER) ||
	       (!stat(IMAGE_LOADER, &ours) && !stat(path, &its) &&
		ours.st_dev == its.st_dev && ours.st_ino == its.st_ino);
}

/* Of an ELF file.  Not inline either. */
__attribute__((noinline)) static enum image_kind kind_of(struct file *file)
{
	const unsigned char *ident = file->header.e_ident;
	char loader[64] = { 0 };
	image_segment segment;

	if (ident[EI_CLASS] != IMAGE_CLASS || ident[EI_DATA] != IMAGE_DATA ||
	    file->header.e_machine != IMAGE_MACHINE)
		return IMAGE_FOREIGN;
	if (!find_segment(file, PT_INTERP, &segment))
		return IMAGE_STATIC;
	if (segment.p_filesz < sizeof(loader) &&
	    read_at(file, segment.p_offset, loader, segment.p_filesz) &&
	    is_our_loader(loader))
		return IMAGE_ORDINARY;
	return IMAGE_FOREIGN;
}

static void look_at_elf(struct file *file, const char *head, struct image *out)
{
	memcpy(&file->header, head, sizeof(file->header));
	out->kind = kind_of(file);
	if (out->kind == IMAGE_ORDINARY)
		find_runtime(file, out->runtime);
}

/* Of a script's first line, the file that it names. */
static int take_interpreter(char *head)
{
	char *name = head + 2 + strspn(head + 2, " \t");
	const size_t length = strcspn(name, " \t\n");

	if (!length)
		return -ENOEXEC;
	memmove(head, name, length);
	head[length] = 0;
	return 1;
}

/* Returns 1 and the name of its interpreter in `head` for a script. */
static int look_into(int fd, char *head, struct image *out)
{
	struct file file = { .fd = fd };
	struct stat about;

	memset(head, 0, HEAD_SIZE + 1);
	if (fstat(fd, &about) || pread(fd, head, HEAD_SIZE, 0) < 0) {
		out->kind = IMAGE_UNREADABLE;
		return 0;
	}
	if (head[0] == '#' && head[1] == '!')
		return take_interpreter(head);
	if (memcmp(head, ELFMAG, SELFMAG))
		return -ENOEXEC;
	out->privileged =
		about.st_mode & S_ISUID ||
		(about.st_mode & S_ISGID && about.st_mode & S_IXGRP) ||
		fgetxattr(fd, "security.capability", NULL, 0) > 0;
	look_at_elf(&file, head, out);
	return 0;
}

/* Asks first: to open what is no file (a FIFO, a device) would do something. */
static int look_once(const char *path, char *head, struct image *out)
{
	struct stat about;
	int fd, result;

	memset(out, 0, sizeof(*out));
	if (stat(path, &about))
		return -errno;
	if (!S_ISREG(about.st_mode))
		return -EACCES;
	/* A sandbox may refuse the question itself. */
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) && errno == EACCES)
		return -EACCES;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		out->kind = IMAGE_UNREADABLE;
		out->privileged = about.st_mode & (S_ISUID | S_ISGID);
		return 0;
	}
	result = look_into(fd, head, out);
	close(fd);
	return result;
}

static int look_through(const char *path, struct image *out)
{
	char head[HEAD_SIZE + 1];
	int result = look_once(path, head, out);

	for (int i = 0; i < INTERPRETERS && result == 1; i++)
		result = look_once(head, head, out);
	return result == 1 ? -ELOOP : result;
}

int image_look(const char *path, bool or_shell, struct image *out)
{
	const int err = look_through(path, out);

	if (err == -ENOEXEC && or_shell)
		return look_through(_PATH_BSHELL, out);
	return err;
}
