/* SPDX-License-Identifier: MIT */
/*
 * asked WAY - a program to which SIGUSR1 comes, which may ask for a report:
 *
 *	hold N		leaks N connections, says "ready", and goes on until
 *			its standard input ends; counts what comes
 *	load WHOSE	four threads connect, others allocate, load and finish,
 *			while the signal comes to each of them, 100 times; or
 *	load WHOSE on	until its standard input ends, without those others
 *	views		what the program is told about its own handlers
 *	install		two threads install handlers at the same time
 *	ignoring HOW	ignores it, and shows what an executed program ignores
 *
 * WHOSE handler is it: `none`, `early` (installed before any library's
 * constructor), `late`, or `jump` (one that leaves by siglongjmp).
 */
#include <dlfcn.h>
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILING "port=abc" /* refused at once, without a socket */
#define TIMES	100

extern char **environ;
extern sighandler_t bsd_signal(int, sighandler_t);
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static _Atomic(int) handled, bad, interrupted;
static _Atomic(bool) done;

/* Nothing may look odd in here. */
static void check(int number, siginfo_t *info, void *context)
{
	handled++;
	bad += number != SIGUSR1 || info->si_signo != SIGUSR1 || !context;
	errno = EDOM; /* the program's own fault, and kept */
}

static void count(int number)
{
	handled++;
	bad += number != SIGUSR1;
}

static void install_early(int argc, char **argv, char **environment)
{
	const struct sigaction action = { .sa_sigaction = check,
					  .sa_flags = SA_SIGINFO | SA_RESTART };

	(void)environment;
	if (argc > 2 && !strcmp(argv[2], "early"))
		sigaction(SIGUSR1, &action, NULL);
}

__attribute__((section(".preinit_array"),
	       used)) static void (*first)(int, char **,
					   char **) = install_early;

static PGconn *connected(void)
{
	PGconn *conn = PQconnectdb("");

	if (PQstatus(conn) != CONNECTION_OK) {
		fputs(PQerrorMessage(conn), stderr);
		exit(99);
	}
	return conn;
}

/* Reading goes on where it was: no EINTR without a handler of ours. */
static int hold(int many)
{
	char byte;
	ssize_t got;

	for (int i = 0; i < many; i++)
		connected();
	puts("ready");
	fflush(stdout);
	while ((got = read(STDIN_FILENO, &byte, 1)) > 0)
		continue;
	printf("%d handled, %s\n", handled, got ? "interrupted" : "done");
	return 0;
}

/*
 * Work in which nobody sets errno but a handler.  One of the program's own may,
 * and what others leave in it is theirs.
 */
static bool own_handler;

static void compute(void)
{
	volatile int *error = &errno; /* looked at again, afterwards */

	*error = ERANGE;
	for (volatile int i = 0; i < 20000; i++)
		continue;
	bad += *error != ERANGE && !(own_handler && *error == EDOM);
}

static void *connect_and_finish(void *unused)
{
	while (!done) {
		PGconn *conn = connected();

		compute();
		PQfinish(conn);
	}
	return unused;
}

static void *allocate(void *unused)
{
	while (!done) {
		void *memory[64];

		for (int i = 0; i < 64; i++)
			memory[i] = malloc((size_t)(i + 1) * 100);
		for (int i = 0; i < 64; i++)
			free(memory[i]);
		compute();
	}
	return unused;
}

static void *load(void *unused)
{
	while (!done) {
		void *library = dlopen("libutil.so.1", RTLD_NOW);

		bad += !library || !dlsym(library, "openpty");
		dlclose(library);
	}
	return unused;
}

static void *finish(void *unused)
{
	while (!done)
		PQfinish(PQconnectStart(FAILING));
	return unused;
}

/* A call that never restarts. */
static void *wait_shortly(void *unused)
{
	while (!done)
		if (poll(NULL, 0, 5) < 0) {
			bad += errno != EINTR;
			interrupted++;
		}
	return unused;
}

static void *(*const work[])(void *) = { connect_and_finish,
					 connect_and_finish,
					 connect_and_finish,
					 connect_and_finish,
					 allocate,
					 load,
					 finish,
					 wait_shortly };
#define WORKERS (sizeof(work) / sizeof(work[0]))

static _Thread_local sigjmp_buf out;

static void jump_out(int number)
{
	(void)number;
	handled++;
	siglongjmp(out, 1);
}

