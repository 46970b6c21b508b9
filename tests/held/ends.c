/* SPDX-License-Identifier: MIT */
#include "tests/held/held.h"
#include "tests/held/scrub.h"

#include <dlfcn.h>
#include <err.h>
#include <error.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))
#define STATUS	 7

static NOINLINE void put(const struct held_case *c)
{
	PGconn *conn = PQconnectdb("");

	if (PQstatus(conn) != CONNECTION_OK)
		errx(3, "%s", PQerrorMessage(conn));
	c->put(conn);
}

static NOINLINE void lose(const struct held_case *c)
{
	c->put(NULL);
}

/* A pointer that is never where it was a moment ago. */
static void *volatile places[2];

static void *move(void *unused)
{
	char *blocks[64] = { 0 };

	for (unsigned i = 0;; i++) {
		void *const here = places[i % 2];

		places[i % 2] = NULL;
		places[1 - i % 2] = here;
		free(blocks[i % 64]);
		blocks[i % 64] = malloc(16 + i % 3000);
		blocks[i % 64][0] = 1;
	}
	return unused;
}

static void *map_and_unmap(void *unused)
{
	for (;;) {
		char *memory = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (int at = 0; memory != MAP_FAILED && at < 1 << 20;
		     at += 4096)
			memory[at] = 1;
		munmap(memory, 8 << 20);
	}
	return unused;
}

static void *exit_now(void *unused)
{
	exit(STATUS);
	return unused;
}

static void *load(void *unused)
{
	for (;;) {
		void *library = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);

		if (library)
			dlclose(library);
	}
	return unused;
}

static void start(void *(*run)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, NULL))
		errx(3, "no thread");
}

static void handle(int number)
{
	(void)number;
	exit(STATUS);
}

static NOINLINE void dive(int depth)
{
	volatile char frame[1000];

	memset((void *)frame, depth, sizeof(frame));
	if (depth)
		dive(depth - 1);
	if (!depth || frame[1] != (char)depth)
		exit(STATUS);
}

static void by_exit(void) { exit(STATUS); }
static void by_errx(void) { errx(STATUS, "the end"); }
static void by_error(void) { error(STATUS, 0, "the end"); }
static void by_pthread_exit(void) { pthread_exit(NULL); }
static void by__exit(void) { _exit(STATUS); }
static void by__Exit(void) { _Exit(STATUS); }
static void by_quick_exit(void) { quick_exit(STATUS); }
static void by_deep(void) { dive(500); }

static void by_thread(void)
{
	start(exit_now);
	pause();
}

static void by_handler(void)
{
	signal(SIGUSR1, handle);
	raise(SIGUSR1);
}

static void by_dlopen(void)
{
	start(load);
	usleep(2000);
	exit(STATUS);
}

static const struct end {
	const char *name;
	void (*end)(void); /* NULL: main returns */
} ends[] = {
	{ "return", NULL },
	{ "exit", by_exit },
	{ "errx", by_errx },
	{ "error", by_error },
	{ "pthread_exit", by_pthread_exit },
	{ "_exit", by__exit },
	{ "_Exit", by__Exit },
	{ "quick_exit", by_quick_exit },
	{ "thread", by_thread },
	{ "handler", by_handler },
	{ "deep", by_deep },
	{ "dlopen", by_dlopen },
};

static const struct end *end_of(const char *name)
{
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (!strcmp(ends[i].name, name))
			return &ends[i];
	errx(2, "no end %s", name);
}

static int list(const struct held_case *cases)
{
	for (; cases->name; cases++)
		printf("%s %s %s\n", cases->name, cases->keep, cases->lose);
	return 0;
}

int held_main(const struct held_case *cases, int argc, char **argv)
{
	const struct end *end = end_of(argc > 3 ? argv[3] : "return");

	if (argc == 2 && !strcmp(argv[1], "list"))
		return list(cases);
	while (cases->name && argc > 2 && strcmp(cases->name, argv[1]))
		cases++;
	if (argc < 3 || !cases->name)
		errx(2, "which case?");
	put(cases);
	if (!strcmp(argv[2], "lose"))
		lose(cases);
	if (getenv("BUSY")) {
		start(move);
		start(map_and_unmap);
		usleep(1000);
	}
	scrub();
	if (end->end)
		end->end();
	return STATUS;
}
