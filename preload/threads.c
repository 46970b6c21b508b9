/* SPDX-License-Identifier: MIT */
#include "preload/threads.h"

#include <stdint.h>
#include <string.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preload/scan/proc.h"

#define TASKS "/proc/self/task"

/* A folder has a link in itself, one in its parent, and one in each below. */
bool threads_is_only(void)
{
	struct stat tasks;

	if (stat(TASKS, &tasks))
		return __libc_single_threaded;
	return tasks.st_nlink == 3;
}

struct search {
	uintptr_t start, end; /* of the code, without its first byte */
	bool found;
};

/*
 * "running", or the system call and its arguments, "0 0x3 ...", or -1; then the
 * stack and the instruction.
 */
static void look_at(const char *line, void *data)
{
	struct search *search = data;
	const char *last = strrchr(line, ' ');
	uintptr_t at;

	if (!last)
		return;
	at = proc_hex(&last);
	search->found |= at >= search->start && at < search->end;
}

static bool look_at_thread(int tid, void *data)
{
	const struct search *search = data;
	char path[64] = TASKS "/";

	if (tid == gettid())
		return true;
	proc_append(path, (unsigned)tid);
	strcat(path, "/syscall");
	proc_lines(path, look_at, data);
	return !search->found;
}

bool threads_any_in(const void *code, size_t size)
{
	struct search search = {
		.start = (uintptr_t)code + 1,
		.end = (uintptr_t)code + size,
	};

	proc_numbers(TASKS, look_at_thread, &search);
	return search.found;
}