/* In this thread alone: libpq does not survive it. */
static void jump_often(void)
{
	signal(SIGUSR1, jump_out);
	sigsetjmp(out, 1);
	while (handled < TIMES)
		raise(SIGUSR1);
	printf("%d handled, %d bad\n", handled, bad);
}

/* A little later; false when it is enough. */
static bool goes_on(int times, bool on)
{
	struct pollfd input = { .fd = on ? STDIN_FILENO : -1 };

	return poll(&input, 1, 10) <= 0 && (on || times < TIMES);
}

static int under_load(const char *whose, bool on)
{
	const size_t workers = on ? 4 : WORKERS;
	pthread_t threads[WORKERS];

	if (!strcmp(whose, "jump")) {
		jump_often();
		return 0;
	}
	own_handler = strcmp(whose, "none") != 0;
	if (!strcmp(whose, "late"))
		signal(SIGUSR1, count);
	for (size_t i = 0; i < workers; i++)
		pthread_create(&threads[i], NULL, work[i], NULL);
	for (int i = 0; goes_on(i, on); i++) {
		for (size_t j = 0; j < workers; j++)
			pthread_kill(threads[j], SIGUSR1);
	}
	done = true;
	for (size_t i = 0; i < workers; i++)
		pthread_join(threads[i], NULL);
	printf("%d handled, %d bad, poll was %sinterrupted\n", handled, bad,
	       interrupted ? "" : "never ");
	return 0;
}

typedef void code(void);

static const char *name_of(sighandler_t handler)
{
	return handler == SIG_DFL		  ? "default"
	       : handler == SIG_IGN		  ? "ignored"
	       : handler == SIG_ERR		  ? "error"
	       : handler == SIG_HOLD		  ? "held"
	       : handler == count		  ? "count"
	       : (code *)handler == (code *)check ? "check"
						  : "something else";
}

static void show(const char *what)
{
	struct sigaction now;

	memset(&now, 0, sizeof(now));
	sigaction(SIGUSR1, NULL, &now);
	printf("%s: %s, flags %x, restorer %d, masks USR2 %d KILL %d\n", what,
	       name_of(now.sa_handler), (unsigned)now.sa_flags,
	       now.sa_restorer != NULL, sigismember(&now.sa_mask, SIGUSR2),
	       sigismember(&now.sa_mask, SIGKILL));
}

static void show_call(const char *what, sighandler_t before)
{
	printf("%s was %s\n", what, name_of(before));
	show(what);
	if (before != SIG_ERR && strcmp(what, "default"))
		raise(SIGUSR1);
	printf("handled %d, bad %d\n", handled, bad);
}

static void show_mask(int number, siginfo_t *info, void *context)
{
	sigset_t now;

	sigprocmask(SIG_BLOCK, NULL, &now);
	printf("in the handler: USR1 %d USR2 %d, value %d, from us %d\n",
	       sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2),
	       info->si_value.sival_int, info->si_pid == getpid());
	check(number, info, context);
}

static void show_flags(void)
{
	static const unsigned flags[] = { SA_SIGINFO, SA_SIGINFO | SA_NODEFER,
					  SA_SIGINFO | SA_RESTART | SA_ONSTACK,
					  SA_SIGINFO | SA_RESETHAND };
	struct sigaction action = { .sa_sigaction = show_mask }, before;

	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < 4; i++) {
		action.sa_flags = (int)flags[i];
		printf("sigaction %d\n", sigaction(SIGUSR1, &action, &before));
		printf("was %s, %x\n", name_of(before.sa_handler),
		       (unsigned)before.sa_flags);
		show("sigaction");
		sigqueue(getpid(), SIGUSR1, (union sigval){ (int)i });
		show("after");
	}
}

/* What is said and done is as without connleak. */
static int views(void)
{
	struct sigaction nothing;

	show("at first");
	show_flags();
	show_call("ignored", signal(SIGUSR1, SIG_IGN));
	show_call("signal", signal(SIGUSR1, count));
	show_call("bsd_signal", bsd_signal(SIGUSR1, count));
	show_call("sysv_signal", sysv_signal(SIGUSR1, count));
	show_call("ssignal", ssignal(SIGUSR1, count));
	printf("siginterrupt %d\n", siginterrupt(SIGUSR1, 1));
	show_call("signal", signal(SIGUSR1, count));
	printf("siginterrupt %d\n", siginterrupt(SIGUSR1, 0));
	show("restarts");
	show_call("sigset", sigset(SIGUSR1, count));
	show_call("held", sigset(SIGUSR1, SIG_HOLD));
	show_call("sigset", sigset(SIGUSR1, SIG_IGN));
	show_call("sigset", sigset(SIGUSR1, count));
	printf("sigignore %d\n", sigignore(SIGUSR1));
	show("sigignore");
	show_call("error", signal(SIGUSR1, SIG_ERR));
	printf("errno %d\n", errno == EINVAL);
	show_call("default", signal(SIGUSR1, SIG_DFL));
	errno = 0;
	sigaction(SIGUSR1, NULL, &nothing);
	printf("errno %d\n", errno);
	return 0;
}

