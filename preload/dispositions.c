/* SPDX-License-Identifier: MIT */
/*
 * The functions by which a program says what a signal does.
 *
 * Only the signal that asks for a report is of interest (asking.h): for it they
 * do here what they do in the C library, whose own would tell the kernel to
 * forget us.  All others go straight there.  Each is hooked for itself, since
 * the C library does not come by when it calls itself.
 *
 * system() and popen() are here because they start a program without coming by
 * any function that we stand in front of.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "preload/asking.h"
#include "preload/guard.h"
#include "preload/scope.h"

#define EXPORT __attribute__((visibility("default")))

/* In no header, or said to be out of use there. */
extern int __sigaction(int, const struct sigaction *, struct sigaction *);
extern sighandler_t bsd_signal(int, sighandler_t);
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* siginterrupt() has said so, for signal(). */
static _Atomic(bool) interrupts;

static int change(const struct sigaction *new, struct sigaction *old)
{
	struct guard guard;
	int result;

	guard_enter(&guard);
	result = asking_change(new, old);
	guard_leave(&guard);
	return result;
}

EXPORT int sigaction(int number, const struct sigaction *new,
		     struct sigaction *old)
{
	if (!asking_is(number))
		return REAL_SYSTEM(sigaction)(number, new, old);
	return change(new, old);
}

EXPORT int __sigaction(int number, const struct sigaction *new,
		       struct sigaction *old)
{
	if (!asking_is(number))
		return REAL_SYSTEM(__sigaction)(number, new, old);
	return change(new, old);
}

/* What there was before. */
static sighandler_t install(sighandler_t handler, int flags,
			    const sigset_t *mask)
{
	struct sigaction new = { .sa_flags = flags }, old;

	new.sa_handler = handler;
	if (mask)
		new.sa_mask = *mask;
	return change(&new, &old) ? SIG_ERR : old.sa_handler;
}

static sighandler_t install_bsd(int number, sighandler_t handler)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, number);
	return install(handler, atomic_load(&interrupts) ? 0 : SA_RESTART,
		       &mask);
}

static sighandler_t install_sysv(sighandler_t handler)
{
	return install(handler, (int)(SA_RESETHAND | SA_NODEFER), NULL);
}

/* SIG_ERR is refused there, with the right errno. */
#define FAMILY(name, installed)                                    \
	EXPORT sighandler_t name(int number, sighandler_t handler) \
	{                                                          \
		if (!asking_is(number) || handler == SIG_ERR)      \
			return REAL_SYSTEM(name)(number, handler); \
		return installed;                                  \
	}

FAMILY(signal, install_bsd(number, handler))
FAMILY(bsd_signal, install_bsd(number, handler))
FAMILY(ssignal, install_bsd(number, handler))
FAMILY(sysv_signal, install_sysv(handler))
FAMILY(__sysv_signal, install_sysv(handler))

/* Blocks it, or lets it come and says what then; returns what was so before. */
static sighandler_t set(int number, sighandler_t handler)
{
	sighandler_t before;
	sigset_t one, blocked;

	sigemptyset(&one);
	sigaddset(&one, number);
	if (handler == SIG_HOLD) {
		struct sigaction now;

		change(NULL, &now);
		before = now.sa_handler;
		sigprocmask(SIG_BLOCK, &one, &blocked);
	} else {
		before = install(handler, 0, NULL);
		sigprocmask(SIG_UNBLOCK, &one, &blocked);
	}
	return sigismember(&blocked, number) ? SIG_HOLD : before;
}

FAMILY(sigset, set(number, handler))

EXPORT int sigignore(int number)
{
	if (!asking_is(number))
		return REAL_SYSTEM(sigignore)(number);
	return install(SIG_IGN, 0, NULL) == SIG_ERR ? -1 : 0;
}

EXPORT int siginterrupt(int number, int yes)
{
	struct sigaction action;

	if (!asking_is(number))
		return REAL_SYSTEM(siginterrupt)(number, yes);
	atomic_store(&interrupts, yes != 0);
	change(NULL, &action);
	if (yes)
		action.sa_flags &= ~SA_RESTART;
	else
		action.sa_flags |= SA_RESTART;
	return change(&action, NULL);
}

EXPORT int system(const char *command)
{
	int status;

	asking_leave();
	status = REAL_SYSTEM(system)(command);
	asking_return();
	return status;
}

EXPORT FILE *popen(const char *command, const char *mode)
{
	FILE *file;

	asking_leave();
	file = REAL_SYSTEM(popen)(command, mode);
	asking_return();
	return file;
}
