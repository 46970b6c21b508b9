/* SPDX-License-Identifier: MIT */
#include "record/snapshot.h"

#include <stdbool.h>
#include <string.h>

#define CHUNK	    16384u /* bytes of slots that are copied at once */
#define CHUNK_SLOTS (CHUNK / 80)
#define SLOT_TRIES  16u	  /* to copy one slot between two changes */
#define ALL_TRIES   4096u /* every slot may be in flight for ever */

static_assert(CHUNK >= SNAPSHOT_MAX_SLOT, "a slot fits into a chunk");
static_assert(offsetof(struct record_slot, sequence) == 0, "word comes first");

void snapshot_init(struct snapshot *s)
{
	*s = (struct snapshot){ .tries = ALL_TRIES };
}

static uint32_t load_word(const unsigned char *slot)
{
	uint32_t word;

	memcpy(&word, slot, sizeof(word));
	return word;
}

static bool settled(const unsigned char *slot)
{
	return load_word(slot) % 2 == 0;
}

static void mark_in_flight(unsigned char *slot)
{
	const uint32_t word = load_word(slot) | 1;

	memcpy(slot, &word, sizeof(word));
}

/*
 * The words, the slots, the words again.  A word that stayed even and the
 * same says that nothing in its slot changed from the first read to the last,
 * so that the copy of the second, in between, is whole.
 */
static int copy_slots(struct input *in, uint64_t offset, uint32_t size,
		      uint32_t count, unsigned char *to)
{
	uint32_t before[CHUNK_SLOTS];
	unsigned char after[CHUNK];
	const size_t bytes = (size_t)count * size;
	int err;

	err = input_read(in, offset, to, bytes);
	for (uint32_t i = 0; i < count && !err; i++)
		before[i] = load_word(to + (size_t)i * size);
	atomic_thread_fence(memory_order_acquire);
	if (!err)
		err = input_read(in, offset, to, bytes);
	atomic_thread_fence(memory_order_acquire);
	if (!err)
		err = input_read(in, offset, after, bytes);
	for (uint32_t i = 0; i < count && !err; i++) {
		const size_t at = (size_t)i * size;

		if (before[i] != load_word(to + at) ||
		    before[i] != load_word(after + at))
			mark_in_flight(to + at);
	}
	return err;
}

/*
 * A thread that runs is done with its slot in a moment.  One that does not is
 * not waited for: in a dead process that would be for ever.
 */
static int settle(struct snapshot *s, struct input *in, uint64_t offset,
		  uint32_t size, unsigned char *slot)
{
	unsigned tries = SLOT_TRIES;
	int err = 0;

	for (; !err && !settled(slot) && tries && s->tries; tries--) {
		s->tries--;
		err = copy_slots(in, offset, size, 1, slot);
	}
	s->in_flight += !settled(slot);
	return err;
}

int snapshot_slots(struct snapshot *s, struct input *in,
		   const struct record_segment *segment, unsigned char *to)
{
	const uint32_t size = segment->element_size, step = CHUNK / size;
	uint64_t offset = segment->offset;
	int err = 0;

	for (uint32_t left = segment->used; left && !err;) {
		const uint32_t count = left < step ? left : step;

		err = copy_slots(in, offset, size, count, to);
		for (uint32_t i = 0; i < count && !err; i++) {
			err = settle(s, in, offset, size, to);
			offset += size;
			to += size;
		}
		left -= count;
	}
	return err;
}
