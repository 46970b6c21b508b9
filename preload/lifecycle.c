/* SPDX-License-Identifier: MIT */
#include "preload/lifecycle.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "preload/asking.h"
#include "preload/config.h"
#include "preload/ending.h"
#include "preload/guard.h"
#include "preload/known_rules.h"
#include "preload/loader.h"
#include "preload/loader_lock.h"
#include "preload/lock.h"
#include "preload/modules.h"
#include "preload/preloads.h"
#include "preload/recording.h"
#include "preload/scan/scan.h"
#include "preload/scan/world.h"
#include "preload/scope.h"
#include "preload/seen.h"
#include "preload/static_libpq.h"
#include "preload/user_rules.h"
#include "preload/watcher.h"

enum { UNBORN, BEGINNING, INERT, AT_WORK };

static _Atomic(int) state = UNBORN;
static struct config config; /* once it is AT_WORK */

static void before_fork(void)
{
	recording_is_torn(); /* then the locks are made anew, and free */
	lock_before_fork();
}

static void after_fork_in_child(void)
{
	lock_after_fork_in_child();
	recording_after_fork_in_child();
}

/* Without /proc it is what was executed, if that says where it lies. */
static void find_exe(char *exe, size_t size)
{
	const ssize_t length = readlink("/proc/self/exe", exe, size - 1);
	const char *executed = (const char *)getauxval(AT_EXECFN);

	exe[length > 0 ? length : 0] = 0;
	if (length < 0 && executed && executed[0] == '/' &&
	    strlen(executed) < size)
		strcpy(exe, executed);
}

static void begin(char **environment)
{
	static char exe[PATH_MAX];

	find_exe(exe, sizeof(exe));
	modules_set_program(exe);
	scope_find();
	preloads_forget_runtime(environment);
	config_read(&config, environment);
	user_rules_read(config.hook, config.hooks);
	known_rules_begin();
	recording_init(&config, exe);
	if (config.report_at_exit)
		watcher_init(environment);
	seen_begin();
	ending_begin();
	scan_begin(config.scan, config.scan_ms);
	asking_begin(config.signal);
	loader_lock_find();
	pthread_atfork(before_fork, lock_after_fork, after_fork_in_child);
}

/*
 * Constructors of other libraries run before ours, may connect, and may start
 * threads that do: the first to come begins, the others wait.  True for the
 * first.
 */
static bool begin_once(char **environment)
{
	int now = UNBORN;
	struct guard guard;
	bool is_first;

	guard_enter(&guard);
	is_first = atomic_compare_exchange_strong(&state, &now, BEGINNING);
	if (is_first) {
		/*
		 * With the rights of somebody else: neither files nor else.
		 * Behind another shim: that one has counted already.
		 */
		const bool inert = getauxval(AT_SECURE) || scope_is_second();

		if (!inert)
			begin(environment);
		atomic_store(&state, inert ? INERT : AT_WORK);
	}
	while (atomic_load(&state) == BEGINNING)
		sched_yield();
	guard_leave(&guard);
	return is_first;
}

__attribute__((constructor)) static void load(int argc, char **argv,
					      char **environment)
{
	(void)argc;
	(void)argv;
	system_next(SYSTEM_execve); /* all are found here, not in a signal */
	if (gettid() == getpid())
		world_note_main_thread();
	begin_once(environment);
	/* What needs the loader is done here, where nobody waits for it. */
	if (!lifecycle_ready())
		return;
	if (config.static_libpq)
		static_libpq_hook();
	loader_notice();
}

bool lifecycle_has_begun(void)
{
	return atomic_load_explicit(&state, memory_order_acquire) == AT_WORK &&
	       !guard_is_inside();
}

/*
 * What needs the loader cannot be done by just any thread so early; the first
 * one, in a constructor, may.
 */
bool lifecycle_ready(void)
{
	if (guard_is_inside())
		return false;
	if (atomic_load_explicit(&state, memory_order_acquire) <= BEGINNING &&
	    begin_once(environ) && lifecycle_has_begun() &&
	    gettid() == getpid())
		loader_notice();
	return lifecycle_has_begun() && !recording_is_torn();
}
