/* SPDX-License-Identifier: MIT */
#include "preload/loader_lock.h"

#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "preload/elf.h"

#define LOADERS_DATA "_rtld_global" /* the loader's variables */
#define PATIENCE     1		    /* seconds */

/* `lock` is written once, the rest by the thread that forks. */
static struct {
	pthread_mutex_t *lock; /* NULL: not found */
	_Atomic(bool) taken;   /* for a fork that is under way ... */
	pid_t by;	       /* ... in this process */
} loader;

/* What looks like a lock that this thread has taken. */
struct search {
	pthread_mutex_t *found;
	unsigned count;
};

static bool is_mine(const pthread_mutex_t *lock)
{
	return lock->__data.__kind == PTHREAD_MUTEX_RECURSIVE_NP &&
	       lock->__data.__lock && lock->__data.__count == 1 &&
	       lock->__data.__owner == gettid();
}

static void look_through(const char *at, const char *end, struct search *s)
{
	for (; at + sizeof(pthread_mutex_t) <= end;
	     at += _Alignof(pthread_mutex_t))
		if (is_mine((const pthread_mutex_t *)at)) {
			s->found = (pthread_mutex_t *)at;
			s->count++;
		}
}

/* It is taken now, and the only one of the loader's variables that is. */
static int look(struct dl_phdr_info *object, size_t size, void *data)
{
	const uintptr_t address = (uintptr_t)elf_symbol(object, LOADERS_DATA);

	(void)size;
	for (int i = 0; address && i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &object->dlpi_phdr[i];
		const uintptr_t start = object->dlpi_addr + part->p_vaddr;

		if (part->p_type == PT_LOAD && address >= start &&
		    address - start < part->p_memsz)
			look_through((const char *)address,
				     (const char *)start + part->p_memsz, data);
	}
	return address != 0;
}

void loader_lock_find(void)
{
	struct search search = { .count = 0 };

	dl_iterate_phdr(look, &search);
	/* And it is not taken any more. */
	if (search.count == 1 && !is_mine(search.found))
		loader.lock = search.found;
}

/*
 * Not for ever: an allocator whose handler came before us may have locks that
 * a thread waits for, in the middle of dlclose.  Then the fork is what it would
 * be without us.
 */
void loader_lock_before_fork(void)
{
	struct timespec until;

	if (!loader.lock)
		return;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE;
	loader.by = getpid();
	/* TSan does not know pthread_mutex_clocklock(), and the unlock it does.
	 */
	atomic_store(&loader.taken,
		     !pthread_mutex_timedlock(loader.lock, &until));
}

void loader_lock_after_fork(void)
{
	if (atomic_exchange(&loader.taken, false))
		pthread_mutex_unlock(loader.lock);
}

/* To the lock, the child's thread is not the one that has taken it. */
void loader_lock_notice_child(void)
{
	pthread_mutexattr_t recursive;

	if (!atomic_load(&loader.taken) || loader.by == getpid())
		return;
	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(loader.lock, &recursive);
	atomic_store(&loader.taken, false);
}
