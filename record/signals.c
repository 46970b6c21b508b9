/* SPDX-License-Identifier: MIT */
#include "record/signals.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char *const refusals[NSIG] = {
	[SIGKILL] = "can be neither caught nor ignored",
	[SIGSTOP] = "can be neither caught nor ignored",
	[SIGSEGV] = "says that the program has crashed",
	[SIGBUS] = "says that the program has crashed",
	[SIGILL] = "says that the program has crashed",
	[SIGFPE] = "says that the program has crashed",
	[SIGABRT] = "says that the program has given up",
	[SIGTRAP] = "belongs to debuggers",
	[SIGSYS] = "says that a system call is forbidden",
	[SIGPIPE] = "says that a reader is gone",
	[SIGCHLD] = "says that a child has ended",
	[SIGALRM] = "belongs to the program's timers",
	[SIGVTALRM] = "belongs to the program's timers",
	[SIGPROF] = "belongs to the program's timers",
	[SIGXCPU] = "says that a limit was passed",
	[SIGXFSZ] = "says that a limit was passed",
	[SIGIO] = "says that a file can be read, to connleak as well",
	[SIGURG] = "says that a socket can be read",
	[SIGTSTP] = "is the terminal's, to stop the program",
	[SIGTTIN] = "is the terminal's, to stop the program",
	[SIGTTOU] = "is the terminal's, to stop the program",
	[SIGCONT] = "continues a program that was stopped",
	[32] = "belongs to the C library",
	[33] = "belongs to the C library",
};

/* A number up to the end; -1 if it is none, or beyond all signals. */
static int parse_number(const char *text)
{
	int number = 0;

	if (!*text)
		return -1;
	for (; *text >= '0' && *text <= '9'; text++) {
		number = number * 10 + (*text - '0');
		if (number >= NSIG)
			return -1;
	}
	return *text ? -1 : number;
}

/* What is behind "RTMIN" or "RTMAX". */
static int parse_realtime(const char *text, int from, char sign)
{
	int apart = *text ? -1 : 0;

	if (*text == sign)
		apart = parse_number(text + 1);
	if (apart < 0 || apart > SIGRTMAX - SIGRTMIN)
		return 0;
	return sign == '+' ? from + apart : from - apart;
}

int signals_parse(const char *text)
{
	int number = parse_number(text);

	if (number >= 0)
		return number;
	if (!strncasecmp(text, "SIG", 3))
		text += 3;
	if (!strncasecmp(text, "RTMIN", 5))
		return parse_realtime(text + 5, SIGRTMIN, '+');
	if (!strncasecmp(text, "RTMAX", 5))
		return parse_realtime(text + 5, SIGRTMAX, '-');
	for (number = NSIG - 1; number > 0; number--)
		if (sigabbrev_np(number) &&
		    !strcasecmp(text, sigabbrev_np(number)))
			break;
	return number;
}

const char *signals_refusal(int signal)
{
	return refusals[signal];
}
