/* SPDX-License-Identifier: MIT */
#include "preload/scan/helper.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "preload/scan/clock.h"

#define LEAST_WAIT_NS 100000 /* between two looks at whether it has ended */
#define MOST_WAIT_NS  2000000

/* It may read what has just been unmapped: that is its end, not a core. */
static void crash(int signal)
{
	(void)signal;
	syscall(SYS_exit_group, 1);
}

static void survive_crashes(void)
{
	static const int crashes[] = { SIGSEGV, SIGBUS };
	const struct rlimit no_core = { 0, 0 };
	struct sigaction action = { .sa_handler = crash };
	sigset_t set;

	/* Where a core is written, all who share the memory are killed. */
	setrlimit(RLIMIT_CORE, &no_core);
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++) {
		sigaction(crashes[i], &action, NULL);
		sigaddset(&set, crashes[i]);
	}
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static int begin(void *data)
{
	const struct helper *h = data;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	survive_crashes();
	h->work(h->data);
	syscall(SYS_exit_group, 0);
	return 0;
}

/* Without a signal at its end: it is for those only who ask for it. */
pid_t helper_start(const struct helper *h)
{
	pid_t pid;

	if (h->memory == HELPER_SHARES)
		return clone(begin, h->stack + h->stack_size, CLONE_VM,
			     (void *)h);
	pid = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, 0);
	if (!pid)
		begin((void *)h);
	return pid;
}

bool helper_wait(const struct helper *h, pid_t pid)
{
	struct timespec wait = { .tv_nsec = LEAST_WAIT_NS };
	int status = -1;

	if (pid < 0)
		return false;
	while (!syscall(SYS_wait4, pid, &status, WNOHANG | __WALL, NULL)) {
		if (clock_ns() > h->deadline_ns) {
			syscall(SYS_kill, pid, SIGKILL);
			syscall(SYS_wait4, pid, &status, __WALL, NULL);
			break;
		}
		syscall(SYS_nanosleep, &wait, NULL);
		if (wait.tv_nsec < MOST_WAIT_NS)
			wait.tv_nsec *= 2;
	}
	return WIFEXITED(status) && !WEXITSTATUS(status);
}
