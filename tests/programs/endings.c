/* SPDX-License-Identifier: MIT */
/*
 * endings WAY - works in four threads, and ends in one of many ways:
 *
 *	return, exit, _exit, _Exit, quick_exit		with status 7
 *	exit_in_thread, exit_twice, exit_in_handler	the same
 *	_exit_in_handler, _exit_in_signal, raw_exit	the same
 *	segv_exit					the same
 *	last_thread					with status 0
 *	abort, segv, segv_again, quick_crash		by a signal
 *	exec		becomes a shell, which ends with status 7
 *	oom		takes memory until it is killed
 *	work		works until it is killed
 *
 * Each thread acquires and releases at random in functions of its own; three
 * of them connect in vain, which is fast, the fourth to the server.  What they
 * did is written to the file that JOURNAL names, if there is one (journal.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "record/format.h"
#include "tests/audit/journal.h"

#define STATUS 7

static struct journal *journal;
static _Atomic(bool) stop;

/* What acquires: the same for all threads, in functions of different names. */
#define PLACE(name, returns, params, call)                            \
	static __attribute__((noinline)) void *name params            \
	{                                                             \
		returns *handle = call;                               \
                                                                      \
		__asm__ volatile("" ::: "memory"); /* no tail call */ \
		return handle;                                        \
	}

PLACE(first_place, PGconn, (const void *info), PQconnectdb(info))
PLACE(second_place, PGconn, (const void *info), PQconnectdb(info))
PLACE(third_place, PGconn, (const void *info), PQconnectStart(info))
PLACE(fourth_place, PGconn, (const void *info), PQconnectdb(info))
PLACE(cancel_place, PGcancel, (const void *conn), PQgetCancel((PGconn *)conn))

static const struct {
	void *(*place)(const void *);
	const char *info;
} workers[JOURNAL_THREADS] = {
	{ first_place, "port=abc" },
	{ second_place, "port=abc" },
	{ third_place, "port=abc" },
	{ fourth_place, "" },
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void begin_step(struct journal_thread *me, enum journal_step step,
		       unsigned which)
{
	atomic_store(&me->step, step + 16 * which);
}

static void end_step(struct journal_thread *me)
{
	atomic_store(&me->step, STEP_NONE);
}

static void note_given(struct journal_thread *me, uint64_t handle)
{
	unsigned i = 0;

	while (i < JOURNAL_GIVEN && me->given[i] && me->given[i] != handle)
		i++;
	if (i < JOURNAL_GIVEN)
		me->given[i] = handle;
}

static void note_state(struct journal_handle *entry, const PGconn *conn)
{
	entry->state = PQstatus(conn) == CONNECTION_OK ? SLOT_ESTABLISHED
						       : SLOT_FAILED;
	entry->backend_pid = PQbackendPID(conn);
}

static void acquire(struct journal_thread *me, unsigned which, int number)
{
	struct journal_handle *entry = &me->out[which];
	void *handle;

	begin_step(me, STEP_ACQUIRING, which);
	entry->kind = KIND_CONNECTION;
	entry->before_ns = now_ns();
	handle = workers[number].place(workers[number].info);
	entry->after_ns = now_ns();
	note_state(entry, handle);
	note_given(me, (uintptr_t)handle);
	atomic_store(&entry->handle, (uintptr_t)handle);
	me->acquired[KIND_CONNECTION]++;
	end_step(me);
}

/* For the connection before it; a failed one has none. */
static void acquire_cancel(struct journal_thread *me, unsigned which)
{
	const struct journal_handle *of = &me->out[which - 1];
	struct journal_handle *entry = &me->out[which];
	const void *conn = (const void *)(uintptr_t)of->handle;
	void *handle;

	if (!conn || of->kind != KIND_CONNECTION ||
	    of->state != SLOT_ESTABLISHED)
		return;
	begin_step(me, STEP_ACQUIRING, which);
	entry->kind = KIND_CANCEL;
	entry->state = SLOT_ESTABLISHED;
	entry->backend_pid = of->backend_pid;
	entry->before_ns = now_ns();
	handle = cancel_place(conn);
	entry->after_ns = now_ns();
	note_given(me, (uintptr_t)handle);
	atomic_store(&entry->handle, (uintptr_t)handle);
	me->acquired[KIND_CANCEL]++;
	end_step(me);
}

static void release(struct journal_thread *me, unsigned which)
{
	struct journal_handle *entry = &me->out[which];
	void *handle = (void *)(uintptr_t)entry->handle;

	begin_step(me, STEP_RELEASING, which);
	if (entry->kind == KIND_CANCEL)
		PQfreeCancel(handle);
	else
		PQfinish(handle);
	atomic_store(&entry->handle, 0);
	me->released[entry->kind]++;
	end_step(me);
}

static void reset(struct journal_thread *me, unsigned which)
{
	struct journal_handle *entry = &me->out[which];
	PGconn *conn = (PGconn *)(uintptr_t)entry->handle;

	begin_step(me, STEP_CHANGING, which);
	PQreset(conn);
	note_state(entry, conn);
	end_step(me);
}

static void work_once(struct journal_thread *me, int number, unsigned *seed)
{
	const unsigned which = (unsigned)rand_r(seed) % JOURNAL_OUT;
	const struct journal_handle *entry = &me->out[which];
	const bool has_server = !*workers[number].info;

	if (!entry->handle && has_server && which % 2)
		acquire_cancel(me, which);
	else if (!entry->handle)
		acquire(me, which, number);
	else if (has_server && entry->kind == KIND_CONNECTION &&
		 rand_r(seed) % 4 == 0)
		reset(me, which);
	else
		release(me, which);
}

static void *work(void *page)
{
	struct journal_thread *me = page;
	const int number = (int)(me - journal->threads);
	unsigned seed;

	me->place[KIND_CONNECTION] = (uintptr_t)workers[number].place;
	me->place[KIND_CANCEL] = (uintptr_t)cancel_place;
	me->tid = (int32_t)syscall(SYS_gettid);
	seed = (unsigned)me->tid ^ (unsigned)now_ns();
	journal->at_work = 1;
	while (!stop) {
		work_once(me, number, &seed);
		/* So that one thread is given the slot of another. */
		if (rand_r(&seed) % 4 == 0)
			sched_yield();
	}
	return NULL;
}

static void open_journal(void)
{
	const char *path = getenv("JOURNAL");
	const int fd = path ? open(path, O_RDWR) : -1;

	journal =
		mmap(NULL, sizeof(*journal), PROT_READ | PROT_WRITE,
		     fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
	if (journal == MAP_FAILED) {
		perror("endings: journal");
		_exit(99);
	}
	if (fd >= 0)
		close(fd);
}

static void sleep_us(long us)
{
	const struct timespec time = { .tv_nsec = us * 1000 };

	nanosleep(&time, NULL);
}

/* Until each thread has something out, and then for a random while. */
static void begin_work(void)
{
	pthread_t thread;

	for (int i = 0; i < JOURNAL_THREADS; i++)
		pthread_create(&thread, NULL, work, &journal->threads[i]);
	for (int i = 0; i < JOURNAL_THREADS; i++)
		while (!journal->threads[i].acquired[KIND_CONNECTION])
			sleep_us(200);
	sleep_us((long)(now_ns() / 100 % 5000));
}

static void crash(void)
{
	*(volatile int *)8 = 0;
}

static void leave_by_exit(void)
{
	exit(STATUS);
}

static void leave_by__exit(void)
{
	_exit(STATUS);
}

static void leave_after_signal(int number)
{
	(void)number;
	_exit(STATUS);
}

static void raise_again(int number)
{
	signal(number, SIG_DFL);
	raise(number);
}

static void *exit_thread(void *unused)
{
	exit(STATUS);
	return unused;
}

static void exit_in_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, exit_thread, NULL);
	for (;;)
		pause();
}

