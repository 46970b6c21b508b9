/* SPDX-License-Identifier: MIT */
#include "preload/leases.h"

#include <string.h>
#include <unistd.h>

#include "preload/counters.h"
#include "preload/exhaustions.h"
#include "preload/holds.h"
#include "preload/joins.h"
#include "preload/lease.h"
#include "preload/misuses.h"
#include "preload/nesting.h"
#include "preload/owners.h"
#include "preload/pools.h"
#include "preload/recording.h"
#include "preload/sites.h"
#include "preload/tracker.h"
#include "preload/uses.h"

#define RELEASED_MOST 1024u /* released handles that are remembered */
#define RETRY_NS      UINT64_C(1000000000)

/* One that was released, and not acquired since. */
struct released {
	uint64_t handle;
	uint32_t pool, site;
	UT_hash_handle hh;
};

/*
 * Guarded by recording_lock().  Whenever that is free:
 *   1. `by_handle` has one lease for each slot of one that is not SLOT_FREE,
 *      and one, of an older generation, for each that a parent has.  It is in
 *      the order of their acquires, as is `released`.
 *   2. No two leases share a handle, and none is in `released`.
 *   3. `unseen` are out without a slot.
 */
static struct {
	struct lease *by_handle, *free;
	struct released *released;
	uint64_t unseen;
} leases;

/* Of each thread, without the lock. */
static _Thread_local struct {
	unsigned inside; /* calls that rules name */
	bool wanted, is_watched;
	struct lease_try *try; /* the innermost */
	/* The last one was in vain: what comes soon goes on with it. */
	struct {
		uint64_t began_ns, ended_ns, connect_ns, wait_ns, own_ns;
		const struct pool *pool;
		uint32_t site;
		unsigned generation; /* 0: none */
	} vain;
} thread;

uint64_t lease_key(uint64_t first, uint64_t second, bool pair)
{
	uint64_t hash;

	if (!pair)
		return ~first; /* as record_handle() */
	/* What cannot be that of an address. */
	hash = hash_word(hash_word(HASH_SEED, first), second);
	return (hash >> 2) | UINT64_C(1) << 63;
}

void leases_enter(void)
{
	thread.inside++;
}

void leases_leave(void)
{
	thread.inside -= thread.inside > 0;
}

bool leases_inside(void)
{
	return thread.inside;
}

bool leases_wanted(void)
{
	return thread.wanted && !thread.inside;
}

static int32_t own_tid(void)
{
	return recording_thread(recording_generation());
}

static bool is_own(const struct lease *lease)
{
	return lease->generation == recording_generation();
}

static unsigned hash_of(uint64_t handle)
{
	return (unsigned)hash_word(HASH_SEED, handle);
}

static struct lease *find(uint64_t handle)
{
	struct lease *lease;

	HASH_FIND_BYHASHVALUE(hh, leases.by_handle, &handle, sizeof(handle),
			      hash_of(handle), lease);
	return lease;
}

static struct lease *new_lease(struct writer *record)
{
	struct lease *lease = leases.free;
	uint32_t number;

	if (lease) {
		leases.free = lease->next;
		return lease;
	}
	number = writer_reserve(record, RECORD_SLOTS, 1);
	lease = number == RECORD_NONE ? NULL : memory_take(sizeof(*lease));
	if (!lease)
		return NULL;
	lease->number = number;
	lease->slot = writer_at(record, RECORD_SLOTS, number);
	writer_publish(record, RECORD_SLOTS, number, 1);
	return lease;
}

static void give_back(struct lease *lease)
{
	lease->next = leases.free;
	leases.free = lease;
}

static void fill(struct writer *record, const struct lease *lease,
		 uint32_t site, int32_t tid)
{
	struct record_slot *slot = lease->slot;

	writer_slot_begin(slot);
	slot->kind = HANDLE_LEASE;
	slot->state = SLOT_ESTABLISHED;
	slot->flags = 0;
	slot->handle = lease->handle;
	slot->acquired_ns = recording_now(record);
	slot->established_ns = slot->acquired_ns;
	slot->site = site;
	slot->server = RECORD_NONE;
	slot->tid = tid;
	slot->backend_pid = 0;
	slot->resets = 0;
	slot->function = 0;
	slot->calls = 0;
	slot->used_by = tid;
	slot->used_ns = 0;
	slot->used_at = sites_acquires(record, site);
	slot->error_ns = 0;
	slot->error = 0;
	slot->doing = TRANSACTION_UNKNOWN;
	slot->pool = lease->pool->number;
	slot->partner = RECORD_NONE;
	slot->released_by = 0;
	uses_spent_none(slot);
	writer_slot_end(slot);
}

