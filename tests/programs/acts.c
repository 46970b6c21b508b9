/* SPDX-License-Identifier: MIT */
/*
 * acts WORD... - does what the words say, one after the other, and ends.  What
 * it says goes to standard output, in one line a word.
 *
 * The table at the end has the words.  `await` takes the next one with it: the
 * file that must be there before it goes on.  What hangs ends by SIGALRM.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SMALL_STACK PTHREAD_STACK_MIN
#define AWAITED	    60 /* seconds, at most */

static char **next; /* word */
static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

static void acquire(void)
{
	PQconnectdb("");
}

static void release(void)
{
	PQfinish(PQconnectdb(""));
}

static void *acquire_there(void *unused)
{
	PGconn *conn = PQconnectStart("");

	PQfinish(conn);
	return unused;
}

static void run_threads(int count)
{
	pthread_t threads[8];
	pthread_attr_t small;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, SMALL_STACK);
	for (int i = 0; i < count; i++)
		pthread_create(&threads[i], &small, acquire_there, NULL);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

static void many(void)
{
	run_threads(8);
}

static void count_signals(void)
{
	const struct sigaction count = { .sa_handler = count_signal };

	sigaction(SIGCHLD, &count, NULL);
}

static void ignore_signals(void)
{
	signal(SIGCHLD, SIG_IGN);
}

/* As long as there is anything to wait for. */
static void wait_for_all(void)
{
	int children = 0;

	while (wait(NULL) > 0 || errno == EINTR)
		children++;
	printf("%d children, errno %d, %d signals\n", children, errno,
	       (int)signals);
}

static void list_children(void)
{
	FILE *file = fopen("/proc/thread-self/children", "r");
	char line[100] = "";

	if (!file || !fgets(line, sizeof(line), file))
		line[0] = 0;
	printf("children:%s%s\n", line[0] ? " " : "", line);
}

static void take_in_orphans(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* The first child of it is the first of a pid namespace. */
static void leave_namespace(void)
{
	if (unshare(CLONE_NEWPID) && unshare(CLONE_NEWUSER | CLONE_NEWPID))
		exit(99);
}

static void try_fork(void)
{
	const pid_t child = fork();
	int status = -1;

	if (!child)
		_exit(0);
	waitpid(child, &status, 0);
	puts(status ? "cannot fork" : "forked");
}

static void refuse(const int *calls, unsigned count, unsigned action)
{
	struct sock_filter filter[20] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = { .len = 1, .filter = filter };

	for (unsigned i = 0; i < count; i++) {
		filter[program.len++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i], 0, 1);
		filter[program.len++] =
			(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
	}
	filter[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
							     SECCOMP_RET_ALLOW);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		exit(99);
}

static void confine(void)
{
	const int calls[] = { SYS_clone, SYS_clone3, SYS_vfork, SYS_fork,
			      SYS_execve };

	refuse(calls, 5, SECCOMP_RET_KILL_PROCESS);
}

static void use_old_kernel(void)
{
	const int calls[] = { SYS_pidfd_open, SYS_close_range };

	refuse(calls, 2, SECCOMP_RET_ERRNO | ENOSYS);
}

static void limit(int resource, rlim_t most)
{
	const struct rlimit value = { most, most };

	setrlimit(resource, &value);
}

static void few_files(void)
{
	limit(RLIMIT_NOFILE, 8);
}

static void few_processes(void)
{
	limit(RLIMIT_NPROC, 1);
}

static void close_all(void)
{
	closefrom(0);
}

/* And another descriptor that it may have been given for the same. */
static void close_output(void)
{
	fclose(stdout);
	close(9);
}

static void replace(int descriptor, const char *file)
{
	const int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	dup2(fd, descriptor);
	close(fd);
}

static void mute(void)
{
	replace(STDERR_FILENO, "/dev/null");
}

/* As a test runner that keeps what a test writes to itself. */
static void capture(void)
{
	fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	replace(STDERR_FILENO, "captured");
}

/* Where a connection may have gone in a daemon that had none open. */
static void replace_by_socket(void)
{
	int pair[2];

	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	dup2(pair[0], STDERR_FILENO);
	if (fork())
		return;
	/* Says what comes out at the other end. */
	close(pair[0]);
	close(STDERR_FILENO);
	while (read(pair[1], &pair[0], 1) == 1)
		replace(STDOUT_FILENO, "received");
	_exit(0);
}

/* A child says in how many pieces it gets what is written there. */
static void count_pieces(void)
{
	char piece[65536];
	int pieces = 0, channel[2];

	if (pipe2(channel, O_DIRECT))
		exit(99);
	dup2(channel[1], STDERR_FILENO);
	close(channel[1]);
	if (fork()) {
		close(channel[0]);
		return;
	}
	close(STDERR_FILENO);
	while (read(channel[0], piece, sizeof(piece)) > 0)
		pieces++;
	printf("%d pieces\n", pieces);
	exit(0);
}

/* Until a write would have to wait, which it then does not. */
static void fill_output(void)
{
	static const char bytes[4096];

	fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
	while (write(STDERR_FILENO, bytes, sizeof(bytes)) > 0)
		continue;
}

static void become_daemon(void)
{
	if (fork())
		_exit(0);
	setsid();
	if (fork())
		_exit(0);
	closefrom(0);
	replace(STDIN_FILENO, "/dev/null");
}

static void fork_child(void)
{
	const pid_t child = fork();

	if (child) {
		waitpid(child, NULL, 0);
		exit(0);
	}
}

static void execute(void)
{
	next[-1] = (char *)"acts";
	execv("/proc/self/exe", next - 1);
}

static void await(void)
{
	const char *file = *next++;

	while (access(file, F_OK))
		usleep(10000);
}

static void *await_there(void *unused)
{
	await();
	acquire();
	exit(0);
	return unused;
}

/* The first thread goes; another one awaits and acquires. */
static void leave_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, await_there, NULL);
	pthread_exit(NULL);
}

