/* SPDX-License-Identifier: MIT */
#include "preload/uses.h"

#include <string.h>

#include "preload/counters.h"
#include "preload/hash.h"
#include "preload/leases.h"
#include "preload/recording.h"

#define SETS  1024u
#define PLACE 4 /* in a set */

/*
 * Changed under recording_lock(), read without it.
 *   1. A connection that is out has an entry in the set of its handle, unless
 *      the set is `crowded`: then it may have made room for another one.
 *   2. An entry's handle is 0 while the rest of it is changed.
 *   3. Nothing here is used but in the process of this generation: what the
 *      slots point to is unmapped in a child.
 * Handles are kept as the record has them.
 */
static struct {
	_Atomic(unsigned) generation;
	struct set {
		struct entry {
			_Atomic(uint64_t) handle;
			struct record_slot *_Atomic slot;
			const _Atomic(uint64_t) *_Atomic acquired;
		} entries[PLACE];
		unsigned next; /* to make room */
		_Atomic(bool) crowded;
	} sets[SETS];
} uses;

static struct set *set_of(uint64_t key)
{
	return &uses.sets[hash_word(HASH_SEED, key) % SETS];
}

static struct entry *find(struct set *set, uint64_t key)
{
	for (unsigned i = 0; i < PLACE; i++)
		if (atomic_load_explicit(&set->entries[i].handle,
					 memory_order_acquire) == key)
			return &set->entries[i];
	return NULL;
}

static struct entry *make_room(struct set *set)
{
	atomic_store(&set->crowded, true);
	return &set->entries[set->next++ % PLACE];
}

void uses_add(uint64_t key, struct record_slot *slot,
	      const _Atomic(uint64_t) *acquired)
{
	struct set *set = set_of(key);
	struct entry *entry = find(set, key);

	if (!entry)
		entry = find(set, 0);
	if (!entry)
		entry = make_room(set);
	atomic_store(&entry->handle, 0);
	atomic_store(&entry->slot, slot);
	atomic_store(&entry->acquired, acquired);
	atomic_store(&entry->handle, key);
}

void uses_remove(uint64_t key)
{
	struct entry *entry = find(set_of(key), key);

	if (entry)
		atomic_store(&entry->handle, 0);
}

void uses_forget(void)
{
	memset(uses.sets, 0, sizeof(uses.sets));
	atomic_store(&uses.generation, recording_generation());
}

static uint32_t since(struct record_slot *slot)
{
	return (uint32_t)__atomic_load_n(&slot->acquired_ns, __ATOMIC_RELAXED);
}

/* The entry may be given to another handle meanwhile: then it is none. */
static bool take(struct use *use, struct entry *entry, uint64_t key)
{
	struct record_slot *slot =
		atomic_load_explicit(&entry->slot, memory_order_acquire);

	use->acquired =
		atomic_load_explicit(&entry->acquired, memory_order_acquire);
	if (atomic_load_explicit(&entry->handle, memory_order_relaxed) != key)
		return false;
	use->since = since(slot);
	use->slot = slot;
	return true;
}

/*
 * Threads that take turns without any lease have a pool that no rule is about.
 * Who has opened a connection may have done so for the next one.
 */
static void hand_on(struct record_slot *slot, int32_t before, int32_t tid)
{
	atomic_store_explicit(&slot->used_by, tid, memory_order_relaxed);
	if (before && before != slot->tid &&
	    atomic_load_explicit(&slot->partner, memory_order_relaxed) ==
		    RECORD_NONE)
		atomic_fetch_add_explicit(&slot->turns, 1,
					  memory_order_relaxed);
}

/*
 * Who uses a connection owns its lease, and has none any more who released it.
 * A connection's `used_by` is its lease's when that begins.
 */
static enum use_work take_over(struct record_slot *slot, int32_t tid)
{
	const int32_t before =
		atomic_load_explicit(&slot->used_by, memory_order_relaxed);

	if (before != tid)
		hand_on(slot, before, tid);
	if (leases_wanted())
		return USE_LEASE;
	if (atomic_load_explicit(&slot->partner, memory_order_relaxed) !=
	    RECORD_NONE)
		return before == tid ? USE_NOTHING : USE_LEASE;
	return atomic_load_explicit(&slot->released_by, memory_order_relaxed) ==
			       tid
		       ? USE_LEASE
		       : USE_NOTHING;
}

enum use_work uses_begin(struct use *use, const void *handle)
{
	const uint64_t key = record_handle(handle);
	struct set *set = set_of(key);
	struct entry *entry;

	use->generation =
		atomic_load_explicit(&uses.generation, memory_order_acquire);
	if (!recording_is_still(use->generation))
		return USE_NOTHING;
	entry = find(set, key);
	if (!entry || !take(use, entry, key))
		return atomic_load(&set->crowded) ? USE_INDEX : USE_NOTHING;
	atomic_fetch_add_explicit(&use->slot->calls, 1, memory_order_relaxed);
	return take_over(use->slot, recording_thread(use->generation));
}