static void make_free(struct record_slot *slot)
{
	writer_slot_begin(slot);
	slot->state = SLOT_FREE;
	writer_slot_end(slot);
}

/* Makes room among the released ones, for one more. */
static void forget_released(struct released *entry)
{
	HASH_DELETE(hh, leases.released, entry);
	memory_give(entry, sizeof(*entry));
}

static struct released *find_released(uint64_t handle)
{
	struct released *entry;

	HASH_FIND_BYHASHVALUE(hh, leases.released, &handle, sizeof(handle),
			      hash_of(handle), entry);
	return entry;
}

static void remember(const struct lease *lease)
{
	struct released *entry;

	if (HASH_CNT(hh, leases.released) >= RELEASED_MOST)
		forget_released(leases.released);
	entry = memory_take(sizeof(*entry));
	if (!entry)
		return;
	entry->handle = lease->handle;
	entry->pool = lease->pool->number;
	entry->site = lease->slot->site;
	HASH_ADD_BYHASHVALUE(hh, leases.released, handle, sizeof(entry->handle),
			     hash_of(entry->handle), entry);
	if (!entry->hh.tbl)
		memory_give(entry, sizeof(*entry));
}

static struct record_slot *connection_of(struct writer *record,
					 const struct lease *lease)
{
	const uint32_t partner = lease->slot->partner;

	return partner == RECORD_NONE
		       ? NULL
		       : writer_at(record, RECORD_SLOTS, partner);
}

/* What its lease has spent in the connection, which it has no longer. */
static void add_spent(struct record_slot *slot,
		      const struct record_slot *connection)
{
	const struct spent spent = uses_spent(connection);

	counter_add(&slot->query_ns, spent.query_ns);
	counter_add(&slot->transaction_ns, spent.transaction_ns);
	counter_raise(&slot->longest_query_ns, spent.longest_query_ns);
}

/* What the connection has gone through is told with its lease. */
static void part(struct writer *record, struct lease *lease, uint32_t error)
{
	struct record_slot *connection = connection_of(record, lease);

	if (connection)
		add_spent(lease->slot, connection);
	holds_add(record, lease->slot, recording_now(record), error);
	holds_erred(record, lease->slot->site, error);
	if (!connection)
		return;
	connection->released_by = own_tid();
	counter_set32(&connection->error, 0);
	joins_part(record, lease->slot);
}

/* Takes a lease off: first in the file, then in the table. */
static void forget(struct writer *record, struct lease *lease)
{
	struct record_slot *slot = lease->slot;
	const struct record_slot *connection = connection_of(record, lease);
	const uint32_t error = connection && connection->error
				       ? connection->error
				       : slot->error;
	const uint64_t held = recording_now(record) - slot->acquired_ns;

	make_free(slot);
	part(record, lease, error);
	sites_released(record, slot->site, held);
	sites_queried(record, slot->site, counter_get(&slot->longest_query_ns));
	pools_released(record, lease->pool);
	if (slot->tid != own_tid())
		counter_add(&lease->pool->stored->sums[POOL_BY_OTHERS], 1);
	nesting_leaves(lease);
	owners_take(lease);
	remember(lease);
	HASH_DELETE(hh, leases.by_handle, lease);
	give_back(lease);
}

static void disinherit(struct lease *lease)
{
	HASH_DELETE(hh, leases.by_handle, lease);
	memory_give(lease, sizeof(*lease));
}

/* Whatever has this handle now has had it. */
static void make_way(struct writer *record, uint64_t handle)
{
	struct released *released;
	struct lease *old = find(handle);

	if (old && is_own(old))
		forget(record, old);
	else if (old)
		disinherit(old);
	released = find_released(handle);
	if (released)
		forget_released(released);
}

/* To the connection, unless another lease that is out has it. */
static bool join(struct writer *record, struct lease *lease, uint32_t number)
{
	struct record_slot *connection =
		writer_at(record, RECORD_SLOTS, number);

	if (connection->partner != RECORD_NONE)
		return false;
	joins_join(record, lease->number, number);
	uses_spent_anew(connection);
	counter_set(&lease->slot->turned_ns,
		    counter_get(&connection->turned_ns));
	pools_prove(record, lease->pool);
	return true;
}

static void look_for_connection(struct writer *record, struct lease *lease)
{
	struct record_slot *connection;
	uint32_t number;

	connection = joins_find(lease->handle, &lease->pool->path, &number);
	if (!connection || !join(record, lease, number)) {
		lease->wants = true;
		return;
	}
	counter_set32(&connection->error, 0);
}

