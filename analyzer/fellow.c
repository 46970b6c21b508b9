/* SPDX-License-Identifier: MIT */
#include "analyzer/fellow.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAME	    "group"
#define MILLISECOND UINT64_C(1000000)
/* One kill() is through a group in microseconds; we may have been busy. */
#define SAME_MOMENT (1000 * MILLISECOND)
#define PAUSE	    ((struct timespec){ .tv_nsec = 5 * MILLISECOND })

/* In memory that both share. */
struct fellow {
	struct {
		_Atomic(uint64_t) when; /* by CLOCK_MONOTONIC; 0: never */
		_Atomic(int) sender;
	} had[NSIG];
	pid_t pid;
};

static pid_t alive; /* the one there is, or 0 */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* What names us to pgrep and ps; they lie in a row in memory. */
static void forget_arguments(char *const *arguments)
{
	char *end = program_invocation_name;

	for (; *arguments; arguments++)
		end = *arguments + strlen(*arguments);
	if (end > program_invocation_name)
		memset(program_invocation_name, 0,
		       (size_t)(end - program_invocation_name));
}

static _Noreturn void note(struct fellow *f, pid_t parent)
{
	sigset_t all;
	siginfo_t info;
	int number;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	sigfillset(&all);
	for (;;) {
		number = sigwaitinfo(&all, &info);
		if (number <= 0 || number >= NSIG)
			continue;
		atomic_store(&f->had[number].sender,
			     info.si_code <= 0 ? info.si_pid : 0);
		atomic_store(&f->had[number].when, now_ns());
	}
}

/* Without SIGCHLD at its end: an ordinary waitpid() is not about it. */
static pid_t fork_unseen(void)
{
	return (pid_t)syscall(SYS_clone, 0L, NULL, NULL, NULL, 0L);
}

struct fellow *fellow_new(char *const *arguments)
{
	const pid_t parent = getpid();
	struct fellow *f = mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	if (f == MAP_FAILED)
		return NULL;
	pid = fork_unseen();
	if (!pid) {
		prctl(PR_SET_NAME, NAME);
		forget_arguments(arguments);
		close_range(0, ~0u, 0);
		note(f, parent);
	}
	if (pid < 0) {
		munmap(f, sizeof(*f));
		return NULL;
	}
	f->pid = alive = pid;
	return f;
}

void fellow_free(struct fellow *f)
{
	if (!f)
		return;
	kill(f->pid, SIGKILL);
	waitpid(f->pid, NULL, __WCLONE);
	munmap(f, sizeof(*f));
	alive = 0;
}

bool fellow_had(struct fellow *f, const siginfo_t *info)
{
	const int number = info->si_signo;
	uint64_t when;

	if (!f)
		return false;
	nanosleep(&PAUSE, NULL); /* it may not have had its turn yet */
	when = atomic_load(&f->had[number].when);
	if (!when || now_ns() - when > SAME_MOMENT ||
	    atomic_load(&f->had[number].sender) != info->si_pid)
		return false;
	atomic_store(&f->had[number].when, 0);
	return true;
}

bool fellow_is(pid_t pid)
{
	return pid == alive;
}
