/* SPDX-License-Identifier: MIT */
/*
 * patch_all - a preload that puts a stub around every function of a library,
 * and before and after each call changes all that a call may change
 *
 * Compiled with -DLIBRARY="path", and with its functions in names.h, a row
 * `{ .name = "f" },` each.  Makes the file that PATCHED names, when it is done.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "preload/linked.h"
#include "preload/patch.h"
#include "preload/vectors_x86_64.h"

static struct linked_function names[] = {
#include "names.h"
};
#define COUNT (sizeof(names) / sizeof(names[0]))

static struct patch list[COUNT];

static uint64_t spoil(void *unused)
{
	(void)unused;
	__asm__ volatile("movq $-1, %%rax\nmovq $-1, %%rcx\nmovq $-1, %%rdx\n"
			 "movq $-1, %%rsi\nmovq $-1, %%rdi\nmovq $-1, %%r8\n"
			 "movq $-1, %%r9\nmovq $-1, %%r10\nmovq $-1, %%r11\n"
			 ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
			 "pcmpeqb %%xmm\\n, %%xmm\\n\n.endr\n" ::
				 : "rax", "rcx", "rdx", "rsi", "rdi", "r8",
				   "r9", "r10", "r11", "memory", "xmm0", "xmm1",
				   "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
				   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
				   "xmm12", "xmm13", "xmm14", "xmm15");
	return 1;
}

static uint64_t before(struct stub_frame *frame)
{
	return vectors_keep(spoil, frame);
}

static void after(struct stub_frame *frame)
{
	vectors_keep(spoil, frame);
}

static void left(struct stub_frame *frame)
{
	(void)frame;
}

static const struct stub_around around = { before, after, left };

static int find(struct dl_phdr_info *object, size_t size, void *found)
{
	char path[PATH_MAX];
	int fd;

	(void)size;
	if (!realpath(object->dlpi_name, path) || strcmp(path, LIBRARY))
		return 0;
	fd = open(LIBRARY, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || !linked_find_in(fd, object, names, COUNT))
		abort();
	close(fd);
	*(struct dl_phdr_info *)found = *object;
	return 1;
}

__attribute__((constructor)) static void patch_all(void)
{
	struct dl_phdr_info library;
	struct patch_near near;
	const char *why;

	/* Where there is no such library there is nothing to do. */
	if (!dl_iterate_phdr(find, &library))
		return;
	for (size_t i = 0; i < COUNT; i++)
		list[i] = (struct patch){
			.function = names[i].address,
			.size = names[i].size,
			.around = &around,
		};
	if (!patch_open(&why) ||
	    patch_prepare(list, COUNT, &library, &near) != COUNT ||
	    !patch_apply(list, COUNT, &near))
		abort();
	patch_close();
	close(creat(getenv("PATCHED"), 0600));
}