void uses_follow(struct use *use, const void *handle)
{
	const uint64_t key = record_handle(handle);
	struct entry *entry = find(set_of(key), key);
	struct use now;

	if (entry && take(&now, entry, key) && now.slot == use->slot)
		use->acquired = now.acquired;
}

static uint32_t transaction_of(const struct record_slot *slot)
{
	return counter_get32(&slot->doing) % CONNECTION_LISTENS;
}

static bool is_open(uint32_t transaction)
{
	return transaction == TRANSACTION_OPEN ||
	       transaction == TRANSACTION_FAILED;
}

/* Two threads may read the clock in another order than they write. */
static uint64_t since_turned(const struct record_slot *slot, uint64_t now)
{
	const uint64_t turned = counter_get(&slot->turned_ns);

	return now > turned ? now - turned : 0;
}

/*
 * The clock goes on by milliseconds, and most queries are shorter: each counts
 * for nothing, or now and then for a whole step.  A step falls into a query, or
 * into the rest between two, as often as that takes time; so their sums are
 * right, as long as one ends by the very reading that the other begins by.
 */
void uses_query(const struct use *use)
{
	struct record_slot *slot = use->slot;
	const uint32_t transaction = transaction_of(slot);
	uint64_t now;

	if (transaction == TRANSACTION_ACTIVE)
		return;
	now = recording_now_roughly();
	if (is_open(transaction))
		counter_add(&slot->transaction_ns, since_turned(slot, now));
	counter_set(&slot->turned_ns, now);
}

static void rest(struct record_slot *slot, uint64_t now)
{
	const uint64_t took = since_turned(slot, now);

	counter_add(&slot->query_ns, took);
	counter_raise(&slot->longest_query_ns, took);
	counter_set(&slot->turned_ns, now);
}

/* A query has ended, or one was begun that nobody saw. */
static void turn(struct record_slot *slot, const struct outcome *outcome,
		 uint32_t before, uint64_t now)
{
	const bool goes_on = outcome->transaction == TRANSACTION_ACTIVE;
	const bool was_on = outcome->queried || before == TRANSACTION_ACTIVE;

	if (was_on && !goes_on)
		rest(slot, now);
	else if (goes_on && !was_on)
		counter_set(&slot->turned_ns, now);
}

static void take_error(struct record_slot *slot, const struct outcome *outcome,
		       uint32_t doing, uint64_t now)
{
	const uint32_t error =
		outcome_error(outcome, doing, counter_get32(&slot->error));

	if (!error)
		return;
	counter_set32(&slot->error, error);
	counter_set(&slot->error_ns, now);
}

/* The connection's own thread writes these: two at a time are misuse. */
static void take_outcome(struct record_slot *slot,
			 const struct outcome *outcome, uint64_t now)
{
	const uint32_t doing = counter_get32(&slot->doing);

	turn(slot, outcome, doing % CONNECTION_LISTENS, now);
	if (outcome_is_plain(outcome, doing)) {
		counter_set32(&slot->doing, outcome->transaction);
		return;
	}
	counter_set32(&slot->doing, outcome_doing(outcome, doing));
	take_error(slot, outcome, doing, now);
}

/* One that was left by longjmp ends late: its slot may be another handle's. */
static bool is_its_own(const struct use *use)
{
	return use->slot && recording_is_still(use->generation) &&
	       since(use->slot) == use->since;
}

void uses_tell(const struct use *use, const struct outcome *outcome)
{
	if (is_its_own(use))
		take_outcome(use->slot, outcome, recording_now_roughly());
}

void uses_end(const struct use *use, const struct outcome *outcome)
{
	struct record_slot *slot = use->slot;
	uint64_t now;

	if (!is_its_own(use))
		return;
	now = recording_now_roughly();
	if (outcome)
		take_outcome(slot, outcome, now);
	if (use->acquired)
		atomic_store_explicit(
			&slot->used_at,
			atomic_load_explicit(use->acquired,
					     memory_order_relaxed),
			memory_order_relaxed);
	atomic_store_explicit(&slot->used_ns, now, memory_order_relaxed);
	atomic_fetch_sub_explicit(&slot->calls, 1, memory_order_release);
}

void uses_spent_none(struct record_slot *slot)
{
	counter_set(&slot->turned_ns, 0);
	counter_set(&slot->query_ns, 0);
	counter_set(&slot->transaction_ns, 0);
	counter_set(&slot->longest_query_ns, 0);
}

void uses_spent_anew(struct record_slot *connection)
{
	uses_spent_none(connection);
	counter_set(&connection->turned_ns, recording_now_roughly());
}

struct spent uses_spent(const struct record_slot *connection)
{
	const uint32_t transaction = transaction_of(connection);
	const uint64_t now = recording_now_roughly();
	struct spent spent = {
		counter_get(&connection->query_ns),
		counter_get(&connection->transaction_ns),
		counter_get(&connection->longest_query_ns),
	};

	if (counter_get32(&connection->calls) ||
	    transaction == TRANSACTION_ACTIVE)
		spent.query_ns += since_turned(connection, now);
	else if (is_open(transaction))
		spent.transaction_ns += since_turned(connection, now);
	return spent;
}
