/* SPDX-License-Identifier: MIT */
/*
 * jobs [SIGNAL=HOW]... - a program on a terminal, with what it does at signals
 *
 * HOW is `tell` (print the name and go on), `end` (the same, and end a little
 * later with status 7), `ignore`, or for TSTP `tidy` (put the terminal in order
 * and stop, as psql does).  It switches the terminal's echo off, says "ready",
 * and reads keys until a q; it says which come.  Other arguments are refused.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static struct termios before, raw;
static volatile sig_atomic_t ending;

static void say(const char *word, int number)
{
	char line[64];
	const int length = snprintf(line, sizeof(line), "%s %s\n", word,
				    sigabbrev_np(number));

	if (write(STDOUT_FILENO, line, (size_t)length) != length)
		_exit(1);
}

static void tell(int number)
{
	say("got", number);
}

static void end(int number)
{
	say("got", number);
	ending = 1;
}

/* As long as a program may take to leave the terminal in order. */
static void tidy(int number)
{
	sigset_t one;

	say("tidying for", number);
	usleep(200000);
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
	signal(number, SIG_DFL);
	raise(number);
	sigemptyset(&one);
	sigaddset(&one, number);
	sigprocmask(SIG_UNBLOCK, &one, NULL); /* stops here */
	signal(number, tidy);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	say("back from", number);
}

static int number_of(const char *name, size_t length)
{
	for (int i = 1; i < NSIG; i++)
		if (sigabbrev_np(i) && strlen(sigabbrev_np(i)) == length &&
		    !strncmp(sigabbrev_np(i), name, length))
			return i;
	return 0;
}

static int prepare(const char *argument)
{
	static const struct {
		const char *how;
		sighandler_t handler;
	} ways[] = { { "=tell", tell },
		     { "=end", end },
		     { "=tidy", tidy },
		     { "=ignore", SIG_IGN } };
	const size_t length = strcspn(argument, "=");
	struct sigaction action = { .sa_handler = SIG_ERR };

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(argument + length, ways[i].how))
			action.sa_handler = ways[i].handler;
	if (action.sa_handler == SIG_ERR)
		return -1;
	return sigaction(number_of(argument, length), &action, NULL);
}

/* What comes twice comes within this time. */
static int end_later(void)
{
	for (int i = 0; i < 6; i++)
		usleep(50000);
	puts("the end");
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
	return 7;
}

int main(int argc, char **argv)
{
	char key = 0;
	ssize_t got = 1;

	for (int i = 1; i < argc; i++)
		if (prepare(argv[i]))
			return 2;
	setvbuf(stdout, NULL, _IONBF, 0);
	tcgetattr(STDIN_FILENO, &before);
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	puts("ready");
	while (!ending && key != 'q') {
		got = read(STDIN_FILENO, &key, 1);
		if (got == 1 && key != '\n')
			printf("key %c\n", key);
		if (got == 0 || (got < 0 && errno != EINTR))
			break;
	}
	return ending ? end_later()
		      : tcsetattr(STDIN_FILENO, TCSANOW, &before) != 0;
}