static void go_to_root(void)
{
	if (chdir("/"))
		exit(99);
}

static void kill_itself(void)
{
	raise(SIGKILL);
}

static void say_here(void)
{
	puts("here");
}

static const struct {
	const char *word;
	void (*act)(void);
} words[] = {
	{ "acquire", acquire },
	{ "release", release }, /* acquired just now */
	{ "many", many },	/* threads acquire and release */
	{ "count", count_signals },
	{ "ignore", ignore_signals }, /* those of children */
	{ "wait", wait_for_all },
	{ "children", list_children },
	{ "reaper", take_in_orphans },
	{ "namespace", leave_namespace },
	{ "try", try_fork },	/* whether it can fork */
	{ "confine", confine }, /* seccomp: whoever forks is killed */
	{ "old", use_old_kernel },
	{ "files", few_files },
	{ "processes", few_processes },
	{ "close", close_all },
	{ "output", close_output },
	{ "mute", mute }, /* standard error goes nowhere */
	{ "capture", capture },
	{ "socket", replace_by_socket },
	{ "fill", fill_output },
	{ "pieces", count_pieces },
	{ "daemon", become_daemon },
	{ "fork", fork_child }, /* which does the rest */
	{ "exec", execute },	/* itself, with the other words */
	{ "await", await },
	{ "leave", leave_thread }, /* and then as await */
	{ "root", go_to_root },
	{ "kill", kill_itself },
	{ "here", say_here },
};

int main(int argc, char **argv)
{
	(void)argc;
	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(AWAITED);
	for (next = argv + 1; *next;) {
		const char *word = *next++;
		size_t i = 0;

		while (i < sizeof(words) / sizeof(words[0]) &&
		       strcmp(word, words[i].word))
			i++;
		if (i == sizeof(words) / sizeof(words[0]))
			return 98;
		words[i].act();
	}
	return 0;
}
