/* SPDX-License-Identifier: MIT */
/*
 * forks WAY - connections, and processes made in every way: ways[] names them.
 * Those of a way that says how many children there were print "N bad", the
 * number of those that did not end well.
 */
#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILING "port=abc" /* refused at once, without a socket */

extern char **environ;

static const char *const *arguments; /* behind WAY */
static int bad;

static __attribute__((noinline)) PGconn *connect_now(void)
{
	PGconn *conn = PQconnectdb("");

	if (PQstatus(conn) != CONNECTION_OK)
		_exit(99);
	return conn;
}

static void wait_for(pid_t child)
{
	int status;

	waitpid(child, &status, 0);
	bad += status != 0;
}

static void say_bad(void)
{
	printf("%d bad\n", bad);
}

/* What the server thinks of it. */
static void say_alive(PGconn *conn)
{
	PGresult *result = PQexec(conn, "SELECT 1");

	puts(PQresultStatus(result) == PGRES_TUPLES_OK ? "alive" : "gone");
	PQclear(result);
}

static __attribute__((noinline)) void serve(PGconn *conn)
{
	PQfinish(conn);
	_exit(0);
}

/* Three workers finish what the server had opened. */
static void prefork(void)
{
	PGconn *conn = connect_now();

	for (int i = 0; i < 3; i++) {
		const pid_t child = fork();

		if (!child)
			serve(conn);
		wait_for(child);
	}
	say_alive(conn);
	if (!arguments[0])
		PQfinish(conn);
}

/* Two ends of a child that leaves alone what it has inherited. */
static void keeps(void)
{
	PGconn *conn = connect_now();

	for (int i = 0; i < 2; i++) {
		const pid_t child = fork();

		if (!child && i)
			exit(0);
		if (!child)
			_exit(0);
		wait_for(child);
	}
	say_alive(conn);
	PQfinish(conn);
}

/* The child goes on with a session of its own, by the parent's handle. */
static void reset(void)
{
	PGconn *conn = connect_now();
	const pid_t child = fork();

	if (!child) {
		PQreset(conn);
		if (PQstatus(conn) == CONNECTION_OK && !arguments[0])
			PQfinish(conn);
		_exit(0);
	}
	wait_for(child);
	say_alive(conn);
	PQfinish(conn);
}

static void reset_start(void)
{
	PGconn *conn = connect_now();
	PostgresPollingStatusType how = PGRES_POLLING_WRITING;
	const pid_t child = fork();

	if (!child) {
		if (!PQresetStart(conn))
			_exit(1);
		while (how != PGRES_POLLING_OK && how != PGRES_POLLING_FAILED)
			how = PQresetPoll(conn);
		PQfinish(conn);
		_exit(how != PGRES_POLLING_OK);
	}
	wait_for(child);
	PQfinish(conn);
	say_bad();
}

/* The grandchild finishes the parent's and the child's. */
static void grandchild(void)
{
	PGconn *mine = connect_now(), *childs;
	pid_t child = fork();

	if (child) {
		wait_for(child);
		PQfinish(mine);
		say_bad();
		return;
	}
	childs = connect_now();
	child = fork();
	if (!child) {
		PQfinish(mine);
		PQfinish(childs);
		_exit(0);
	}
	wait_for(child);
	PQfinish(childs);
	_exit(bad);
}

/* No session ends: it has none, or is a cancel handle. */
static void harmless(void)
{
	PGconn *failed = PQconnectdb(FAILING), *conn = connect_now();
	PGcancel *cancel = PQgetCancel(conn);
	const pid_t child = fork();

	if (!child) {
		PQfinish(failed);
		PQfreeCancel(cancel);
		_exit(0);
	}
	wait_for(child);
	say_alive(conn);
	PQfreeCancel(cancel);
	PQfinish(failed);
	PQfinish(conn);
}

