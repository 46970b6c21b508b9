/* SPDX-License-Identifier: MIT */
#include "preload/wrongs.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/finished.h"
#include "preload/leases.h"
#include "preload/recording.h"
#include "preload/tracker.h"

static void fill(struct misuse *ret, enum record_event_kind kind,
		 const void *handle, uint32_t pool)
{
	memset(ret, 0, sizeof(*ret));
	ret->kind = kind;
	ret->handle = handle;
	ret->handle_kind = HANDLE_CONNECTION;
	ret->pool = pool;
}

/*
 * Nobody can use what a thread has taken along: a pool that is closed finishes
 * that too, and the lease is found for what it is, a leak.
 */
bool wrongs_finishing(struct writer *record, const struct record_slot *slot,
		      struct misuse *ret)
{
	const struct record_slot *lease;

	if (slot->kind != HANDLE_CONNECTION || slot->partner == RECORD_NONE ||
	    leases_inside())
		return false;
	lease = writer_at(record, RECORD_SLOTS, slot->partner);
	if (lease->flags & SLOT_OWNER_ENDED)
		return false;
	fill(ret, EVENT_FINISHED_WHILE_LEASED,
	     record_handle_address(slot->handle), lease->pool);
	ret->owner = misuses_own(record, lease->site);
	return true;
}

bool wrongs_finishing_again(const struct writer *record, const void *handle,
			    struct misuse *ret)
{
	uint32_t site;

	if (!finished_find(record_handle(handle), &site))
		return false;
	fill(ret, EVENT_DOUBLE_FINISH, handle, RECORD_NONE);
	ret->owner = misuses_own(record, site);
	return true;
}

static bool is_unjoined_lease(const struct record_slot *slot)
{
	return slot->kind == HANDLE_LEASE && slot->state != SLOT_FREE &&
	       slot->partner == RECORD_NONE;
}

/* Such a lease may be of any connection. */
static bool has_unjoined_lease(struct writer *record)
{
	for (uint32_t i = 0; i < record->header->segment_count; i++) {
		const struct record_segment *segment = &record->directory[i];

		for (uint32_t n = 0;
		     segment->type == RECORD_SLOTS && n < segment->used; n++)
			if (is_unjoined_lease(writer_at(record, RECORD_SLOTS,
							segment->first + n)))
				return true;
	}
	return false;
}

/*
 * Whether it is in the pool again.  Of a program that tells us itself nobody
 * knows how long its release takes, once it has begun.
 */
static bool is_in_pool(struct writer *record, const struct record_slot *slot)
{
	const struct record_pool *pool;

	if (slot->partner != RECORD_NONE || slot->pool == RECORD_NONE ||
	    leases_inside())
		return false;
	pool = writer_at(record, RECORD_POOLS, slot->pool);
	return !(pool->flags & POOL_ANNOTATED) && !has_unjoined_lease(record);
}

bool wrongs_using(const void *handle, struct misuse *ret)
{
	struct writer *record = tracker_lock();
	const int32_t self = (int32_t)syscall(SYS_gettid);
	struct record_slot *slot = NULL;
	uint32_t number;
	bool wrong;

	if (record)
		slot = tracker_connection(handle, &number);
	wrong = slot && slot->released_by == self && is_in_pool(record, slot);
	if (wrong) {
		fill(ret, EVENT_USE_AFTER_RELEASE, handle, slot->pool);
		ret->owner = misuses_own(record, slot->site);
		slot->released_by = 0;
	}
	recording_unlock();
	return wrong;
}
