/* SPDX-License-Identifier: MIT */
#include "preload/holds.h"

#include <string.h>

#include "preload/counters.h"
#include "preload/hash.h"
#include "preload/recording.h"

struct error {
	uint64_t key; /* site and error */
	struct record_error *stored;
	UT_hash_handle hh;
};

/* Guarded by recording_lock(). */
static struct {
	struct error *errors;
	uint32_t count; /* of long holds */
} holds;

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* By a rough clock: never more than it was out. */
static void fill_spent(struct record_hold *hold, const struct record_slot *slot)
{
	if (!counter_get(&slot->turned_ns)) {
		hold->query_ns = RECORD_UNKNOWN;
		hold->transaction_ns = RECORD_UNKNOWN;
		return;
	}
	hold->query_ns = least(counter_get(&slot->query_ns), hold->held_ns);
	hold->transaction_ns = least(counter_get(&slot->transaction_ns),
				     hold->held_ns - hold->query_ns);
}

void holds_add(struct writer *record, const struct record_slot *slot,
	       uint64_t now, uint32_t error)
{
	struct record_hold *hold;
	uint32_t number;

	if (now - slot->acquired_ns < RECORD_HOLD_NS ||
	    holds.count == RECORD_HOLD_MAX)
		return;
	number = writer_reserve(record, RECORD_HOLDS, 1);
	if (number == RECORD_NONE) {
		recording_lost(record, LOSS_HOLD);
		return;
	}
	hold = writer_at(record, RECORD_HOLDS, number);
	hold->pool = slot->pool;
	hold->site = slot->site;
	hold->acquired_ns = slot->acquired_ns;
	hold->held_ns = now - slot->acquired_ns;
	hold->error = error;
	hold->tid = slot->tid;
	fill_spent(hold, slot);
	writer_publish(record, RECORD_HOLDS, number, 1);
	holds.count++;
}

static struct record_error *store(struct writer *record, uint32_t site,
				  uint32_t error)
{
	const uint32_t number = writer_reserve(record, RECORD_ERRORS, 1);
	struct record_error *stored;

	if (number == RECORD_NONE)
		return NULL;
	stored = writer_at(record, RECORD_ERRORS, number);
	stored->site = site;
	stored->error = error;
	writer_publish(record, RECORD_ERRORS, number, 1);
	return stored;
}

/* NULL: it cannot be kept. */
static struct error *add(struct writer *record, uint32_t site, uint32_t error,
			 uint64_t key)
{
	struct error *entry = memory_take(sizeof(*entry));

	if (!entry)
		return NULL;
	entry->key = key;
	entry->stored = store(record, site, error);
	if (!entry->stored) {
		memory_give(entry, sizeof(*entry));
		return NULL;
	}
	HASH_ADD_BYHASHVALUE(hh, holds.errors, key, sizeof(entry->key),
			     (unsigned)hash_word(HASH_SEED, key), entry);
	return entry;
}

void holds_erred(struct writer *record, uint32_t site, uint32_t error)
{
	const uint64_t key = (uint64_t)site << 32 | error;
	struct error *entry;

	if (!error || site == RECORD_NONE)
		return;
	HASH_FIND_BYHASHVALUE(hh, holds.errors, &key, sizeof(key),
			      (unsigned)hash_word(HASH_SEED, key), entry);
	if (!entry)
		entry = add(record, site, error, key);
	if (entry)
		counter_add(&entry->stored->released, 1);
	else
		recording_lost(record, LOSS_HOLD);
}

void holds_forget(void)
{
	memset(&holds, 0, sizeof(holds));
}