/* The address of what it finished comes back as its own. */
static void again(void)
{
	PGconn *conn = connect_now();
	const pid_t child = fork();

	if (!child) {
		PQfinish(conn);
		for (int i = 0; i < 100; i++)
			PQfinish(PQconnectStart(FAILING));
		PQconnectStart(FAILING);
		_exit(0);
	}
	wait_for(child);
	PQfinish(conn);
	say_bad();
}

static volatile int stop;

static void *churn(void *count)
{
	while (!stop) {
		PQfinish(PQconnectStart(FAILING));
		++*(long *)count;
	}
	return NULL;
}

static pid_t by_clone(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

/* Children in the midst of it, each of which finishes one of ours. */
static void among_threads(pid_t (*make)(void), int children)
{
	PGconn *conn = connect_now();
	long counts[3] = { 0 };
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, churn, &counts[i]);
	for (int i = 0; i < children; i++) {
		const pid_t child = make();

		if (!child) {
			alarm(20);
			serve(conn);
		}
		wait_for(child);
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	PQfinish(conn);
	printf("%ld connects\n", counts[0] + counts[1] + counts[2] + 1);
	say_bad();
}

static void *fork_in_thread(void *unused)
{
	among_threads(fork, 30);
	return unused;
}

static void threads(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, fork_in_thread, NULL);
	pthread_join(thread, NULL);
}

static void clones(void)
{
	among_threads(by_clone, 100);
}

static void clone_once(void)
{
	PGconn *conn = connect_now();
	const pid_t child = by_clone();

	if (!child) {
		connect_now();
		serve(conn);
	}
	wait_for(child);
	PQfinish(conn);
	say_bad();
}

/* What the children below become: a program that leaks one. */
static char leaking[] = "leak", itself[] = "/proc/self/exe";
static char *const leak_arguments[] = { itself, leaking, NULL };

/* Where it lay on the stack, nothing points to it any more. */
static __attribute__((noinline)) void wipe(void)
{
	volatile char stack[65536];

	for (size_t i = 0; i < sizeof(stack); i++)
		stack[i] = 0;
}

static void leak(void)
{
	connect_now();
	wipe();
}

static void become_leak(void)
{
	execve(itself, leak_arguments, environ);
	_exit(98);
}

static void vfork_exec(void)
{
	PGconn *conn = connect_now();
	const pid_t child = vfork();

	if (!child)
		become_leak();
	wait_for(child);
	say_alive(conn);
	PQfinish(conn);
	say_bad();
}

/* It frees what both have: the parent's handle is gone. */
static void vfork_finish(void)
{
	PGconn *conn = connect_now();
	const pid_t child = vfork();

	if (!child) {
		PQfinish(conn);
		_exit(0);
	}
	wait_for(child);
	say_bad();
}

static int in_clone(void *unused)
{
	(void)unused;
	become_leak();
	return 0;
}

static void clone_vm(void)
{
	static char stack[65536];
	PGconn *conn = connect_now();

	wait_for(clone(in_clone, stack + sizeof(stack),
		       CLONE_VM | CLONE_VFORK | SIGCHLD, NULL));
	say_alive(conn);
	PQfinish(conn);
	say_bad();
}

static void spawns(void)
{
	PGconn *conn = connect_now();
	pid_t child;
	int err = posix_spawn(&child, itself, NULL, NULL, leak_arguments,
			      environ);

	if (!err)
		wait_for(child);
	say_alive(conn);
	PQfinish(conn);
	say_bad();
}

/* The shell's $0 is this program. */
static void shells(void)
{
	PGconn *conn = connect_now();
	FILE *pipe;

	bad += system("\"$FORKS\" leak") != 0;
	pipe = popen("\"$FORKS\" leak", "r");
	bad += pclose(pipe) != 0;
	say_alive(conn);
	PQfinish(conn);
	say_bad();
}

static void execs(void)
{
	connect_now();
	become_leak();
}