/* Two threads at once. */
static void exit_twice(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, exit_thread, NULL);
	exit(STATUS);
}

static void exit_in_handler(void)
{
	atexit(leave_by_exit);
	exit(1);
}

static void _exit_in_handler(void)
{
	atexit(leave_by__exit);
	exit(1);
}

/* Which interrupts one of the threads, anywhere. */
static void _exit_in_signal(void)
{
	const struct itimerval soon = {
		.it_value.tv_usec = 1 + (long)(now_ns() / 100 % 3000),
	};

	signal(SIGALRM, leave_after_signal);
	setitimer(ITIMER_REAL, &soon, NULL);
	pthread_exit(NULL);
}

static void last_thread(void)
{
	stop = true;
	pthread_exit(NULL);
}

static void segv_exit(void)
{
	signal(SIGSEGV, leave_after_signal);
	crash();
}

static void segv_again(void)
{
	signal(SIGSEGV, raise_again);
	crash();
}

/* After it was marked that the process ends by quick_exit. */
static void quick_crash(void)
{
	at_quick_exit(crash);
	quick_exit(STATUS);
}

static void raw_exit(void)
{
	syscall(SYS_exit_group, STATUS);
}

static void do_quick_exit(void)
{
	quick_exit(STATUS);
}

static void do__Exit(void)
{
	_Exit(STATUS);
}

static void do_exec(void)
{
	execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
}

static void oom(void)
{
	for (;;) {
		char *memory = malloc(1 << 20);

		if (memory)
			memset(memory, 1, 1 << 20);
		else
			raise(SIGKILL);
	}
}

static void work_on(void)
{
	for (;;)
		pause();
}

static void return_from_main(void)
{
}

static const struct {
	const char *name;
	void (*end)(void);
} ways[] = {
	{ "return", return_from_main },
	{ "exit", leave_by_exit },
	{ "exit_in_thread", exit_in_thread },
	{ "exit_twice", exit_twice },
	{ "exit_in_handler", exit_in_handler },
	{ "last_thread", last_thread },
	{ "_exit", leave_by__exit },
	{ "_Exit", do__Exit },
	{ "_exit_in_handler", _exit_in_handler },
	{ "_exit_in_signal", _exit_in_signal },
	{ "quick_exit", do_quick_exit },
	{ "quick_crash", quick_crash },
	{ "raw_exit", raw_exit },
	{ "abort", abort },
	{ "segv", crash },
	{ "segv_exit", segv_exit },
	{ "segv_again", segv_again },
	{ "exec", do_exec },
	{ "oom", oom },
	{ "work", work_on },
};

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i].name, way))
			continue;
		open_journal();
		begin_work();
		ways[i].end();
		return STATUS;
	}
	return 2;
}
