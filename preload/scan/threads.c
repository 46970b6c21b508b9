/* SPDX-License-Identifier: MIT */
#include "preload/scan/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "preload/scan/clock.h"
#include "preload/scan/proc.h"

#define THREADS	  4096u
#define TRIES	  10	 /* for one that blocks signals: it may be starting */
#define MOMENT_NS 100000 /* between two looks at who has answered */
#define LOOKS	  200	 /* at whether the last of them has gone on */
#define HELD_S	  10u	 /* longer than a search takes */

/*
 * What the handler fills in.  Who has answered is held there until the memory
 * is copied: what it has in registers now may be in memory by then, and what is
 * in memory, in registers.
 */
static struct {
	_Atomic(struct world_thread *) threads; /* NULL: too late to answer */
	_Atomic(size_t) count, answers;
	_Atomic(uint32_t) held;
	_Atomic(unsigned) inside; /* handlers that may use `threads` */
	_Atomic(bool) gave_up;
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

static void fill_in(struct world_thread *thread, const greg_t *registers)
{
	for (unsigned i = 0; i < 16; i++)
		thread->registers[i] = (uintptr_t)registers[i];
	thread->register_count = 16;
	thread->pointer = (uintptr_t)__builtin_thread_pointer();
	thread->sp = (uintptr_t)registers[REG_RSP];
	atomic_fetch_add(&asked.answers, 1);
}

static void wait_until_let_go(void)
{
	const struct timespec most = { .tv_sec = HELD_S };

	while (atomic_load(&asked.held))
		if (syscall(SYS_futex, &asked.held, FUTEX_WAIT_PRIVATE, 1,
			    &most, NULL, 0) &&
		    errno == ETIMEDOUT) {
			atomic_store(&asked.gave_up, true);
			return;
		}
}

/* "mov $number, %eax; syscall", or as /proc had it before. */
static bool call_before(uintptr_t at, const struct world_thread *thread,
			greg_t *ret_number)
{
	const unsigned char *code = (const unsigned char *)at;
	int32_t number;

	if (at == thread->call_at)
		*ret_number = (greg_t)thread->call;
	if (at == thread->call_at || at % 4096 < 7 || code[-7] != 0xb8)
		return at == thread->call_at;
	memcpy(&number, code - 6, sizeof(number));
	*ret_number = number;
	return true;
}

/*
 * Some calls, like pause(), the kernel does not begin again after a handler:
 * the main thread would go on, and might end the process with another status.
 */
static void begin_call_again(const struct world_thread *thread,
			     greg_t *registers)
{
	const uintptr_t at = (uintptr_t)registers[REG_RIP];

	if (registers[REG_RAX] == -EINTR && at % 4096 >= 2 &&
	    !memcmp((const char *)at - 2, "\x0f\x05", 2) &&
	    call_before(at, thread, &registers[REG_RAX]))
		registers[REG_RIP] -= 2;
}

/* In the thread that is asked. */
static void answer(int signal, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	const int error = errno;
	struct world_thread *thread;

	(void)signal;
	(void)info;
	atomic_fetch_add(&asked.inside, 1);
	thread = own_entry();
	if (thread && !thread->sp) {
		fill_in(thread, registers);
		begin_call_again(thread, registers);
		wait_until_let_go();
	}
	atomic_fetch_sub(&asked.inside, 1);
	errno = error;
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

/* What /proc says of a thread before it is asked. */
struct condition {
	bool ended;  /* the main thread, when others go on */
	bool traced; /* a debugger would stop at the signal */
	uint64_t blocked;
};

/* "State:\tZ (zombie)", "SigBlk:\t0000000000010000" */
static void take_condition(const char *line, void *data)
{
	struct condition *condition = data;

	if (!strncmp(line, "State:\tZ", 8))
		condition->ended = true;
	if (!strncmp(line, "TracerPid:\t", 11))
		condition->traced = line[11] != '0';
	if (!strncmp(line, "SigBlk:\t", 8)) {
		line += 8;
		condition->blocked = proc_hex(&line);
	}
}

static void path_of(const struct world_thread *thread, const char *file,
		    char *path)
{
	strcpy(path, "/proc/self/task/");
	proc_append(path, (unsigned)thread->tid);
	strcat(path, file);
}

/*
 * "0 0x3 0x7f.. 0x400 0x0 0x0 0x0 0x7ffd.. 0x7f.." of one that waits.  Returns
 * the system call, or -1.
 */
static long look_up(struct world_thread *thread)
{
	char path[64], text[256];
	const char *at = text;
	int fd;
	long got;

	path_of(thread, "/syscall", path);
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	got = syscall(SYS_read, fd, text, sizeof(text) - 1);
	syscall(SYS_close, fd);
	text[got > 0 ? got : 0] = 0;
	if (*text < '0' || *text > '9' || !(at = strchr(text, ' ')))
		return -1;
	thread->register_count = 0;
	while (thread->register_count < 6 && *at)
		thread->registers[thread->register_count++] = proc_hex(&at);
	thread->sp = proc_hex(&at);
	thread->registers[thread->register_count++] = thread->sp;
	thread->call = (uintptr_t)atol(text);
	thread->call_at = proc_hex(&at);
	return (long)thread->call;
}

/*
 * One that blocks the signal would not answer; one that waits for signals would
 * take it for one that it waited for; and for one with a debugger it would
 * stop.
 */
static bool can_be_asked(struct world_thread *thread, int number)
{
	struct condition condition = { false, false, 0 };
	struct world_thread seen = { .tid = thread->tid };
	char path[64];
	long call;

	path_of(thread, "/status", path);
	if (!proc_lines(path, take_condition, &condition))
		return false;
	call = look_up(&seen);
	thread->call = seen.call;
	thread->call_at = seen.call_at;
	thread->ended = condition.ended;
	return !thread->ended && !condition.traced &&
	       !(condition.blocked >> (number - 1) & 1) &&
	       call != SYS_rt_sigtimedwait;
}

static size_t send(struct world *world, int number)
{
	const pid_t pid = (pid_t)syscall(SYS_getpid);
	size_t expected = 0;

	for (size_t i = 1; i < world->thread_count; i++)
		if (!world->threads[i].asked &&
		    can_be_asked(&world->threads[i], number)) {
			world->threads[i].asked = true;
			expected += !syscall(SYS_tgkill, pid,
					     world->threads[i].tid, number);
		}
	return expected;
}

static void ask(struct world *world, uint64_t until_ns)
{
	const struct timespec moment = { .tv_nsec = MOMENT_NS };
	const int number = install_handler();
	size_t expected = 0;

	if (!number)
		return;
	asked.answers = 0;
	asked.count = world->thread_count;
	asked.gave_up = false;
	atomic_store(&asked.held, 1);
	atomic_store(&asked.threads, world->threads);
	for (int i = 0; clock_ns() < until_ns; i++) {
		if (i < TRIES && expected < world->thread_count - 1)
			expected += send(world, number);
		else if (asked.answers >= expected)
			break;
		syscall(SYS_nanosleep, &moment, NULL);
	}
}

bool threads_are_held(void)
{
	return !asked.gave_up;
}

void threads_let_go(void)
{
	atomic_store(&asked.threads, NULL);
	if (atomic_exchange(&asked.held, 0))
		syscall(SYS_futex, &asked.held, FUTEX_WAKE_PRIVATE, INT32_MAX,
			NULL, NULL, 0);
}

bool threads_are_gone(void)
{
	const struct timespec moment = { .tv_nsec = MOMENT_NS };

	for (int i = 0; i < LOOKS && asked.inside; i++)
		syscall(SYS_nanosleep, &moment, NULL);
	return !asked.inside;
}

bool threads_gather(struct world *world, struct workspace *w, uintptr_t sp,
		    uint64_t until_ns, bool *ret_all_known)
{
	*ret_all_known = true;
	world->threads = workspace_array(w, struct world_thread, THREADS);
	if (!world->threads)
		return false;
	world->thread_count = 1;
	world->threads[0].tid = (pid_t)syscall(SYS_gettid);
	world->threads[0].sp = sp;
	/* It may be on a stack that nothing else leads to. */
	world->threads[0].registers[0] = sp;
	world->threads[0].register_count = 1;
	world->threads[0].pointer = (uintptr_t)__builtin_thread_pointer();
	if (!proc_numbers("/proc/self/task", add_thread, world))
		return false;
	if (world->thread_count > 1)
		ask(world, until_ns);
	for (size_t i = 1; i < world->thread_count; i++)
		if (!world->threads[i].sp && !world->threads[i].ended) {
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
