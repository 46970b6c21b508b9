/* SPDX-License-Identifier: MIT */
#include "preload/handles.h"

#include "preload/recording.h"

/*
 * Whenever the lock is free:
 *   1. `by_handle` has one place for each slot that is not SLOT_FREE, but
 *      for those of leases, keyed by its handle.  It also has a place, of an
 *      older generation, for each inherited handle.
 *   2. No two places share a handle.  A handle acquired again was released
 *      where no hook could see it: the old one goes.
 */
static struct {
	struct place *by_handle, *free;
} handles;

static uint64_t hash_handle(uint64_t handle)
{
	return hash_word(HASH_SEED, handle);
}

struct place *handles_find(const void *handle)
{
	const uint64_t key = record_handle(handle);
	struct place *place;

	HASH_FIND_BYHASHVALUE(hh, handles.by_handle, &key, sizeof(key),
			      (unsigned)hash_handle(key), place);
	return place;
}

bool handles_is_own(const struct place *place)
{
	return place->generation == recording_generation();
}

struct place *handles_take(struct writer *record)
{
	struct place *place = handles.free;
	uint32_t number;

	if (place) {
		handles.free = place->next_free;
		return place;
	}
	number = writer_reserve(record, RECORD_SLOTS, 1);
	if (number == RECORD_NONE)
		return NULL;
	place = memory_take(sizeof(*place));
	if (!place)
		return NULL;
	place->number = number;
	place->slot = writer_at(record, RECORD_SLOTS, number);
	writer_publish(record, RECORD_SLOTS, number, 1);
	return place;
}

void handles_give_back(struct place *place)
{
	place->next_free = handles.free;
	handles.free = place;
}

bool handles_add(struct place *place)
{
	place->generation = recording_generation();
	HASH_ADD_BYHASHVALUE(hh, handles.by_handle, handle,
			     sizeof(place->handle),
			     (unsigned)hash_handle(place->handle), place);
	return place->hh.tbl;
}

void handles_remove(struct place *place)
{
	HASH_DELETE(hh, handles.by_handle, place);
	handles_give_back(place);
}

void handles_disinherit(struct place *place)
{
	HASH_DELETE(hh, handles.by_handle, place);
	memory_give(place, sizeof(*place));
}

struct place *handles_next(const struct place *place)
{
	return place ? place->hh.next : handles.by_handle;
}

void handles_inherit(void)
{
	handles.free = NULL;
}

/* What is in the file. */
static uint32_t count_taken(struct writer *record)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < record->header->segment_count; i++) {
		const struct record_segment *segment = &record->directory[i];

		if (segment->type != RECORD_SLOTS)
			continue;
		for (uint32_t n = 0; n < segment->used; n++) {
			const struct record_slot *slot = writer_at(
				record, RECORD_SLOTS, segment->first + n);

			taken += slot->state != SLOT_FREE &&
				 slot->kind != HANDLE_LEASE;
		}
	}
	return taken;
}

/* Every place has a slot of its handle that is not free, and the reverse. */
bool handles_check(struct writer *record, uint64_t *ret_connections)
{
	struct place *place, *next;
	uint32_t own = 0;

	*ret_connections = 0;
	HASH_ITER(hh, handles.by_handle, place, next)
	{
		if (handles_find(record_handle_address(place->handle)) != place)
			return false;
		if (!handles_is_own(place))
			continue;
		if (place->slot->state == SLOT_FREE ||
		    place->slot->kind != place->kind ||
		    place->slot->handle != place->handle)
			return false;
		*ret_connections += place->kind == HANDLE_CONNECTION;
		own++;
	}
	return count_taken(record) == own;
}