/* What is executed with no environment cannot be watched. */
static void no_environment(void)
{
	char **const none = NULL;
	PGconn *conn = connect_now();
	const pid_t child = fork();

	if (!child) {
		execve(arguments[0], (char *[]){ itself, NULL }, none);
		_exit(98);
	}
	wait_for(child);
	PQfinish(conn);
	say_bad();
}

static void spawn_without_environment(void)
{
	PGconn *conn = connect_now();
	char *const name[] = { itself, NULL };
	pid_t child;

	if (!posix_spawn(&child, arguments[0], NULL, NULL, name, NULL))
		wait_for(child);
	PQfinish(conn);
	say_bad();
}

/* Says that it is done in a file, when the test has long gone on. */
static void daemonized(void)
{
	PGconn *before = connect_now(), *after;

	if (daemon(1, 0))
		_exit(1);
	after = connect_now();
	PQfinish(after);
	if (!arguments[0])
		PQfinish(before);
}

/* By hand, with a session and two forks; ends first what it started with. */
static void twice(void)
{
	PGconn *conn = connect_now();

	if (fork())
		_exit(0);
	setsid();
	if (fork())
		_exit(0);
	usleep(200000); /* both are gone now, whoever reaps them */
	PQfinish(conn);
}

/* Opens so many handles that the record has to grow. */
static void open_many(int count)
{
	for (int i = 0; i < count; i++)
		PQconnectStart(FAILING);
}

static void drop_rights(void)
{
	if (setgroups(0, NULL) || setgid(65534) || setuid(65534))
		_exit(97);
}

static void enter_jail(void)
{
	if (chroot(".") || chdir("/"))
		_exit(97);
}

/* What to do first: `u` gives up the rights, `j` enters a jail. */
static void lock_out(void)
{
	for (const char *step = arguments[0]; *step; step++)
		*step == 'u' ? drop_rights() : enter_jail();
}

static void locked_out(void)
{
	lock_out();
	open_many(500);
}

/* The children lock themselves out, each a worker of its own. */
static void workers(void)
{
	for (int i = 0; i < 2; i++) {
		const pid_t child = fork();

		if (!child) {
			locked_out();
			_exit(0);
		}
		wait_for(child);
	}
	say_bad();
}

/* A child that is made behind the wall has no record. */
static void locked_out_child(void)
{
	pid_t child;

	lock_out();
	child = fork();
	if (!child) {
		open_many(1);
		_exit(0);
	}
	wait_for(child);
	say_bad();
}

/* For a moment no descriptor is left. */
static void no_descriptor(void)
{
	struct rlimit limit, none = { 3, 3 };

	getrlimit(RLIMIT_NOFILE, &limit);
	none.rlim_max = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &none);
	open_many(100);
	setrlimit(RLIMIT_NOFILE, &limit);
	open_many(100);
}

static const struct way {
	const char *name;
	void (*go)(void);
} ways[] = {
	{ "prefork", prefork },
	{ "keeps", keeps },
	{ "reset", reset },
	{ "reset_start", reset_start },
	{ "grandchild", grandchild },
	{ "harmless", harmless },
	{ "again", again },
	{ "threads", threads },
	{ "clones", clones },
	{ "clone_once", clone_once },
	{ "leak", leak },
	{ "vfork_exec", vfork_exec },
	{ "vfork_finish", vfork_finish },
	{ "clone_vm", clone_vm },
	{ "spawns", spawns },
	{ "shells", shells },
	{ "execs", execs },
	{ "no_environment", no_environment },
	{ "spawn_without_environment", spawn_without_environment },
	{ "daemon", daemonized },
	{ "twice", twice },
	{ "locked_out", locked_out },
	{ "workers", workers },
	{ "locked_out_child", locked_out_child },
	{ "no_descriptor", no_descriptor },
};

int main(int argc, char **argv)
{
	arguments = (const char *const *)argv + (argc > 1 ? 2 : 1);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (argc > 1 && !strcmp(ways[i].name, argv[1])) {
			ways[i].go();
			return 0;
		}
	return 2;
}
