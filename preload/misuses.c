/* SPDX-License-Identifier: MIT */
#include "preload/misuses.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "preload/counters.h"
#include "preload/hash.h"
#include "preload/line.h"
#include "preload/recording.h"
#include "preload/sites.h"

struct event {
	uint64_t hash;
	struct record_event *stored;
	UT_hash_handle hh;
};

static struct event *events; /* guarded by recording_lock() */

/*
 * A parent that ends has no children any more before it is a zombie.  The pid 0
 * is one in another namespace, where pids mean something else.
 */
bool misuses_owner_has_ended(const struct handle_owner *owner)
{
	const pid_t parent = getppid();

	return parent && parent != owner->pid &&
	       line_has_ended(owner->pid, owner->start_ticks);
}

struct handle_owner misuses_own(const struct writer *record, uint32_t site)
{
	const struct record_header *header = record->header;

	return (struct handle_owner){
		.began = header->started_mono,
		.start_ticks = header->start_ticks,
		.pid = header->pid,
		.site = site,
	};
}

static uint64_t hash_event(const struct record_event *event)
{
	uint64_t hash = hash_word(HASH_SEED, event->kind);

	hash = hash_word(hash, event->flags);
	hash = hash_word(hash, event->stack);
	hash = hash_word(hash, event->owner_site);
	return hash_word(hash, event->pool);
}

/* What is a parent's has ended with the first such thing that was done. */
static struct event *find(const struct record_event *event, uint64_t hash)
{
	struct event *entry;

	if (event->kind <= EVENT_HEIR_FINISH)
		return NULL;
	HASH_FIND_BYHASHVALUE(hh, events, &hash, sizeof(hash), (unsigned)hash,
			      entry);
	return entry;
}

/* Without memory it is kept once more, at the next time. */
static void remember(uint64_t hash, struct record_event *stored)
{
	struct event *entry = memory_take(sizeof(*entry));

	if (!entry)
		return;
	entry->hash = hash;
	entry->stored = stored;
	HASH_ADD_BYHASHVALUE(hh, events, hash, sizeof(entry->hash),
			     (unsigned)hash, entry);
}

static void store(struct writer *record, const struct record_event *event,
		  uint64_t hash)
{
	const uint32_t number = writer_reserve(record, RECORD_EVENTS, 1);
	struct record_event *stored;

	if (number == RECORD_NONE) {
		recording_lost(record, LOSS_EVENT);
		return;
	}
	stored = writer_at(record, RECORD_EVENTS, number);
	*stored = *event;
	writer_publish(record, RECORD_EVENTS, number, 1);
	remember(hash, stored);
}

void misuses_add(struct writer *record, const struct misuse *what,
		 const struct stack *where)
{
	const struct record_event event = {
		.kind = (uint16_t)what->kind,
		.flags = what->established ? EVENT_ESTABLISHED : 0,
		.stack = sites_number(record, what->handle_kind, what->function,
				      where),
		.when_ns = recording_now(record),
		.handle = record_handle(what->handle),
		.owner_began = what->owner.began,
		.owner_pid = what->owner.pid,
		.owner_site = what->owner.site,
		.tid = (int32_t)syscall(SYS_gettid),
		.pool = what->pool,
	};
	const uint64_t hash = hash_event(&event);
	struct event *entry = find(&event, hash);

	if (entry)
		counter_add32(&entry->stored->more, 1);
	else
		store(record, &event, hash);
}

void misuses_forget(void)
{
	events = NULL;
}
