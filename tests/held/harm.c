/* SPDX-License-Identifier: MIT */
/*
 * harm SITUATION - a program that loses a connection, keeps another one, and
 * ends where to be searched is dangerous:
 *
 *	address_space	there is no room for anything more
 *	processes	there may be no more processes
 *	seccomp		what a helper needs is refused
 *	big		with 2 GB of blocks
 *	threads		with 64 threads that wait and 4 that run
 *	starting	while threads start and end
 *	unmapping	while threads map and unmap
 *	truncated	with a mapped file that has become shorter
 *	sigwait		while a thread waits for every signal
 *	blocking	while a thread blocks every signal
 *	calls		threads wait in system calls, none may be interrupted
 *	pause		another thread ends the process, while main waits
 *	sleep, poll	the same
 *	fork		a child ends with what it inherited, and with its own
 *	vfork		a child that shares the memory ends
 *	reaping		while a thread waits for every child
 *	listing		while threads are at work on the loader's list
 *
 * Each says what it saw, and ends with 7.
 */
#include "tests/held/scrub.h"

#include <err.h>
#include <errno.h>
#include <libpq-fe.h>
#include <link.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

PGconn *kept;
static _Atomic(int) interrupted;

static __attribute__((noinline)) void lose_one(void)
{
	if (PQstatus(PQconnectdb("")) != CONNECTION_OK)
		errx(3, "no server");
}

static void *wait_for_ever(void *unused)
{
	for (;;)
		poll(NULL, 0, -1);
	return unused;
}

static void *run_for_ever(void *unused)
{
	for (volatile unsigned n = 0;; n++)
		if (n % 64 == 0)
			free(malloc(n % 5000));
	return unused;
}

static void *end_at_once(void *unused) { return unused; }

static void *start_and_join(void *unused)
{
	for (pthread_t thread;;)
		if (!pthread_create(&thread, NULL, end_at_once, NULL))
			pthread_join(thread, NULL);
	return unused;
}

static void *map_and_unmap(void *unused)
{
	const size_t size = 32 << 20;

	for (;;) {
		char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (size_t at = 0; memory != MAP_FAILED && at < size / 8;
		     at += 4096)
			memory[at] = 1;
		munmap(memory, size);
	}
	return unused;
}

static void *(*to_run)(void *);
static _Atomic(int) begun;

static void *begin(void *unused)
{
	void *(*const run)(void *) = to_run;

	begun++;
	return run(unused);
}

/* Until it has begun, a thread blocks every signal. */
static void start(int count, void *(*run)(void *))
{
	pthread_t thread;

	to_run = run;
	begun = 0;
	for (int i = 0; i < count; i++)
		if (pthread_create(&thread, NULL, begin, NULL))
			errx(3, "no thread");
	while (begun < count)
		usleep(1000);
	usleep(2000);
}

static void limit(int what, rlim_t most)
{
	const struct rlimit limit = { most, most };

	if (setrlimit(what, &limit))
		err(3, "setrlimit");
}

static void address_space(void)
{
	char line[256] = "";
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || !fgets(line, sizeof(line), file))
		err(3, "statm");
	fclose(file);
	limit(RLIMIT_AS, (rlim_t)atol(line) * 4096 + 65536);
}

static void processes(void) { limit(RLIMIT_NPROC, 1); }

#define REFUSE(call)                                                    \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1),          \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

static void confine(void)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		REFUSE(clone),	REFUSE(clone3),	   REFUSE(fork),
		REFUSE(openat), REFUSE(open),	   REFUSE(wait4),
		REFUSE(kill),	REFUSE(tgkill),	   REFUSE(prctl),
		REFUSE(pread64), REFUSE(readlinkat),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = { sizeof(rules) / sizeof(rules[0]),
					   rules };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		err(3, "seccomp");
}

static void big(void)
{
	for (size_t i = 0; i < (size_t)2 << 30; i += 65536) {
		char *block = malloc(65520);

		if (!block)
			errx(3, "no memory");
		for (size_t at = 0; at < 65520; at += 4096)
			block[at] = 1;
	}
}

static void threads(void)
{
	start(64, wait_for_ever);
	start(4, run_for_ever);
}

static void starting(void) { start(2, start_and_join); }
static void unmapping(void) { start(4, map_and_unmap); }

static void truncated(void)
{
	FILE *file = tmpfile();
	char *memory;

	if (!file || ftruncate(fileno(file), 1 << 20))
		err(3, "tmpfile");
	memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED,
		      fileno(file), 0);
	memset(memory, 1, 1 << 20);
	if (ftruncate(fileno(file), 4096))
		err(3, "ftruncate");
}

