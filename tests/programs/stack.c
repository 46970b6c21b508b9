/* SPDX-License-Identifier: MIT */
/*
 * stack - how many bytes of its stack a thread writes to, in several ways of
 * using libpq: "WAY BYTES".  The stack is painted before, and looked at after.
 *
 * A part of it is the thread's own: glibc keeps thread-local variables there,
 * those of libraries too.
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE  (256u * 1024u)
#define PAINT 0xa5

static void *do_nothing(void *unused)
{
	return unused;
}

static void *use(void *info)
{
	PQfinish(PQconnectdb(info));
	return NULL;
}

static void *execute(void *path)
{
	const pid_t child = vfork();

	if (!child) {
		execl(path, path, (char *)NULL);
		_exit(1);
	}
	waitpid(child, NULL, 0);
	return NULL;
}

static PGconn *inherited;

/* Of a connection that is the parent's. */
static void *finish(void *unused)
{
	PQfinish(inherited);
	return unused;
}

static void use_failing(int number)
{
	(void)number;
	PQfinish(PQconnectdb("port=abc"));
}

/* Only what the handler needs shows on this stack. */
static void in_handler(void)
{
	static unsigned char stack[SIZE];
	const stack_t there = { .ss_sp = stack, .ss_size = SIZE };
	struct sigaction action = { .sa_handler = use_failing,
				    .sa_flags = SA_ONSTACK };
	unsigned clean = 0;

	memset(stack, PAINT, SIZE);
	sigaltstack(&there, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	while (stack[clean] == PAINT)
		clean++;
	printf("handler %u\n", SIZE - clean);
	fflush(stdout);
}

static void measure(const char *way, void *(*job)(void *), char *argument)
{
	unsigned char *stack = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t attributes;
	pthread_t thread;
	unsigned clean = 0;

	memset(stack, PAINT, SIZE);
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stack, SIZE);
	if (pthread_create(&thread, &attributes, job, argument))
		abort();
	pthread_join(thread, NULL);
	while (stack[clean] == PAINT)
		clean++;
	printf("%s %u\n", way, SIZE - clean);
	fflush(stdout);
	munmap(stack, SIZE);
}

/* The first call in a child makes a record, or cannot. */
static void in_child(const char *way, void *(*job)(void *), char *argument,
		     rlim_t descriptors)
{
	const struct rlimit limit = { descriptors, descriptors };
	const pid_t child = fork();

	if (!child) {
		setrlimit(RLIMIT_NOFILE, &limit);
		measure(way, job, argument);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

int main(void)
{
	static char real[] = "", failing[] = "port=abc",
		    refused[] = "host=127.0.0.1 port=1", path[] = "/bin/true";

	measure("nothing", do_nothing, NULL);
	measure("failing", use, failing);
	measure("refused", use, refused);
	measure("connected", use, real);
	measure("again", use, real);
	measure("execute", execute, path);
	in_child("child", use, failing, 100);
	in_child("no_record", use, failing, 3);
	inherited = PQconnectdb("");
	in_child("inherited", finish, NULL, 100);
	PQfinish(inherited);
	in_handler();
	return 0;
}