/* False: it is out and has no slot. */
static bool enter(struct writer *record, struct pool *pool, uint64_t handle,
		  uint32_t site)
{
	const int32_t tid = own_tid();
	struct lease *lease;

	make_way(record, handle);
	lease = new_lease(record);
	if (!lease)
		return false;
	lease->handle = handle;
	lease->pool = pool;
	lease->generation = recording_generation();
	lease->owner = NULL;
	lease->wants = false;
	fill(record, lease, site, tid);
	HASH_ADD_BYHASHVALUE(hh, leases.by_handle, handle,
			     sizeof(lease->handle), hash_of(handle), lease);
	if (!lease->hh.tbl) {
		make_free(lease->slot);
		give_back(lease);
		return false;
	}
	look_for_connection(record, lease);
	owners_give(lease, tid);
	thread.wanted |= lease->wants;
	counter_raise32(&pool->stored->most_by_thread, owners_share(pool, tid));
	return true;
}

/* The pool of a try of this process. */
static struct pool *pool_of(const struct lease_try *try)
{
	return try->generation == recording_generation() ? try->pool : NULL;
}

void leases_try(struct lease_try *try, const struct lease_pool *which)
{
	struct writer *record = tracker_lock();
	struct pool *pool = record ? pools_find_or_add(record, which) : NULL;

	memset(try, 0, sizeof(*try));
	if (pool) {
		try->pool = pool;
		try->generation = recording_generation();
		try->began_ns = pools_attempted(record, pool);
		if (owners_share(pool, own_tid())) {
			counter_add(&pool->stored->sums[POOL_NESTED], 1);
			nesting_asks(pool, own_tid());
		}
	}
	recording_unlock();
	try->outer = thread.try;
	thread.try = try;
}

/* With all that were begun inside, should one have been left by a jump. */
static void leave_try(const struct lease_try *try)
{
	struct lease_try *at = thread.try;

	while (at && at != try)
		at = at->outer;
	if (at)
		thread.try = at->outer;
}

/* Does the try go on with the last one of this thread? */
static bool goes_on(const struct lease_try *try, uint32_t site)
{
	return thread.vain.generation == try->generation &&
	       thread.vain.pool == try->pool && thread.vain.site == site &&
	       try->began_ns - thread.vain.ended_ns < RETRY_NS;
}

/* Connecting is no waiting. */
static uint64_t waited(uint64_t now, const struct lease_try *try)
{
	const uint64_t took = now - try->began_ns;

	return took - (try->connect_ns < took ? try->connect_ns : took);
}

/* What the try took, and those before it that it goes on with. */
static void count_wait(struct writer *record, struct pool *pool,
		       struct lease_try *try, uint32_t site, bool in_vain)
{
	const uint64_t now = recording_now(record);
	const uint64_t own = waited(now, try);
	uint64_t wait;

	if (goes_on(try, site)) {
		pools_wait_goes_on(pool, thread.vain.wait_ns,
				   thread.vain.own_ns, thread.vain.connect_ns);
		pools_waited_between(pool, thread.vain.ended_ns, try->began_ns);
		sites_wait_goes_on(record, site, thread.vain.wait_ns);
		try->began_ns = thread.vain.began_ns;
		try->connect_ns += thread.vain.connect_ns;
	}
	wait = waited(now, try);
	pools_waited(pool, wait, try->connect_ns);
	sites_waited(record, site, wait);
	thread.vain.generation = in_vain ? try->generation : 0;
	thread.vain.pool = try->pool;
	thread.vain.site = site;
	thread.vain.began_ns = try->began_ns;
	thread.vain.ended_ns = now;
	thread.vain.connect_ns = try->connect_ns;
	thread.vain.wait_ns = wait;
	thread.vain.own_ns = own;
}

static void acquired(struct writer *record, struct pool *pool, uint64_t handle,
		     uint32_t site)
{
	uint32_t needed;

	sites_leased(record, site, pool->number);
	pools_acquired(record, pool);
	needed = nesting_asked(pool, own_tid(), site, true) + 1;
	counter_raise32(&pool->stored->most_needed, needed);
	if (!enter(record, pool, handle, site)) {
		recording_lost(record, LOSS_HANDLE);
		leases.unseen++;
	}
	recording_judge_later();
}

