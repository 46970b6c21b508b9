/* SPDX-License-Identifier: MIT */
/*
 * sanitized HOW [CLIENT] - connects, finishes, and then does what a sanitizer
 * is for: `overflow`, `leak` (memory), `race`; or it does nothing wrong:
 * `clean`, `children` (runs CLIENT by system(), by fork() and exec, and by
 * posix_spawn()).
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int use(void)
{
	PGconn *conn = PQconnectdb("");
	const int good = PQstatus(conn) == CONNECTION_OK;

	PQclear(PQexec(conn, "select 1"));
	PQfinish(conn);
	return good;
}

/* Not inlined, and nothing that the compiler could see through. */
__attribute__((noinline)) static void write_at(volatile char *memory, int i)
{
	memory[i] = 1;
}

static void overflow(void)
{
	char *memory = malloc(8);

	write_at(memory, 8);
	free(memory);
}

static void *volatile lost;

static void leak(void)
{
	lost = malloc(77);
	lost = NULL;
}

static int shared;

static void *count(void *unused)
{
	for (int i = 0; i < 1000; i++)
		shared++;
	return unused;
}

static void race(void)
{
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, count, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

static void say_end(const char *how, int status)
{
	printf("%s: %d\n", how, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	fflush(stdout);
}

extern char **environ;

static void children(const char *client)
{
	char *argv[] = { (char *)client, "connectdb", NULL };
	char command[4096];
	pid_t child;
	int status;

	snprintf(command, sizeof(command), "'%s' connectdb", client);
	say_end("system", system(command));
	child = fork();
	if (child == 0) {
		execv(client, argv);
		_exit(99);
	}
	waitpid(child, &status, 0);
	say_end("exec", status);
	posix_spawn(&child, client, NULL, NULL, argv, environ);
	waitpid(child, &status, 0);
	say_end("spawn", status);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	printf("connected: %d\n", use());
	fflush(stdout);
	if (!strcmp(how, "overflow"))
		overflow();
	else if (!strcmp(how, "leak"))
		leak();
	else if (!strcmp(how, "race"))
		race();
	else if (!strcmp(how, "children"))
		children(argc > 2 ? argv[2] : "");
	printf("%s done\n", how);
	return 0;
}