/* The system call that a thread waits in; any number if it waits in none. */
static int call_of(pid_t tid)
{
	char path[64], text[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	file = fopen(path, "r");
	if (file && !fgets(text, sizeof(text), file))
		text[0] = 0;
	if (file)
		fclose(file);
	return atoi(text);
}

static _Atomic(pid_t) there;

static void start_and_meet(void *(*run)(void *), int call)
{
	there = 0;
	start(1, run);
	for (int i = 0; i < 5000 && (!there || call_of(there) != call); i++)
		usleep(1000);
}

static void *wait_for_signals(void *unused)
{
	sigset_t all;

	there = gettid();
	sigfillset(&all);
	printf("signal %d\n", sigwaitinfo(&all, NULL));
	fflush(stdout);
	return unused;
}

static void *block_signals(void *unused)
{
	sigset_t all;

	there = gettid();
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	return wait_for_ever(unused);
}

static void sigwaits(void)
{
	start_and_meet(wait_for_signals, SYS_rt_sigtimedwait);
}

static void blocking(void)
{
	for (int i = 0; i < 3; i++)
		start_and_meet(block_signals, SYS_poll);
}

static void *sleep_long(void *unused)
{
	const struct timespec hour = { .tv_sec = 3600 };

	if (nanosleep(&hour, NULL))
		interrupted++;
	return unused;
}

static void *poll_long(void *unused)
{
	if (poll(NULL, 0, 3600000) < 0)
		interrupted++;
	return unused;
}

static void calls(void)
{
	start(3, sleep_long);
	start(3, poll_long);
	for (int i = 0; i < 20; i++)
		PQfinish(PQconnectdb(""));
	usleep(20000);
	printf("interrupted %d\n", interrupted);
	fflush(stdout);
}

static void *end_soon(void *unused)
{
	usleep(20000);
	puts("the thread's end");
	exit(7);
	return unused;
}

/* That main goes on is nobody's wish. */
static void pauses(void)
{
	start(1, end_soon);
	pause();
	puts("interrupted");
	_exit(8);
}

static void sleeps(void)
{
	start(1, end_soon);
	sleep(3600);
	puts("interrupted");
	_exit(8);
}

static void polls(void)
{
	start(1, end_soon);
	poll(NULL, 0, -1);
	puts("interrupted");
	_exit(8);
}

static int status_of(pid_t pid)
{
	int status = 0;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status)
		       ? WEXITSTATUS(status)
		       : -1;
}

static void forks(void)
{
	const pid_t pid = fork();

	if (!pid) {
		lose_one();
		exit(5);
	}
	printf("child %d\n", status_of(pid));
	fflush(stdout);
}

static void vforks(void)
{
	const pid_t pid = vfork();

	if (!pid)
		_exit(5);
	printf("child %d\n", status_of(pid));
	fflush(stdout);
}

static void *reap_all(void *unused)
{
	for (int status;;)
		if (waitpid(-1, &status, __WALL) < 0)
			usleep(100);
	return unused;
}

static void reaping(void) { start(2, reap_all); }

static int take_a_while(struct dl_phdr_info *object, size_t size, void *unused)
{
	(void)object;
	(void)size;
	(void)unused;
	usleep(3000);
	return 1;
}

static void *look_at_list(void *unused)
{
	for (;;) {
		dl_iterate_phdr(take_a_while, NULL);
		usleep(100);
	}
	return unused;
}

/* One of them always has the loader's lock. */
static void listing(void) { start(2, look_at_list); }

static const struct situation {
	const char *name;
	void (*make)(void);
} situations[] = {
	{ "address_space", address_space },
	{ "processes", processes },
	{ "seccomp", confine },
	{ "big", big },
	{ "threads", threads },
	{ "starting", starting },
	{ "unmapping", unmapping },
	{ "truncated", truncated },
	{ "sigwait", sigwaits },
	{ "blocking", blocking },
	{ "calls", calls },
	{ "pause", pauses },
	{ "sleep", sleeps },
	{ "poll", polls },
	{ "fork", forks },
	{ "vfork", vforks },
	{ "reaping", reaping },
	{ "listing", listing },
};

int main(int argc, char **argv)
{
	const size_t count = sizeof(situations) / sizeof(situations[0]);
	size_t i = 0;

	while (i < count && argc > 1 && strcmp(situations[i].name, argv[1]))
		i++;
	if (argc < 2 || i == count)
		errx(2, "which situation?");
	kept = PQconnectdb("");
	lose_one();
	scrub();
	situations[i].make();
	puts("the end");
	exit(7);
}