static void failed(struct writer *record, struct pool *pool, enum lease_end end,
		   uint32_t site)
{
	static const struct {
		enum record_pool_sum sum;
		enum record_exhaustion_kind kind;
	} ends[] = {
		[LEASE_NOTHING] = { POOL_NOTHING, EXHAUSTION_NOTHING },
		[LEASE_ERROR] = { POOL_ERRORS, EXHAUSTION_ERROR },
		[LEASE_EXCEPTION] = { POOL_EXCEPTIONS, EXHAUSTION_EXCEPTION },
	};

	exhaustions_add(record, pool, ends[end].kind, site, leases.by_handle);
	sites_failed(record, site, pool->number);
	pools_failed(record, pool, ends[end].sum);
	nesting_asked(pool, own_tid(), site, false);
}

/* It has a lease. */
static void watch_thread(void)
{
	if (thread.is_watched)
		return;
	thread.is_watched = true;
	owners_watch_thread();
}

/* A longjmp has left its frames: that they are gone is no loss. */
static void take_what_is_left(struct stack *stack)
{
	stack->cut |= stack->alone;
	stack->alone = false;
}

void leases_tried(struct lease_try *try, enum lease_end end, uint64_t handle,
		  const char *function, const void *caller)
{
	struct writer *record;
	struct pool *pool;
	struct stack stack;
	uint32_t site;

	leave_try(try);
	stack_capture(&stack, caller);
	if (end == LEASE_EXCEPTION)
		take_what_is_left(&stack);
	record = tracker_lock();
	pool = record ? pool_of(try) : NULL;
	if (pool) {
		site = sites_number(record, HANDLE_LEASE, function, &stack);
		count_wait(record, pool, try, site, end != LEASE_ACQUIRED);
		if (end == LEASE_ACQUIRED)
			acquired(record, pool, handle, site);
		else
			failed(record, pool, end, site);
	} else if (record && end == LEASE_ACQUIRED) {
		leases.unseen++;
	}
	recording_unlock();
	if (pool && end == LEASE_ACQUIRED)
		watch_thread();
}

/* What the connection is in the middle of; 0: nothing is wrong with that. */
static enum record_event_kind wrong_with(const struct record_slot *connection)
{
	const uint32_t doing = connection ? connection->doing : 0;

	switch (doing % CONNECTION_LISTENS) {
	case TRANSACTION_OPEN:
	case TRANSACTION_FAILED:
		return EVENT_RELEASED_IN_TRANSACTION;
	case TRANSACTION_ACTIVE:
		return EVENT_RELEASED_UNDRAINED;
	default:
		return doing & CONNECTION_COPIES ? EVENT_RELEASED_UNDRAINED : 0;
	}
}

static void release(struct writer *record, struct lease *lease,
		    struct misuse *ret)
{
	ret->kind = wrong_with(connection_of(record, lease));
	ret->pool = lease->pool->number;
	ret->owner = misuses_own(record, lease->slot->site);
	forget(record, lease);
}

/* It is not out. */
static void release_unknown(const struct writer *record,
			    const struct lease_pool *which, uint64_t handle,
			    struct misuse *ret)
{
	const struct released *before = find_released(handle);
	const struct pool *pool = pools_find(which);

	if (before) {
		ret->kind = EVENT_DOUBLE_RELEASE;
		ret->pool = before->pool;
		ret->owner = misuses_own(record, before->site);
		return;
	}
	if (leases.unseen) {
		leases.unseen--;
		return;
	}
	if (which->built_in && !(pool && pool->stored->flags & POOL_PROVEN))
		return;
	ret->kind = EVENT_UNKNOWN_RELEASE;
	ret->pool = pool ? pool->number : RECORD_NONE;
	ret->owner = misuses_own(record, RECORD_NONE);
}

void leases_releasing(const struct lease_pool *which, uint64_t handle,
		      const char *function, const void *caller)
{
	struct misuse wrong = {
		.handle = record_handle_address(handle),
		.handle_kind = HANDLE_LEASE,
		.function = function,
		.pool = RECORD_NONE,
	};
	struct writer *record = tracker_lock();
	struct lease *lease = record ? find(handle) : NULL;
	struct stack stack;

	if (lease && is_own(lease))
		release(record, lease, &wrong);
	else if (lease)
		disinherit(lease);
	else if (record && wrong.handle && !which->knows_only)
		release_unknown(record, which, handle, &wrong);
	recording_unlock();
	if (!wrong.kind)
		return;
	stack_capture(&stack, caller);
	tracker_misused(&wrong, &stack);
}

void leases_capacity(const struct lease_pool *which, uint64_t n)
{
	if (tracker_lock())
		pools_capacity(which, n);
	recording_unlock();
}

