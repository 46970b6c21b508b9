/* SPDX-License-Identifier: MIT */
/*
 * patch_all - a preload that patches every function of a library, each with a
 * hook that does nothing but call it
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

static struct linked_function names[] = {
#include "names.h"
};
#define COUNT (sizeof(names) / sizeof(names[0]))

static struct patch list[COUNT];

static int find(struct dl_phdr_info *object, size_t size, void *unused)
{
	char path[PATH_MAX];
	int fd;

	(void)size;
	(void)unused;
	if (!realpath(object->dlpi_name, path) || strcmp(path, LIBRARY))
		return 0;
	fd = open(LIBRARY, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || !linked_find_in(fd, object, names, COUNT))
		abort();
	close(fd);
	return 1;
}

__attribute__((constructor)) static void patch_all(void)
{
	/* Where there is no such library there is nothing to do. */
	if (!dl_iterate_phdr(find, NULL))
		return;
	for (size_t i = 0; i < COUNT; i++)
		list[i] = (struct patch){
			.function = names[i].address,
			.size = names[i].size,
			.result = PATCH_RETURNS_WIDE,
			.stack_words = 8,
		};
	if (patch_prepare(list, COUNT) != COUNT)
		abort();
	for (size_t i = 0; i < COUNT; i++)
		list[i].hook = list[i].original;
	if (!patch_apply(list, COUNT))
		abort();
	close(creat(getenv("PATCHED"), 0600));
}
