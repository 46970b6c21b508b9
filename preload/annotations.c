/* SPDX-License-Identifier: MIT */
/* The other end of connleak.h: what the program tells us itself. */
#include "preload/connleak.h"

#include "preload/guard.h"
#include "preload/leases.h"
#include "preload/lifecycle.h"
#include "preload/tracker.h"

#define DEEPEST 4 /* pools that ask other pools; more are not kept */

/* The header calls them by name only, which no compiler sees. */
#define EXPORT __attribute__((visibility("default")))
EXPORT connleak_hook connleak_shim_by_design;
EXPORT connleak_pool_hook connleak_shim_waiting;
EXPORT connleak_lease_hook connleak_shim_acquired, connleak_shim_releasing;
EXPORT connleak_number_hook connleak_shim_capacity;

/* What this thread waits for, outermost first. */
static _Thread_local struct {
	struct {
		const void *pool;
		struct lease_try try;
	} at[DEEPEST];
	unsigned count;
} waiting;

static struct lease_pool pool_of(const void *object, const char *function)
{
	return (struct lease_pool){ .object = object,
				    .rule = RECORD_NONE,
				    .function = function };
}

static bool waits_for(const void *pool)
{
	for (unsigned i = 0; i < waiting.count; i++)
		if (waiting.at[i].pool == pool)
			return true;
	return false;
}

static void wait(const void *object, const char *function)
{
	const struct lease_pool pool = pool_of(object, function);

	if (waiting.count == DEEPEST)
		return;
	waiting.at[waiting.count].pool = object;
	leases_try(&waiting.at[waiting.count++].try, &pool);
	leases_enter();
}

/* The innermost wait is over. */
static void waited(const void *handle, const char *function, const void *caller)
{
	leases_leave();
	leases_tried(&waiting.at[--waiting.count].try,
		     handle ? LEASE_ACQUIRED : LEASE_NOTHING,
		     lease_key((uintptr_t)handle, 0, false), function, caller);
}

/* What it waits for since then was given up without a word. */
static void give_up(const void *pool, const char *function, const void *caller)
{
	while (waiting.at[waiting.count - 1].pool != pool)
		waited(NULL, function, caller);
}

void connleak_shim_by_design(const void *handle)
{
	struct guard guard;

	if (!handle || !lifecycle_ready())
		return;
	guard_enter(&guard);
	tracker_by_design(handle);
	leases_by_design(lease_key((uintptr_t)handle, 0, false));
	guard_leave(&guard);
}

void connleak_shim_waiting(const void *pool, const char *function)
{
	const void *caller = __builtin_return_address(0);
	struct guard guard;

	if (!lifecycle_ready())
		return;
	guard_enter(&guard);
	if (waits_for(pool)) {
		give_up(pool, function, caller);
		waited(NULL, function, caller);
	}
	wait(pool, function);
	guard_leave(&guard);
}

void connleak_shim_acquired(const void *pool, const void *handle,
			    const char *function)
{
	const void *caller = __builtin_return_address(0);
	struct guard guard;

	if (!lifecycle_ready())
		return;
	guard_enter(&guard);
	if (!waits_for(pool))
		wait(pool, function);
	if (waits_for(pool)) {
		give_up(pool, function, caller);
		waited(handle, function, caller);
	}
	guard_leave(&guard);
}

void connleak_shim_releasing(const void *object, const void *handle,
			     const char *function)
{
	const struct lease_pool pool = pool_of(object, function);
	const void *caller = __builtin_return_address(0);
	struct guard guard;

	if (!handle || !lifecycle_ready())
		return;
	guard_enter(&guard);
	leases_releasing(&pool, lease_key((uintptr_t)handle, 0, false),
			 function, caller);
	guard_leave(&guard);
}

void connleak_shim_capacity(const void *object, unsigned long n)
{
	const struct lease_pool pool = pool_of(object, "");
	struct guard guard;

	if (!lifecycle_ready())
		return;
	guard_enter(&guard);
	leases_capacity(&pool, n);
	guard_leave(&guard);
}
