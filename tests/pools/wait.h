/* SPDX-License-Identifier: MIT */
/*
 * wait - another thread has come to where it waits for a connection
 *
 * A pool tells nobody that a thread waits inside, so it is asked of the kernel:
 * the thread said that it goes there, and then it sleeps.  It is left alone for
 * longer than what counts as a wait.
 */
#ifndef TESTS_POOLS_WAIT_H
#define TESTS_POOLS_WAIT_H

#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Stored by the thread when it has nothing before the acquire left to do. */
static volatile int waiting_thread;

static inline void going_to_wait(void)
{
	waiting_thread = (int)syscall(SYS_gettid);
}

static inline int sleeps(int tid)
{
	char path[64], state = 0;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	stat = fopen(path, "r");
	if (!stat)
		return 0;
	if (fscanf(stat, "%*d %*s %c", &state) != 1)
		state = 0;
	fclose(stat);
	return state == 'S';
}

static inline void until_it_waits(void)
{
	while (!waiting_thread || !sleeps(waiting_thread))
		usleep(1000);
	waiting_thread = 0;
	usleep(50000);
}

#endif
