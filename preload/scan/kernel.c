/* SPDX-License-Identifier: MIT */
#include "preload/scan/kernel.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/scan/proc.h"

#define WORDS 65536u

struct asking {
	uintptr_t *list;
	size_t count;
	bool all;
};

static void add(struct asking *a, uintptr_t word)
{
	if (a->count == WORDS)
		a->all = false;
	else
		a->list[a->count++] = word;
}

/* "tfd:        5 events:       19 data: 55d0c0ffee  pos:0 ino:..." */
static void take_epoll_line(const char *line, void *data)
{
	const char *at = strstr(line, "data:");

	if (at) {
		at += strlen("data:");
		add(data, proc_hex(&at));
	}
}

/* "signal: 14/000055d0c0ffee00" */
static void take_timer_line(const char *line, void *data)
{
	const char *at = strchr(line, '/');

	if (!strncmp(line, "signal:", 7) && at) {
		at++;
		add(data, proc_hex(&at));
	}
}

static bool take_descriptor(int fd, void *data)
{
	char path[64] = "/proc/thread-self/fd/", what[64];
	struct asking *a = data;
	long length;

	proc_append(path, (unsigned)fd);
	length =
		syscall(SYS_readlinkat, AT_FDCWD, path, what, sizeof(what) - 1);
	what[length > 0 ? length : 0] = 0;
	if (!strcmp(what, "anon_inode:[io_uring]"))
		a->all = false;
	if (strcmp(what, "anon_inode:[eventpoll]"))
		return true;
	strcpy(path, "/proc/thread-self/fdinfo/");
	proc_append(path, (unsigned)fd);
	if (!proc_lines(path, take_epoll_line, a))
		a->all = false;
	return true;
}

void kernel_ask(struct search_words *words, struct workspace *w, bool *ret_all)
{
	struct asking a = { .all = true };

	a.list = workspace_array(w, uintptr_t, WORDS);
	if (a.list &&
	    !proc_numbers("/proc/thread-self/fd", take_descriptor, &a))
		a.all = false;
	/* A kernel without timers that are told of has no such file. */
	if (a.list)
		proc_lines("/proc/self/timers", take_timer_line, &a);
	words->list = a.list;
	words->count = a.count;
	*ret_all = a.list && a.all;
}
