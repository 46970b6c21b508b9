/* SPDX-License-Identifier: MIT */
#include "preload/scan/proc.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINE 4608u /* of /proc/self/maps, with its path */

static int open_file(const char *path, int flags)
{
	return (int)syscall(SYS_openat, AT_FDCWD, path,
			    O_RDONLY | O_CLOEXEC | flags, 0);
}

bool proc_lines(const char *path, void (*take)(const char *, void *),
		void *data)
{
	const int fd = open_file(path, 0);
	char text[LINE];
	size_t have = 0;
	long got = -1;

	while (fd >= 0 && (got = syscall(SYS_read, fd, text + have,
					 sizeof(text) - 1 - have)) > 0) {
		char *line = text, *newline;

		have += (size_t)got;
		text[have] = 0;
		while ((newline = strchr(line, '\n'))) {
			*newline = 0;
			take(line, data);
			line = newline + 1;
		}
		have -= (size_t)(line - text);
		memmove(text, line, have);
	}
	if (fd >= 0)
		syscall(SYS_close, fd);
	/* A line that is too long leaves no room: then nothing more is read. */
	return got == 0 && !have;
}

struct entry { /* of getdents64 */
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

static int decimal(const char *text)
{
	int number = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		number = number * 10 + *text - '0';
	return number;
}

bool proc_numbers(const char *path, bool (*take)(int, void *), void *data)
{
	const int fd = open_file(path, O_DIRECTORY);
	char buffer[4096] __attribute__((aligned(8)));
	bool good = fd >= 0;
	long got = -1;

	while (good &&
	       (got = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0)
		for (long at = 0; at < got && good;) {
			const struct entry *entry = (const void *)(buffer + at);

			if (entry->name[0] != '.')
				good = take(decimal(entry->name), data);
			at += entry->length;
		}
	if (fd >= 0)
		syscall(SYS_close, fd);
	return good && !got;
}

uintptr_t proc_hex(const char **text)
{
	uintptr_t value = 0;

	while (**text == ' ')
		(*text)++;
	if (!strncmp(*text, "0x", 2))
		*text += 2;
	for (;; (*text)++) {
		const char c = **text;

		if (c >= '0' && c <= '9')
			value = value * 16 + (uintptr_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value * 16 + (uintptr_t)(c - 'a') + 10;
		else
			return value;
	}
}

void proc_append(char *path, unsigned number)
{
	char digits[12];
	size_t at = sizeof(digits);

	digits[--at] = 0;
	do
		digits[--at] = (char)('0' + number % 10);
	while (number /= 10);
	strcat(path, digits + at);
}
