/* SPDX-License-Identifier: MIT */
#include "preload/scan/threads.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "preload/scan/proc.h"

#define THREADS	  4096u
#define PATIENCE  200	 /* looks at whether all have answered, ... */
#define MOMENT_NS 100000 /* ... and the time between them */

/* What the handler fills in; it stays readable for late answers. */
static struct {
	_Atomic(struct world_thread *) threads;
	_Atomic(size_t) count, answers;
} asked;

static bool add_thread(int tid, void *data)
{
	struct world *world = data;

	if (tid == world->threads[0].tid)
		return true;
	if (world->thread_count == THREADS)
		return false;
	world->threads[world->thread_count++].tid = tid;
	return true;
}

static struct world_thread *own_entry(void)
{
	struct world_thread *threads = atomic_load(&asked.threads);
	const pid_t tid = (pid_t)syscall(SYS_gettid);

	for (size_t i = 1; threads && i < asked.count; i++)
		if (threads[i].tid == tid)
			return &threads[i];
	return NULL;
}

/* In the thread that is asked. */
static void answer(int signal, siginfo_t *info, void *context)
{
	const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct world_thread *thread = own_entry();

	(void)signal;
	(void)info;
	if (!thread || thread->sp)
		return;
	for (unsigned i = 0; i < 16; i++)
		thread->registers[i] = (uintptr_t)registers[i];
	thread->register_count = 16;
	thread->pointer = (uintptr_t)__builtin_thread_pointer();
	thread->sp = (uintptr_t)registers[REG_RSP];
	atomic_fetch_add(&asked.answers, 1);
}

/*
 * One that nobody has touched.  Its handler stays: an answer that comes late
 * must not end the process.
 */
static int install_handler(void)
{
	struct sigaction action = {
		.sa_sigaction = answer,
		.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK,
	};
	struct sigaction now;

	sigfillset(&action.sa_mask);
	for (int number = SIGRTMAX; number >= SIGRTMIN; number--)
		if (!sigaction(number, NULL, &now) &&
		    !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL)
			return sigaction(number, &action, NULL) ? 0 : number;
	return 0;
}

static void ask(struct world *world)
{
	const struct timespec moment = { .tv_nsec = MOMENT_NS };
	const int number = install_handler();
	const pid_t pid = (pid_t)syscall(SYS_getpid);
	size_t expected = 0;

	if (!number)
		return;
	asked.answers = 0;
	asked.count = world->thread_count;
	atomic_store(&asked.threads, world->threads);
	for (size_t i = 1; i < world->thread_count; i++)
		expected += !syscall(SYS_tgkill, pid, world->threads[i].tid,
				     number);
	for (int i = 0; i < PATIENCE && asked.answers < expected; i++)
		syscall(SYS_nanosleep, &moment, NULL);
	atomic_store(&asked.threads, NULL);
}

/* "0 0x3 0x7f.. 0x400 0x0 0x0 0x0 0x7ffd.. 0x7f.." of one that waits. */
static void look_up(struct world_thread *thread)
{
	char path[64] = "/proc/self/task/", text[256];
	const char *at = text;
	int fd;
	long got;

	proc_append(path, (unsigned)thread->tid);
	strcat(path, "/syscall");
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return;
	got = syscall(SYS_read, fd, text, sizeof(text) - 1);
	syscall(SYS_close, fd);
	text[got > 0 ? got : 0] = 0;
	at = strchr(text, ' ');
	if (!at)
		return;
	while (thread->register_count < 6 && *at)
		thread->registers[thread->register_count++] = proc_hex(&at);
	thread->sp = proc_hex(&at);
}

bool threads_gather(struct world *world, struct workspace *w, uintptr_t sp,
		    bool *ret_all_known)
{
	*ret_all_known = true;
	world->threads = workspace_array(w, struct world_thread, THREADS);
	if (!world->threads)
		return false;
	world->thread_count = 1;
	world->threads[0].tid = (pid_t)syscall(SYS_gettid);
	world->threads[0].sp = sp;
	world->threads[0].pointer = (uintptr_t)__builtin_thread_pointer();
	if (!proc_numbers("/proc/self/task", add_thread, world))
		return false;
	if (world->thread_count > 1)
		ask(world);
	for (size_t i = 1; i < world->thread_count; i++)
		if (!world->threads[i].sp) {
			*ret_all_known = false;
			look_up(&world->threads[i]);
		}
	return true;
}

static bool is_known(int tid, void *data)
{
	const struct world *world = data;

	for (size_t i = 0; i < world->thread_count; i++)
		if (world->threads[i].tid == tid)
			return true;
	return false;
}

bool threads_are_the_same(const struct world *world)
{
	return proc_numbers("/proc/self/task", is_known, (void *)world);
}
