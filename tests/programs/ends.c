/* SPDX-License-Identifier: MIT */
/*
 * ends HOW [N] - connects once, leaks it, and ends: `exit N`, `signal N`,
 * `child` (a child of fork leaks one too and both end well), `orphan` (a
 * grandchild leaks one and outlives the program by half a second), `stay`
 * (so for 60 seconds), `execs` (becomes `ends exit 0`).
 */
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void leak(void)
{
	if (PQstatus(PQconnectdb("")) != CONNECTION_OK)
		exit(99);
}

static void outlive(unsigned ms)
{
	if (fork() == 0) {
		fclose(stdout);
		leak();
		usleep(ms * 1000);
		_exit(0);
	}
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	const int number = argc > 2 ? atoi(argv[2]) : 0;

	leak();
	if (!strcmp(how, "signal")) {
		raise(number);
	} else if (!strcmp(how, "child")) {
		if (fork() == 0) {
			leak();
			exit(0);
		}
		wait(NULL);
	} else if (!strcmp(how, "orphan")) {
		outlive(500);
	} else if (!strcmp(how, "stay")) {
		outlive(60000);
	} else if (!strcmp(how, "execs")) {
		execl("/proc/self/exe", argv[0], "exit", "0", (char *)NULL);
	}
	return number;
}
