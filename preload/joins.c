/* SPDX-License-Identifier: MIT */
#include "preload/joins.h"

#include <sys/uio.h>
#include <unistd.h>

#include "preload/counters.h"
#include "preload/readable.h"
#include "preload/tracker.h"
#include "preload/uses.h"
#include "preload/valgrind_x86_64.h"

#define PAGE   4096u
#define WORDS  16u /* of an object, from its beginning */
#define LOOKS  8u  /* in vain; then it is left to the first use */
#define LEVELS 2u  /* of objects */

/* What cannot be the address of an object is not looked at. */
static bool is_address(uint64_t word)
{
	return word >= 4096 && word < UINT64_C(1) << 47 && word % 8 == 0;
}

/* Of whatever type it is; it may lie behind the end of an object. */
typedef uint64_t any_word __attribute__((may_alias));

__attribute__((no_sanitize("address", "thread"))) static uint64_t
word_at(uint64_t address)
{
	return *(const volatile any_word *)(uintptr_t)address;
}

/* Where a page that is not there ends them. */
static unsigned read_pages(uint64_t address, uint64_t *words, unsigned most)
{
	unsigned count = 0;

	while (count < most) {
		const uint64_t at = address + 8 * count;

		/* A page is there or not. */
		if ((!count || at % PAGE == 0) && !readable(at))
			break;
		words[count++] = word_at(at);
	}
	return count;
}

/* To valgrind it is a mistake to read what nobody has written. */
static unsigned copy_words(uint64_t address, uint64_t *words, unsigned most)
{
	const struct iovec here = { words, most * sizeof(*words) };
	const struct iovec there = { (void *)(uintptr_t)address,
				     most * sizeof(*words) };
	const ssize_t size = process_vm_readv(getpid(), &here, 1, &there, 1, 0);

	return size > 0 ? (unsigned)size / sizeof(*words) : 0;
}

/*
 * So many words of memory that may not be there, or not be meant to be read:
 * returns how many could be.  The call that copies them at once, and what tells
 * whether that is allowed (a file in /proc), is death in a program that has
 * confined itself; none does under valgrind.
 */
static unsigned read_words(uint64_t address, uint64_t *words, unsigned most)
{
	if (valgrind_is_running())
		return copy_words(address, words, most);
	return read_pages(address, words, most);
}

static struct record_slot *connection(uint64_t word, uint32_t *ret_number)
{
	if (!is_address(word))
		return NULL;
	return tracker_connection((const void *)(uintptr_t)word, ret_number);
}

/* On the way that led to one before. */
static struct record_slot *follow(uint64_t at, const struct join_path *path,
				  uint32_t *ret_number)
{
	for (unsigned i = 0; i < path->levels; i++)
		if (!is_address(at) ||
		    !read_words(at + 8 * path->words[i], &at, 1))
			return NULL;
	return connection(at, ret_number);
}

/* So many objects deep.  The way to it is left in `way`. */
static struct record_slot *search(uint64_t at, unsigned levels, uint8_t *way,
				  uint32_t *ret_number)
{
	uint64_t words[WORDS];
	const unsigned count =
		is_address(at) ? read_words(at, words, WORDS) : 0;
	struct record_slot *found = NULL;

	for (unsigned i = 0; i < count && !found; i++) {
		found = levels == 1 ? connection(words[i], ret_number)
				    : search(words[i], levels - 1, way + 1,
					     ret_number);
		*way = (uint8_t)i;
	}
	return found;
}

static struct record_slot *look(uint64_t at, struct join_path *path,
				uint32_t *ret_number)
{
	struct join_path way = { .in_vain = path->in_vain };
	struct record_slot *found = NULL;

	while (!found && way.levels < LEVELS)
		found = search(at, ++way.levels, way.words, ret_number);
	if (found)
		*path = way;
	else
		path->in_vain++;
	return found;
}

struct record_slot *joins_find(uint64_t handle, struct join_path *path,
			       uint32_t *ret_number)
{
	const uint64_t at = (uintptr_t)record_handle_address(handle);
	struct record_slot *found = connection(at, ret_number);

	if (!found && path->levels)
		found = follow(at, path, ret_number);
	if (!found && path->in_vain < LOOKS)
		found = look(at, path, ret_number);
	return found;
}

static struct record_slot *slot_at(struct writer *record, uint32_t number)
{
	return writer_at(record, RECORD_SLOTS, number);
}

void joins_index(struct writer *record, struct record_slot *connection_slot)
{
	const uint32_t partner = connection_slot->partner;
	uint32_t number = connection_slot->site;
	const struct record_site *site = NULL;

	if (connection_slot->kind != HANDLE_CONNECTION)
		return;
	if (partner != RECORD_NONE)
		number = slot_at(record, partner)->site;
	if (number != RECORD_NONE)
		site = writer_at(record, RECORD_SITES, number);
	uses_add(connection_slot->handle, connection_slot,
		 site ? &site->acquired : NULL);
}

void joins_join(struct writer *record, uint32_t lease, uint32_t number)
{
	struct record_slot *slot = slot_at(record, lease);
	struct record_slot *connection_slot = slot_at(record, number);

	writer_slot_begin(connection_slot);
	connection_slot->flags |= SLOT_POOLED;
	connection_slot->pool = slot->pool;
	writer_slot_end(connection_slot);
	connection_slot->released_by = 0;
	connection_slot->used_by = slot->used_by; /* uses.c: who owns it */
	counter_set(&connection_slot->used_at, 0);
	counter_set32(&connection_slot->partner, lease);
	counter_set32(&slot->partner, number);
	joins_index(record, connection_slot);
}

void joins_part(struct writer *record, struct record_slot *slot)
{
	const uint32_t partner = slot->partner;
	struct record_slot *other;

	if (partner == RECORD_NONE)
		return;
	other = slot_at(record, partner);
	counter_set32(&other->partner, RECORD_NONE);
	counter_set32(&slot->partner, RECORD_NONE);
	if (slot->kind == HANDLE_LEASE)
		joins_index(record, other);
}
