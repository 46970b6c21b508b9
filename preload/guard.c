/* SPDX-License-Identifier: MIT */
#include "preload/guard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

_Thread_local unsigned guard_depth;

void guard_enter(struct guard *g)
{
	static const uint64_t most = ~((uint64_t)1 << (SIGSYS - 1));

	g->error = errno;
	g->signals = 0;
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &most, &g->signals,
		sizeof(most));
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &g->cancel_state);
	guard_depth++;
}

void guard_leave(const struct guard *g)
{
	guard_depth--;
	pthread_setcancelstate(g->cancel_state, NULL);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &g->signals, NULL,
		sizeof(g->signals));
	errno = g->error;
}