/* The lease of a connection that this thread uses now is this thread's. */
static void take_over(struct writer *record, uint32_t number, int32_t tid)
{
	struct record_slot *slot = writer_at(record, RECORD_SLOTS, number);
	struct lease *lease = find(slot->handle);

	if (!lease || (lease->owner && slot->used_by == tid))
		return;
	nesting_leaves(lease);
	slot->used_by = tid;
	writer_slot_begin(slot);
	slot->flags &= (uint16_t)~SLOT_OWNER_ENDED;
	writer_slot_end(slot);
	owners_give(lease, tid);
	nesting_comes(lease);
}

void leases_used(const void *conn)
{
	struct writer *record = tracker_lock();
	const int32_t tid = own_tid();
	struct record_slot *slot = NULL;
	struct lease *lease;
	uint32_t number;

	if (record && !thread.inside)
		slot = tracker_connection(conn, &number);
	if (slot && slot->partner != RECORD_NONE) {
		take_over(record, slot->partner, tid);
	} else if (slot) {
		lease = owners_wanting(tid);
		if (lease && join(record, lease, number))
			owners_want(lease, false);
	}
	thread.wanted = record && owners_wanting(tid);
	recording_unlock();
	if (slot)
		watch_thread();
}

void leases_connected(const void *conn, uint64_t took_ns)
{
	struct writer *record;
	struct record_slot *slot;
	struct pool *pool;
	uint32_t number;

	for (struct lease_try *try = thread.try; try; try = try->outer)
		try->connect_ns += took_ns;
	if (!thread.try)
		return;
	record = tracker_lock();
	pool = record ? pool_of(thread.try) : NULL;
	slot = pool ? tracker_connection(conn, &number) : NULL;
	if (slot) {
		writer_slot_begin(slot);
		slot->flags |= SLOT_POOLED;
		slot->pool = pool->number;
		writer_slot_end(slot);
		pools_prove(record, pool);
	}
	recording_unlock();
}

void leases_refused(const char *message)
{
	struct writer *record = tracker_lock();

	if (record && message)
		exhaustions_refused(record, message);
	recording_unlock();
}

void leases_by_design(uint64_t handle)
{
	struct writer *record = tracker_lock();
	struct lease *lease = record ? find(handle) : NULL;

	if (lease && is_own(lease)) {
		writer_slot_begin(lease->slot);
		lease->slot->flags |= SLOT_BY_DESIGN;
		writer_slot_end(lease->slot);
	}
	recording_unlock();
}

/* A pool may be closed while leases that met an error are out for good. */
static void keep_error(struct record_slot *slot,
		       const struct record_slot *connection)
{
	if (!connection->error)
		return;
	counter_set(&slot->error_ns, counter_get(&connection->error_ns));
	counter_set32(&slot->error, connection->error);
}

/* What its lease has from now on will be seen when it is used. */
void leases_finishing(struct writer *record, struct record_slot *connection)
{
	const struct record_slot *slot;
	struct lease *lease;

	if (connection->partner == RECORD_NONE)
		return;
	slot = writer_at(record, RECORD_SLOTS, connection->partner);
	lease = find(slot->handle);
	joins_part(record, connection);
	if (!lease)
		return;
	keep_error(lease->slot, connection);
	add_spent(lease->slot, connection);
	if (connection->used_at)
		counter_set(&lease->slot->used_at,
			    counter_get(&connection->used_at));
	owners_want(lease, true);
	thread.wanted |= slot->used_by == own_tid();
}

void leases_thread_ends(void)
{
	struct writer *record = tracker_lock();
	const int32_t tid = own_tid();
	struct lease *lease;

	while (record && (lease = owners_any(tid))) {
		writer_slot_begin(lease->slot);
		lease->slot->flags |= SLOT_OWNER_ENDED;
		writer_slot_end(lease->slot);
		nesting_leaves(lease);
		owners_take(lease);
	}
	thread.is_watched = false;
	recording_unlock();
}

/* What is inherited stays where it is, as the tracker's. */
void leases_forget(void)
{
	struct lease *const inherited = leases.by_handle;

	memset(&leases, 0, sizeof(leases));
	leases.by_handle = inherited;
	pools_forget();
	owners_forget();
	holds_forget();
}

static bool check(struct writer *record)
{
	struct lease *lease, *next;

	HASH_ITER(hh, leases.by_handle, lease, next)
	{
		if (find(lease->handle) != lease ||
		    find_released(lease->handle))
			return false;
		if (is_own(lease) && (lease->slot->state == SLOT_FREE ||
				      lease->slot->kind != HANDLE_LEASE ||
				      lease->slot->handle != lease->handle))
			return false;
	}
	return record->header->pid == getpid();
}

bool leases_check(void)
{
	struct writer *record = tracker_lock();
	bool good = !record || check(record);

	recording_unlock();
	return good;
}
