/* SPDX-License-Identifier: MIT */
#include "preload/lock.h"

#include <pthread.h>
#include <time.h>

#include "preload/guard.h"
#include "preload/loader_lock.h"

static pthread_mutex_t locks[LOCKS] = {
	[LOCK_LIBPQ] = PTHREAD_MUTEX_INITIALIZER,
	[LOCK_UNWINDER] = PTHREAD_MUTEX_INITIALIZER,
	[LOCK_RECORDING] = PTHREAD_MUTEX_INITIALIZER,
	[LOCK_PATCH] = PTHREAD_MUTEX_INITIALIZER,
};

/* This thread is between the fork handlers, and has all locks. */
static _Thread_local bool forking;

void lock_take(enum lock lock)
{
	if (!forking)
		pthread_mutex_lock(&locks[lock]);
}

/* Not by a lock with a time-out: TSan knows nothing of that on our clock. */
bool lock_try(enum lock lock)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	if (forking)
		return true;
	for (int tries = 100; tries; tries--) {
		if (!pthread_mutex_trylock(&locks[lock]))
			return true;
		nanosleep(&moment, NULL);
	}
	return false;
}

void lock_give(enum lock lock)
{
	if (!forking)
		pthread_mutex_unlock(&locks[lock]);
}

void lock_before_fork(void)
{
	struct guard guard;

	guard_enter(&guard);
	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_lock(&locks[i]);
	loader_lock_before_fork();
	forking = true;
	guard_leave(&guard);
}

void lock_after_fork(void)
{
	struct guard guard;

	guard_enter(&guard);
	forking = false;
	loader_lock_after_fork();
	for (int i = LOCKS; i-- > 0;)
		pthread_mutex_unlock(&locks[i]);
	guard_leave(&guard);
}

void lock_after_fork_in_child(void)
{
	forking = false;
	loader_lock_notice_child();
	lock_forget();
}

bool lock_all_free(void)
{
	bool all_free = true;

	/* A handler of fork() is here: we hold them, and wait for nobody. */
	if (forking)
		return true;
	for (int i = 0; i < LOCKS; i++)
		if (pthread_mutex_trylock(&locks[i]))
			all_free = false;
		else
			pthread_mutex_unlock(&locks[i]);
	return all_free;
}

void lock_forget(void)
{
	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_init(&locks[i], NULL);
}
