/* SPDX-License-Identifier: MIT */
/*
 * hard WAY - what programs do and a shim must survive:
 *
 *	fork		forks 300 times while two threads are inside libpq
 *	fork_names	forks 300 times while two threads look up names
 *	fork_threads	100 children whose first calls come from eight threads
 *	jump		leaves libpq by siglongjmp from a signal handler
 *	no_descriptor	a child leaks with no descriptor left for a record
 *
 * None of these connections reaches a server.  What hangs ends by SIGALRM.
 */
#include <dlfcn.h>
#include <libpq-fe.h>
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILING "port=abc" /* refused at once, without a socket */

/* Children that did not end as they should. */
static int bad;

static void wait_for(pid_t child)
{
	int status;

	waitpid(child, &status, 0);
	bad += status != 0;
}

static void *poll_for_ever(void *conn)
{
	for (;;)
		PQconnectPoll(conn);
	return NULL;
}

static void fork_often(void)
{
	PGconn *conn[2];
	pthread_t thread;

	for (int i = 0; i < 2; i++) {
		conn[i] = PQconnectStart(FAILING);
		pthread_create(&thread, NULL, poll_for_ever, conn[i]);
	}
	for (int i = 0; i < 300; i++) {
		pid_t child = fork();

		if (!child) {
			alarm(20);
			PQfinish(PQconnectStart(FAILING));
			_exit(0);
		}
		wait_for(child);
	}
	printf("%d bad\n", bad);
	fflush(stdout);
	_exit(bad != 0);
}

static void *look_up_for_ever(void *unused)
{
	for (;;)
		dlsym(RTLD_DEFAULT, "getpid");
	return unused;
}

static void fork_names(void)
{
	pthread_t thread;

	for (int i = 0; i < 2; i++)
		pthread_create(&thread, NULL, look_up_for_ever, NULL);
	for (int i = 0; i < 300 && !bad; i++) {
		pid_t child = fork();

		if (!child) {
			alarm(20);
			dlsym(RTLD_DEFAULT, "getpid");
			PQfinish(PQconnectStart(FAILING));
			_exit(0);
		}
		wait_for(child);
	}
	printf("%d bad\n", bad);
	fflush(stdout);
	_exit(bad != 0);
}

static pthread_barrier_t barrier;

static void *connect_and_finish(void *unused)
{
	pthread_barrier_wait(&barrier);
	PQfinish(PQconnectStart(FAILING));
	return unused;
}

static void run_threads(void)
{
	pthread_t threads[8];

	pthread_barrier_init(&barrier, NULL, 8);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, connect_and_finish, NULL);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
}

static void fork_threads(void)
{
	for (int i = 0; i < 100; i++) {
		pid_t child = fork();

		if (!child) {
			alarm(20);
			run_threads();
			_exit(0);
		}
		wait_for(child);
	}
	printf("%d bad\n", bad);
}

static sigjmp_buf out;
static volatile int jumps;

static void jump_out(int number)
{
	(void)number;
	jumps++;
	siglongjmp(out, 1);
}

static int stop_at_once(struct dl_phdr_info *object, size_t size, void *data)
{
	(void)object;
	(void)size;
	(void)data;
	return 1;
}

/* Hangs if somebody has left the loader's lock taken. */
static void *list_objects(void *unused)
{
	dl_iterate_phdr(stop_at_once, NULL);
	return unused;
}

static void jump(void)
{
	struct itimerval often = { { 0, 200 }, { 0, 200 } };
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };
	PGconn *conn = PQconnectStart(FAILING);
	pthread_t thread;

	signal(SIGALRM, jump_out);
	setitimer(ITIMER_REAL, &often, NULL);
	sigsetjmp(out, 1);
	while (jumps < 2000)
		PQconnectPoll(conn);
	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_DFL);
	alarm(20);
	pthread_create(&thread, NULL, list_objects, NULL);
	pthread_join(thread, NULL);
	PQfinish(conn);
	printf("not stuck\n");
}

static void no_descriptor(void)
{
	pid_t child = fork();

	if (!child) {
		const struct rlimit none = { 3, 3 };

		setrlimit(RLIMIT_NOFILE, &none);
		PQconnectStart(FAILING);
		_exit(0);
	}
	wait_for(child);
	printf("%d bad\n", bad);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";

	if (!strcmp(way, "fork"))
		fork_often();
	else if (!strcmp(way, "fork_names"))
		fork_names();
	else if (!strcmp(way, "fork_threads"))
		fork_threads();
	else if (!strcmp(way, "jump"))
		jump();
	else if (!strcmp(way, "no_descriptor"))
		no_descriptor();
	else
		return 2;
	return bad != 0;
}
