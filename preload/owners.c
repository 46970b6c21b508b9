/* SPDX-License-Identifier: MIT */
#include "preload/owners.h"

#include <pthread.h>
#include <string.h>

#include "preload/guard.h"
#include "preload/recording.h"

/* Glibc has room for the data of so many keys; for more it calls malloc. */
#define KEYS 32u

struct owner {
	int32_t tid;
	uint32_t wanting; /* of its leases */
	struct lease *leases;
	UT_hash_handle hh;
};

/* How many of one pool one thread has; there is none for 0. */
struct share {
	uint64_t key; /* pool and thread */
	uint32_t count;
	UT_hash_handle hh;
};

/* Guarded by recording_lock(). */
static struct {
	struct owner *by_tid;
	struct share *shares;
} owners;

static struct owner *find(int32_t tid)
{
	struct owner *owner;

	HASH_FIND_BYHASHVALUE(hh, owners.by_tid, &tid, sizeof(tid),
			      (unsigned)hash_word(HASH_SEED, (uint32_t)tid),
			      owner);
	return owner;
}

static struct owner *find_or_add(int32_t tid)
{
	struct owner *owner = find(tid);

	if (owner)
		return owner;
	owner = memory_take(sizeof(*owner));
	if (!owner)
		return NULL;
	memset(owner, 0, sizeof(*owner));
	owner->tid = tid;
	HASH_ADD_BYHASHVALUE(hh, owners.by_tid, tid, sizeof(owner->tid),
			     (unsigned)hash_word(HASH_SEED, (uint32_t)tid),
			     owner);
	if (owner->hh.tbl)
		return owner;
	memory_give(owner, sizeof(*owner));
	return NULL;
}

static uint64_t share_key(const struct pool *pool, int32_t tid)
{
	return (uint64_t)pool->number << 32 | (uint32_t)tid;
}

static struct share *find_share(uint64_t key)
{
	struct share *share;

	HASH_FIND_BYHASHVALUE(hh, owners.shares, &key, sizeof(key),
			      (unsigned)hash_word(HASH_SEED, key), share);
	return share;
}

static void add_to_share(uint64_t key)
{
	struct share *share = find_share(key);

	if (!share) {
		share = memory_take(sizeof(*share));
		if (!share)
			return;
		memset(share, 0, sizeof(*share));
		share->key = key;
		HASH_ADD_BYHASHVALUE(hh, owners.shares, key, sizeof(share->key),
				     (unsigned)hash_word(HASH_SEED, key),
				     share);
		if (!share->hh.tbl) {
			memory_give(share, sizeof(*share));
			return;
		}
	}
	share->count++;
}

static void take_from_share(uint64_t key)
{
	struct share *share = find_share(key);

	if (!share || --share->count)
		return;
	HASH_DELETE(hh, owners.shares, share);
	memory_give(share, sizeof(*share));
}

uint32_t owners_share(const struct pool *pool, int32_t tid)
{
	const struct share *share = find_share(share_key(pool, tid));

	return share ? share->count : 0;
}

void owners_take(struct lease *lease)
{
	struct owner *owner = lease->owner;

	if (!owner)
		return;
	take_from_share(share_key(lease->pool, owner->tid));
	*lease->place = lease->next;
	if (lease->next)
		lease->next->place = lease->place;
	owner->wanting -= lease->wants;
	lease->owner = NULL;
	if (owner->leases)
		return;
	HASH_DELETE(hh, owners.by_tid, owner);
	memory_give(owner, sizeof(*owner));
}

void owners_give(struct lease *lease, int32_t tid)
{
	struct owner *owner;

	owners_take(lease);
	owner = find_or_add(tid);
	if (!owner)
		return;
	lease->owner = owner;
	lease->next = owner->leases;
	lease->place = &owner->leases;
	if (lease->next)
		lease->next->place = &lease->next;
	owner->leases = lease;
	owner->wanting += lease->wants;
	add_to_share(share_key(lease->pool, tid));
}

void owners_want(struct lease *lease, bool wants)
{
	if (lease->owner)
		lease->owner->wanting += (uint32_t)wants - lease->wants;
	lease->wants = wants;
}

struct lease *owners_wanting(int32_t tid)
{
	const struct owner *owner = find(tid);
	struct lease *lease;

	if (!owner || !owner->wanting)
		return NULL;
	for (lease = owner->leases; lease; lease = lease->next)
		if (lease->wants)
			break;
	return lease;
}

struct lease *owners_any(int32_t tid)
{
	const struct owner *owner = find(tid);

	return owner ? owner->leases : NULL;
}

void owners_forget(void)
{
	memset(&owners, 0, sizeof(owners));
}

/*
 * A key of our own: its destructor is called as each thread ends that has set
 * it.  What the program does in those of its own keys (to release what a thread
 * has kept for itself) is to come first, so ours asks for a second round.  Not
 * for the last: in that a sanitizer takes its own leave of the thread, and what
 * we call afterwards crashes in it.
 */
static pthread_key_t key;
static bool has_key;

enum { FIRST_ROUND = 1, SECOND_ROUND = 2 }; /* NULL is none */

static void thread_ends(void *round)
{
	struct guard guard;

	if ((uintptr_t)round == FIRST_ROUND) {
		pthread_setspecific(key, (void *)(uintptr_t)SECOND_ROUND);
		return;
	}
	if (guard_is_inside() || recording_is_torn())
		return;
	guard_enter(&guard);
	leases_thread_ends();
	guard_leave(&guard);
}

static void make_key(void)
{
	has_key = !pthread_key_create(&key, thread_ends);
	if (!has_key || key < KEYS)
		return;
	pthread_key_delete(key);
	has_key = false;
}

void owners_watch_thread(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_key);
	if (has_key)
		pthread_setspecific(key, (void *)(uintptr_t)FIRST_ROUND);
}
