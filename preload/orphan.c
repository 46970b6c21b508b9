/* SPDX-License-Identifier: MIT */
/*
 * What runs here in a new process has our memory, and this thread's errno:
 * system calls and nothing else, since a function of the C library may be
 * another preload's.
 */
#include "preload/orphan.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/filters.h"

#define STACK_SIZE 16384

/*
 * We stand still until it has become a program or is gone, so it may use our
 * memory.  Its end raises no signal, and wait() does not see it.
 */
#define CLONE_FLAGS (CLONE_VM | CLONE_VFORK)

/* The two processes that come after us, and what went wrong there. */
struct stage {
	const struct orphan *orphan;
	int error;
	char middle[STACK_SIZE], last[STACK_SIZE];
};

static int filters_at_first;

void orphan_init(void)
{
	filters_at_first = filters_count();
}

/*
 * After unshare(CLONE_NEWPID) the next child is the first of a new namespace,
 * and its end would be the end of it: the program could never fork again.
 */
static bool has_children_here(void)
{
	struct stat own, of_children;

	return !stat("/proc/self/ns/pid", &own) &&
	       !stat("/proc/self/ns/pid_for_children", &of_children) &&
	       own.st_dev == of_children.st_dev &&
	       own.st_ino == of_children.st_ino;
}

const char *orphan_obstacle(void)
{
	int is_reaper = 0;

	/* A new filter may answer the next system call with SIGSYS. */
	if (filters_count() > filters_at_first)
		return "it has confined itself with seccomp";
	if (getpid() == 1)
		return "it is process 1, with which all others end";
	/* It would be the orphan's parent, and get a SIGCHLD. */
	if (prctl(PR_GET_CHILD_SUBREAPER, &is_reaper) || is_reaper)
		return "it takes in orphans (a subreaper)";
	if (!has_children_here())
		return "its children belong to another pid namespace, or "
		       "/proc is missing";
	return NULL;
}

/* Its descriptors are a copy: ours stay as they are. */
static bool take_descriptors(int output)
{
	if (output >= 0 && output != STDERR_FILENO &&
	    syscall(SYS_dup2, output, STDERR_FILENO) < 0)
		return false;
	/* What an old kernel leaves open, the program itself closes. */
	syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0);
	syscall(SYS_close, STDIN_FILENO);
	if (syscall(SYS_open, "/dev/null", O_RDWR) != STDIN_FILENO)
		return false;
	if (output < 0 && syscall(SYS_dup2, STDIN_FILENO, STDERR_FILENO) < 0)
		return false;
	return syscall(SYS_dup2, STDERR_FILENO, STDOUT_FILENO) >= 0;
}

static int become(void *data)
{
	struct stage *stage = data;
	const struct orphan *orphan = stage->orphan;
	int err = -ENOENT;

	syscall(SYS_setsid);
	syscall(SYS_chdir, "/");
	if (!take_descriptors(orphan->output)) {
		stage->error = -errno;
		return 1;
	}
	for (char *const *path = orphan->paths; *path; path++) {
		syscall(SYS_execve, *path, orphan->arguments,
			orphan->environment);
		if (errno != ENOENT)
			err = -errno;
	}
	stage->error = err;
	return 1;
}

/* By ending, this makes an orphan of its child. */
static int leave(void *data)
{
	struct stage *stage = data;

	if (clone(become, stage->last + STACK_SIZE, CLONE_FLAGS, stage) < 0)
		stage->error = -errno;
	return 0;
}

int orphan_start(const struct orphan *orphan)
{
	struct stage *stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t middle;
	int err;

	if (stage == MAP_FAILED)
		return -errno;
	stage->orphan = orphan;
	middle = clone(leave, stage->middle + STACK_SIZE, CLONE_FLAGS, stage);
	if (middle < 0)
		stage->error = -errno;
	else
		while (syscall(SYS_wait4, middle, NULL, __WALL, NULL) < 0 &&
		       errno == EINTR)
			continue;
	err = stage->error;
	munmap(stage, sizeof(*stage));
	return err;
}
