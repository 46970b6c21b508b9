/* SPDX-License-Identifier: MIT */
/*
 * crashes CONNINFO N... - a thread for each N acquires that many connections;
 * when all have theirs, the last thread dies of SIGSEGV.
 * crashes CONNINFO fork - acquires one; a child of fork(), which acquires none,
 * dies of SIGSEGV.
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *conninfo;
static pthread_barrier_t all_have_theirs;

struct thread {
	pthread_t id;
	int count;
	int is_last;
};

/* A frame of its own for each of the two, for the reports. */
static void hold(int count)
{
	while (count--)
		PQconnectdb(conninfo);
}

static void crash(void)
{
	*(volatile int *)8 = 0;
}

static void *work(void *data)
{
	const struct thread *t = data;

	hold(t->count);
	pthread_barrier_wait(&all_have_theirs);
	if (t->is_last)
		crash();
	pause();
	return NULL;
}

static int crash_in_child(void)
{
	const pid_t child = fork();
	int status = 0;

	if (child == 0)
		crash();
	waitpid(child, &status, 0);
	return !WIFSIGNALED(status);
}

int main(int argc, char **argv)
{
	const int count = argc - 2;
	struct thread *threads = calloc((size_t)argc, sizeof(*threads));

	if (count < 1)
		return 2;
	conninfo = argv[1];
	if (!strcmp(argv[2], "fork")) {
		hold(1);
		return crash_in_child();
	}
	pthread_barrier_init(&all_have_theirs, NULL, (unsigned)count);
	for (int i = 0; i < count; i++) {
		threads[i].count = atoi(argv[i + 2]);
		threads[i].is_last = i == count - 1;
		if (pthread_create(&threads[i].id, NULL, work, &threads[i]))
			return 3;
	}
	pause();
	return 0;
}
