/* SPDX-License-Identifier: MIT */
#include "preload/asking.h"

#include <stdatomic.h>
#include <string.h>

#include "preload/memory.h"
#include "preload/recording.h"
#include "preload/scope.h"

#define RESTORER 0x04000000 /* SA_RESTORER: the C library sets it always */
#define FLAGS	 0xd8000007 /* which the kernel knows; it forgets all others */
#define MOST	 256	    /* different actions; a program has one or two */

/* An action of the program's; never changed, and never freed. */
struct action {
	struct sigaction theirs;
	struct action *after; /* SA_RESETHAND: once it was used; or NULL */
	struct action *next;
};

/*
 *   1. `now` is what the program has told the system to do; what the kernel
 *      has been told follows it.
 *   2. All actions there ever were are in `all`: a handler in another thread
 *      may still be reading one that is no longer in force.
 *   3. `away` counts the threads between asking_leave() and asking_return().
 */
static struct {
	_Atomic(int) number; /* 0: none asks */
	_Atomic(struct action *) now, all;
	_Atomic(unsigned) count, away;
	struct action first; /* as it was found */
	void (*restorer)(void);
} asking;

static int system_action(const struct sigaction *new, struct sigaction *old)
{
	return REAL_SYSTEM(sigaction)(atomic_load(&asking.number), new, old);
}

static bool is_handler(const struct sigaction *action)
{
	return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

/* What is in force; a handler that is for one signal, for the first only. */
static const struct action *use(void)
{
	struct action *action = atomic_load(&asking.now);

	while (action->after && !atomic_compare_exchange_weak(
					&asking.now, &action, action->after))
		continue;
	return action;
}

/*
 * A handler without SA_SIGINFO is called with the same three: that is how the
 * kernel calls it.  It may jump out of here.
 */
static void arrived(int number, siginfo_t *info, void *context)
{
	const struct action *action = use();

	recording_ask();
	if (is_handler(&action->theirs))
		action->theirs.sa_sigaction(number, info, context);
}

/*
 * What to tell the kernel.  SA_RESETHAND is ours to do; and where there is no
 * handler the program must not see a call come back early that can go on.
 */
static struct sigaction ours(const struct sigaction *theirs)
{
	struct sigaction action = *theirs;

	if (!is_handler(theirs)) {
		action.sa_flags = SA_RESTART;
		sigemptyset(&action.sa_mask);
	}
	action.sa_flags |= SA_SIGINFO;
	action.sa_flags &= ~(SA_RESETHAND | RESTORER);
	action.sa_sigaction = arrived;
	return action;
}

/*
 * Of two threads that change it at a time, the one that tells the kernel last
 * looks again: the kernel ends with what is in force.
 */
static int tell_kernel(void)
{
	struct action *action;
	struct sigaction told;

	do {
		action = atomic_load(&asking.now);
		told = ours(&action->theirs);
		if (action->theirs.sa_handler == SIG_IGN &&
		    atomic_load(&asking.away))
			told = action->theirs;
		if (system_action(&told, NULL))
			return -1;
	} while (action != atomic_load(&asking.now));
	return 0;
}

static bool is_same(const struct sigaction *a, const struct sigaction *b)
{
	const sigset_t *x = &a->sa_mask, *y = &b->sa_mask;

	return a->sa_handler == b->sa_handler && a->sa_flags == b->sa_flags &&
	       !memcmp(x, y, NSIG / 8);
}

/* The program's action as it would come back from the kernel. */
static void as_given_back(struct sigaction *action)
{
	action->sa_flags &= (int)FLAGS;
	action->sa_flags |= RESTORER;
	action->sa_restorer = asking.restorer;
	sigdelset(&action->sa_mask, SIGKILL);
	sigdelset(&action->sa_mask, SIGSTOP);
}

static struct action *find(const struct sigaction *wanted)
{
	struct action *action = atomic_load(&asking.all);

	while (action && !is_same(&action->theirs, wanted))
		action = action->next;
	return action;
}

/* NULL if there is no room. */
static struct action *add(const struct sigaction *wanted, struct action *after)
{
	struct action *action = NULL;

	if (atomic_fetch_add(&asking.count, 1) < MOST)
		action = memory_map(sizeof(*action));
	if (!action)
		return NULL;
	action->theirs = *wanted;
	action->after = after;
	action->next = atomic_load(&asking.all);
	while (!atomic_compare_exchange_weak(&asking.all, &action->next,
					     action))
		continue;
	return action;
}

static struct action *keep(const struct sigaction *wanted)
{
	struct action *action = find(wanted), *after = NULL;
	struct sigaction rest = *wanted;

	if (action)
		return action;
	if (is_handler(wanted) && wanted->sa_flags & SA_RESETHAND) {
		rest.sa_handler = SIG_DFL;
		after = keep(&rest);
		if (!after)
			return NULL;
	}
	return add(wanted, after);
}

bool asking_is(int number)
{
	return number && number == atomic_load(&asking.number);
}

/* The kernel's answer, unless that is us: there are raw system calls. */
static void give_back(struct sigaction *old, const struct action *theirs)
{
	if (old->sa_sigaction == arrived ||
	    (old->sa_handler == SIG_IGN && atomic_load(&asking.away)))
		*old = theirs->theirs;
}

/*
 * A child of vfork() has dispositions of its own, but what we keep is its
 * parent's.  It is about to execute something, and a report is not asked of it.
 */
static int change_kernel(const struct sigaction *new, struct sigaction *old)
{
	const int result = system_action(new, old);

	if (!result && old)
		give_back(old, atomic_load(&asking.now));
	return result;
}

/* No room: from now on the signal is the program's alone. */
static int give_up(const struct sigaction *new, struct sigaction *old)
{
	const int result = change_kernel(new, old);

	atomic_store(&asking.number, 0);
	return result;
}

int asking_change(const struct sigaction *new, struct sigaction *old)
{
	struct sigaction wanted, before;
	struct action *action;

	if (recording_is_borrowed() || !new)
		return change_kernel(new, old);
	wanted = *new;
	as_given_back(&wanted);
	action = keep(&wanted);
	if (!action)
		return give_up(new, old);
	if (system_action(NULL, &before))
		return -1;
	give_back(&before, atomic_exchange(&asking.now, action));
	if (old)
		*old = before;
	return tell_kernel();
}

static bool is_ignored(void)
{
	return atomic_load(&asking.number) &&
	       atomic_load(&asking.now)->theirs.sa_handler == SIG_IGN;
}

void asking_leave(void)
{
	struct sigaction now;

	if (!atomic_load(&asking.number))
		return;
	if (!recording_is_borrowed())
		atomic_fetch_add(&asking.away, 1);
	if (is_ignored() && !system_action(NULL, &now) &&
	    now.sa_sigaction == arrived)
		system_action(&atomic_load(&asking.now)->theirs, NULL);
}

void asking_return(void)
{
	if (!atomic_load(&asking.number) || recording_is_borrowed())
		return;
	if (atomic_fetch_sub(&asking.away, 1) == 1 && is_ignored())
		tell_kernel();
}

void asking_begin(int number)
{
	struct sigaction told;

	if (!number)
		return;
	atomic_store(&asking.now, &asking.first);
	atomic_store(&asking.all, &asking.first);
	REAL_SYSTEM(sigaction)(number, NULL, &asking.first.theirs);
	atomic_store(&asking.number, number);
	if (tell_kernel() || system_action(NULL, &told))
		atomic_store(&asking.number, 0);
	else
		asking.restorer = told.sa_restorer;
}
