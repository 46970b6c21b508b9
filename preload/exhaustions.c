/* SPDX-License-Identifier: MIT */
#include "preload/exhaustions.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/recording.h"
#include "preload/tracker.h"

/*
 * What a failed connect says of itself: libpq keeps no SQLSTATE of it.  The
 * server's words, if it speaks English; a pooler's; and the C library's, of
 * socket().
 */
static const struct refusal {
	const char *text;
	enum record_exhaustion_kind kind;
} refusals[] = {
	{ "too many clients", EXHAUSTION_SERVER },
	{ "remaining connection slots", EXHAUSTION_SERVER },
	{ "too many connections for", EXHAUSTION_SERVER },
	{ "no more connections allowed", EXHAUSTION_SERVER },
	{ "Too many open files", EXHAUSTION_FILES },
};
#define REFUSALS (sizeof(refusals) / sizeof(refusals[0]))

/* Counted first, then written into as many elements as can be had. */
struct dump {
	struct writer *record;
	struct record_keeper *keepers;
	uint32_t count, room;
};

static void see(uint32_t number, const struct record_slot *slot, int32_t owner,
		const struct record_slot *connection, struct dump *dump)
{
	struct record_keeper *keeper;

	if (dump->count++ >= dump->room)
		return;
	keeper = &dump->keepers[dump->count - 1];
	keeper->slot = number;
	keeper->site = slot->site;
	keeper->acquired_ns = slot->acquired_ns;
	keeper->tid = owner;
	keeper->flags = slot->flags;
	if (!connection)
		return;
	keeper->used_ns = connection->used_ns;
	keeper->backend_pid = connection->backend_pid;
	keeper->calls = connection->calls;
	keeper->doing = connection->doing;
	keeper->error = connection->error;
	keeper->turned_ns = connection->turned_ns;
}

static void see_leases(const struct pool *pool, const struct lease *oldest,
		       struct dump *dump)
{
	for (const struct lease *l = oldest; l; l = l->hh.next) {
		const struct record_slot *connection = NULL;
		const bool is_own = l->generation == recording_generation();

		if (!is_own || l->pool != pool)
			continue;
		if (l->slot->partner != RECORD_NONE)
			connection = writer_at(dump->record, RECORD_SLOTS,
					       l->slot->partner);
		see(l->number, l->slot, l->slot->used_by, connection, dump);
	}
}

/* One that failed keeps nobody else out. */
static void see_connection(uint32_t number, const struct record_slot *slot,
			   void *data)
{
	if (slot->state != SLOT_FAILED)
		see(number, slot, slot->used_by ? slot->used_by : slot->tid,
		    slot, data);
}

static void see_all(const struct pool *pool, const struct lease *oldest,
		    struct dump *dump)
{
	dump->count = 0;
	if (pool->stored->flags & POOL_CONNECTIONS)
		tracker_each_connection(see_connection, dump);
	else
		see_leases(pool, oldest, dump);
}

/* For so many, or for the oldest of them. */
static uint32_t take_room(struct dump *dump)
{
	uint32_t first = RECORD_NONE;

	dump->room = dump->count;
	while (dump->room && first == RECORD_NONE) {
		first = writer_reserve(dump->record, RECORD_KEEPERS,
				       dump->room);
		if (first == RECORD_NONE)
			dump->room /= 2;
	}
	if (dump->room < dump->count)
		recording_lost(dump->record, LOSS_HOLD);
	return first;
}

/* Their number and, in `ret_first`, the first of them. */
static uint32_t add_keepers(struct writer *record, const struct pool *pool,
			    const struct lease *oldest, uint32_t *ret_first)
{
	struct dump dump = { .record = record };
	uint32_t first;

	*ret_first = 0;
	see_all(pool, oldest, &dump);
	first = take_room(&dump);
	if (!dump.room)
		return 0;
	dump.keepers = writer_at(record, RECORD_KEEPERS, first);
	see_all(pool, oldest, &dump);
	writer_publish(record, RECORD_KEEPERS, first, dump.room);
	*ret_first = first;
	return dump.room;
}

void exhaustions_add(struct writer *record, struct pool *pool,
		     enum record_exhaustion_kind kind, uint32_t site,
		     const struct lease *oldest)
{
	struct record_exhaustion what = {
		.pool = pool->number,
		.kind = (uint16_t)kind,
		.when_ns = recording_now(record),
		.site = site,
		.tid = (int32_t)syscall(SYS_gettid),
		.used = pool->stored->used,
		.waiting = pool->stored->waiting,
	};
	uint32_t number;

	if (pool->is_exhausted)
		return;
	pool->is_exhausted = true;
	what.keeper_count =
		add_keepers(record, pool, oldest, &what.first_keeper);
	number = writer_reserve(record, RECORD_EXHAUSTIONS, 1);
	if (number == RECORD_NONE) {
		recording_lost(record, LOSS_HOLD);
		return;
	}
	memcpy(writer_at(record, RECORD_EXHAUSTIONS, number), &what,
	       sizeof(what));
	writer_publish(record, RECORD_EXHAUSTIONS, number, 1);
}

void exhaustions_refused(struct writer *record, const char *message)
{
	struct pool *pool = pools_connections(record);

	for (size_t i = 0; pool && i < REFUSALS; i++)
		if (strstr(message, refusals[i].text)) {
			exhaustions_add(record, pool, refusals[i].kind,
					pools_failed_site(), NULL);
			return;
		}
}