/* As the kernel has it, behind the back of the C library. */
static unsigned long kernel_flags(void)
{
	unsigned long action[4] = { 0 }; /* handler, flags, restorer, mask */

	syscall(SYS_rt_sigaction, SIGUSR1, NULL, action, sizeof(action[3]));
	return action[1];
}

#define ROUNDS 20000

/* The round that may begin, and how many are done with theirs. */
static _Atomic(int) begun, ended;

static void *install_in_each_round(void *with_flag)
{
	struct sigaction action = { .sa_handler = count };

	if (with_flag)
		action.sa_flags = (int)SA_NODEFER;
	for (int i = 1; i <= ROUNDS; i++) {
		while (begun < i)
			sched_yield();
		sigaction(SIGUSR1, &action, NULL);
		ended++;
	}
	return NULL;
}

/* Whoever was the last, the kernel and the program agree on it. */
static int install(void)
{
	pthread_t threads[2];
	struct sigaction now;

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, install_in_each_round,
			       i ? &now : NULL);
	while (begun < ROUNDS) {
		begun++;
		while (ended < 2 * begun)
			sched_yield();
		sigaction(SIGUSR1, NULL, &now);
		bad += !(now.sa_flags & (int)SA_NODEFER) !=
		       !(kernel_flags() & SA_NODEFER);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	kill(getpid(), SIGUSR1);
	printf("%d bad, %d handled\n", bad, handled);
	return bad;
}

static void by_spawn(char **argv)
{
	pid_t pid;

	if (!posix_spawn(&pid, "/usr/bin/env", NULL, NULL, argv, environ))
		waitpid(pid, NULL, 0);
}

static void by_fork(char **argv, pid_t (*divide)(void))
{
	const pid_t pid = divide();

	if (!pid) {
		execv("/nowhere/at/all", argv);
		execv("/usr/bin/env", argv);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

static void by_vfork(char **argv)
{
	const pid_t pid = vfork();

	if (!pid) {
		execv("/usr/bin/env", argv);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

/* A child of vfork() changes nothing for its parent. */
static void by_vfork_default(char **argv)
{
	const pid_t pid = vfork();

	if (!pid) {
		signal(SIGUSR1, SIG_DFL);
		execv("/usr/bin/env", argv);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

#define SHOWS "grep SigIgn /proc/self/status"

static void by_popen(void)
{
	FILE *lines = popen("env -i " SHOWS, "r");
	char line[100];

	while (fgets(line, sizeof(line), lines))
		fputs(line, stdout);
	pclose(lines);
}

/* env -i: a shim in grep itself would show as a handler. */
static int ignoring(const char *how)
{
	char *argv[] = { "env", "-i", "grep", "SigIgn", "/proc/self/status",
			 NULL };

	signal(SIGUSR1, SIG_IGN);
	fflush(stdout);
	if (!strcmp(how, "exec"))
		execv("/usr/bin/env", argv);
	else if (!strcmp(how, "fork"))
		by_fork(argv, fork);
	else if (!strcmp(how, "vfork"))
		by_vfork(argv);
	else if (!strcmp(how, "vfork_default"))
		by_vfork_default(argv);
	else if (!strcmp(how, "spawn"))
		by_spawn(argv);
	else if (!strcmp(how, "system"))
		bad += system("env -i " SHOWS) != 0;
	else if (!strcmp(how, "popen"))
		by_popen();
	raise(SIGUSR1);
	show("at last");
	return bad;
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";
	const char *how = argc > 2 ? argv[2] : "";

	if (!strcmp(way, "hold")) {
		if (argc > 3)
			signal(SIGUSR1, count);
		return hold(atoi(how));
	}
	if (!strcmp(way, "load"))
		return under_load(how, argc > 3);
	if (!strcmp(way, "views"))
		return views();
	if (!strcmp(way, "install"))
		return install();
	if (!strcmp(way, "ignoring"))
		return ignoring(how);
	return 2;
}
