/* SPDX-License-Identifier: MIT */
/*
 * terminal [wait TEXT | send TEXT | hang up]... -- PROGRAM [ARG]...
 *
 * Runs PROGRAM on a terminal of its own, as a person would: `wait` until TEXT
 * has been shown since the last step, then `send` what is typed (Ctrl-C is
 * the byte 3), or `hang up`.  What is shown goes to standard output; at the end
 * of PROGRAM its status is ours, 128+N where signal N ended it.  Whatever takes
 * longer than 20 seconds ends with 99.
 */
#include <pty.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
	int master; /* -1: hung up */
	char text[1 << 20];
	size_t size, seen; /* all of it, and what the steps have used up */
} shown;

static void give_up(int number)
{
	static const char late[] = "\nterminal: this takes too long\n";

	(void)number;
	_exit(write(STDOUT_FILENO, late, sizeof(late) - 1) < 0 ? 98 : 99);
}

/* False at the end: the last process on the terminal is gone. */
static bool read_more(void)
{
	char *end = shown.text + shown.size;
	const size_t room = sizeof(shown.text) - 1 - shown.size;
	const ssize_t got =
		shown.master < 0 ? 0 : read(shown.master, end, room);

	if (got <= 0)
		return false;
	end[got] = 0;
	shown.size += (size_t)got;
	return write(STDOUT_FILENO, end, (size_t)got) == got;
}

static void wait_for(const char *text)
{
	const char *found;

	while (!(found = strstr(shown.text + shown.seen, text)))
		if (!read_more()) {
			printf("\nterminal: '%s' was never shown\n", text);
			exit(97);
		}
	shown.seen = (size_t)(found - shown.text) + strlen(text);
}

static void step(const char *what, const char *text)
{
	const size_t size = strlen(text);

	if (!strcmp(what, "wait")) {
		wait_for(text);
	} else if (!strcmp(what, "send")) {
		if (write(shown.master, text, size) != (ssize_t)size)
			exit(96);
	} else {
		close(shown.master);
		shown.master = -1;
	}
}

int main(int argc, char **argv)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	int first = 1, status;
	pid_t program;

	while (first < argc && strcmp(argv[first], "--") != 0)
		first += 2;
	if (first + 1 >= argc)
		return 2;
	signal(SIGALRM, give_up);
	alarm(20);
	program = forkpty(&shown.master, NULL, NULL, &size);
	if (!program) {
		execvp(argv[first + 1], argv + first + 1);
		_exit(127);
	}
	for (int i = 1; i < first; i += 2)
		step(argv[i], argv[i + 1]);
	while (read_more())
		continue;
	waitpid(program, &status, 0);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}
