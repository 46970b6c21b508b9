/* SPDX-License-Identifier: MIT */
#include "analyzer/relay.h"

#include <stddef.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND UINT64_C(1000000)
/* The program may have to put its terminal in order before it stops. */
#define STOPS_SOON (5000 * MILLISECOND)
/* Who continues a group has continued the program as well by then. */
#define RESUMES_SOON (20 * MILLISECOND)

/*
 * These are about us: what we do wrong ourselves, and what is an error of a
 * write and no signal.
 */
static const int own[] = { SIGSEGV, SIGBUS, SIGILL,  SIGFPE,
			   SIGTRAP, SIGSYS, SIGPIPE, SIGXFSZ };

/* What was there before, for the program to find again. */
static struct {
	sigset_t mask;
	struct sigaction child, pipe, size;
} before;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void relay_prepare(void)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGPIPE, &ignore, &before.pipe);
	sigaction(SIGXFSZ, &ignore, &before.size);
}

void relay_hold(struct relay *r)
{
	const struct sigaction fallback = { .sa_handler = SIG_DFL };

	sigfillset(&r->held);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(&r->held, own[i]);
	sigprocmask(SIG_BLOCK, &r->held, &before.mask);
	/* If it was ignored, the kernel would reap before we could look. */
	sigaction(SIGCHLD, &fallback, &before.child);
}

void relay_give_back(void)
{
	sigaction(SIGCHLD, &before.child, NULL);
	sigaction(SIGPIPE, &before.pipe, NULL);
	sigaction(SIGXFSZ, &before.size, NULL);
	sigprocmask(SIG_SETMASK, &before.mask, NULL);
}

bool relay_ends(const siginfo_t *info)
{
	switch (info->si_signo) {
	case SIGHUP:
	case SIGINT:
	case SIGQUIT:
	case SIGTERM:
	case SIGABRT:
		return true;
	default:
		return false;
	}
}

static bool is_stop(int signal)
{
	return signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

/*
 * As the default action has it: in a group that no shell looks after, where
 * nobody would continue us, this does nothing.  What comes to continue us is
 * held, and seen when we go on.
 */
static void stop_ourselves(struct relay *r)
{
	const struct sigaction fallback = { .sa_handler = SIG_DFL };
	struct sigaction was;
	const int signal = r->stop;
	sigset_t one;

	r->stop = 0;
	r->resumed_ns = 0;
	sigemptyset(&one);
	sigaddset(&one, signal);
	sigaction(signal, &fallback, &was);
	raise(signal);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	sigprocmask(SIG_BLOCK, &one, NULL);
	sigaction(signal, &was, NULL);
}

/*
 * Both have come: a signal to stop us, and word that the program has stopped.
 * One alone is not enough: a program may not want to stop, and one that was
 * stopped alone is continued alone, and nobody would continue us.
 */
static void stop_with_program(struct relay *r)
{
	const bool stops = r->stopped || !r->program;

	if (r->stop && stops && now_ns() - r->stop_ns < STOPS_SOON)
		stop_ourselves(r);
}

static void pass_on(const struct relay *r, const siginfo_t *info)
{
	if (info->si_code == SI_QUEUE)
		sigqueue(r->program, info->si_signo, info->si_value);
	else
		kill(r->program, info->si_signo);
}

/*
 * What the kernel sends, with a code above 0, is for the terminal's group; but
 * that the terminal is gone it tells the leader of the session alone.
 */
static bool is_for_us_alone(const siginfo_t *info)
{
	return info->si_code <= 0 ||
	       (info->si_signo == SIGHUP && getsid(0) == getpid());
}

/*
 * SIGCONT has continued us before it is taken.  It came to the whole group as
 * a rule, and is not to come twice.
 */
void relay_take(struct relay *r, const siginfo_t *info)
{
	if (info->si_signo == SIGCONT)
		r->resumed_ns = now_ns();
	else if (r->program && is_for_us_alone(info) &&
		 !fellow_had(r->fellow, info))
		pass_on(r, info);
	if (!is_stop(info->si_signo))
		return;
	r->stop = info->si_signo;
	r->stop_ns = now_ns();
	stop_with_program(r);
}

void relay_changed(struct relay *r, int status)
{
	r->stopped = WIFSTOPPED(status);
	if (r->stopped)
		stop_with_program(r);
}

void relay_ended(struct relay *r)
{
	r->program = 0;
	r->stopped = false;
}

uint64_t relay_due(const struct relay *r)
{
	return r->resumed_ns ? r->resumed_ns + RESUMES_SOON : RELAY_NEVER;
}

void relay_look(struct relay *r)
{
	r->resumed_ns = 0;
	if (r->stopped && r->program)
		kill(r->program, SIGCONT);
}
