/* SPDX-License-Identifier: MIT */
/*
 * ends HOW [N] - connects once, leaks it, and ends: `exit N`, `signal N`,
 * `child` (a child of fork leaks one too and both end well), `orphan` (a
 * grandchild leaks one and outlives the program by half a second), `stay`
 * (so for 60 seconds), `execs` (becomes `ends exit 0`), `children` (two of
 * fork leak and end by _exit with N and N+1, one of vfork with N+2; then it is
 * killed by SIGKILL).
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

static void children(int number)
{
	for (int i = 0; i < 2; i++) {
		if (fork() == 0) {
			leak();
			_exit(number + i);
		}
		wait(NULL);
	}
	if (vfork() == 0)
		_exit(number + 2);
	wait(NULL);
	raise(SIGKILL);
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
	} else if (!strcmp(how, "children")) {
		children(number);
	} else if (!strcmp(how, "execs")) {
		execl("/proc/self/exe", argv[0], "exit", "0", (char *)NULL);
	}
	return number;
}
