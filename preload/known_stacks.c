/* SPDX-License-Identifier: MIT */
#include "preload/known_stacks.h"

#include <string.h>

#include "preload/hash.h"
#include "preload/readable.h"

#define PAGE	 4096u
#define WORDS	 (3 * RECORD_MAX_FRAMES)
#define BUCKETS	 512u
#define ROOM	 (512u * 1024u) /* when it is full, all is forgotten */
#define FURTHEST (1u << 30)	/* that a word of the stack can be */
#define REGISTER UINT32_C(0x80000000)

/*
 * A word that was read: its place is a distance from the stack pointer, or
 * REGISTER and a number.  It is kept as it was, or, if it is an address in that
 * part of the stack which was read, as a distance; and inverted, so that nobody
 * takes it for a pointer.
 */
struct word {
	uint64_t inverted;
	uint32_t place;
	uint32_t is_distance;
};

/* Followed by its words, and by its frames. */
struct known {
	struct known *next;
	uintptr_t caller;
	uint16_t words, frames;
	bool cut, broken;
};

static struct {
	struct known *buckets[BUCKETS];
	char *room;
	size_t used;
	/* The walk that is under way: */
	const struct registers *registers;
	struct word words[WORDS];
	unsigned count;
	uint32_t extent; /* behind the last word that it read */
	bool is_spoiled;
} known;

static struct known **bucket_of(uintptr_t caller)
{
	return &known.buckets[hash_word(HASH_SEED, caller) % BUCKETS];
}

/*
 * Where a program has changed stacks on its own, a walk may read what lies
 * above one, and that be gone by now.
 */
static bool can_read(uintptr_t address, uintptr_t *page)
{
	const uintptr_t its = address & ~(uintptr_t)(PAGE - 1);

	if (its != *page && !readable(address))
		return false;
	*page = its;
	return true;
}

/* The page at `page` can be read. */
static bool is_there(const struct word *word, const struct registers *registers,
		     uintptr_t *page)
{
	const uintptr_t sp = registers->value[REGISTER_SP];
	const uintptr_t at = sp + word->place;
	uint64_t now;

	if (word->place & REGISTER)
		now = registers->value[word->place & ~REGISTER];
	else if (can_read(at, page) && can_read(at + sizeof(now) - 1, page))
		memcpy(&now, (const void *)at, sizeof(now));
	else
		return false;
	return (word->is_distance ? now - sp : now) == ~word->inverted;
}

static bool is_same(const struct known *k, const struct registers *registers)
{
	const struct word *words = (const void *)(k + 1);
	uintptr_t page = registers->value[REGISTER_SP] & ~(uintptr_t)(PAGE - 1);

	for (unsigned i = 0; i < k->words; i++)
		if (!is_there(&words[i], registers, &page))
			return false;
	return true;
}

bool known_stacks_find(struct stack *ret, const struct registers *registers,
		       uintptr_t caller)
{
	const struct known *k = *bucket_of(caller);

	while (k && (k->caller != caller || !is_same(k, registers)))
		k = k->next;
	if (!k)
		return false;
	ret->count = k->frames;
	ret->cut = k->cut;
	ret->broken = k->broken;
	memcpy(ret->frames,
	       (const struct word *)(const void *)(k + 1) + k->words,
	       k->frames * sizeof(*ret->frames));
	return true;
}

void known_stacks_begin(const struct registers *registers)
{
	known.registers = registers;
	known.count = 0;
	known.extent = 0;
	known.is_spoiled = false;
}

void known_stacks_spoil(void)
{
	known.is_spoiled = true;
}

static void add_word(uint32_t place, uint64_t word)
{
	if (known.count == WORDS)
		known.is_spoiled = true;
	else
		known.words[known.count++] = (struct word){ ~word, place, 0 };
}

void known_stacks_read_register(unsigned number)
{
	add_word(REGISTER | number, known.registers->value[number]);
}

void known_stacks_read(uintptr_t address, uint64_t word)
{
	const uintptr_t place = address - known.registers->value[REGISTER_SP];

	if (place >= FURTHEST) {
		known.is_spoiled = true;
		return;
	}
	add_word((uint32_t)place, word);
	if (known.extent < place + sizeof(word))
		known.extent = (uint32_t)(place + sizeof(word));
}

/* Where its distance is, if it is an address on the stack. */
static bool is_distance(uint64_t word, uint64_t *ret)
{
	*ret = word - known.registers->value[REGISTER_SP];
	return *ret <= known.extent;
}

static void find_distances(void)
{
	for (unsigned i = 0; i < known.count; i++) {
		struct word *word = &known.words[i];
		uint64_t distance;

		word->is_distance = is_distance(~word->inverted, &distance);
		if (word->is_distance)
			word->inverted = ~distance;
	}
}

/* In the room that is left, or that all others leave. */
static void *take_room(size_t size)
{
	if (!known.room)
		known.room = memory_map(ROOM);
	if (!known.room)
		return NULL;
	if (known.used + size > ROOM)
		known_stacks_forget();
	known.used += size;
	return known.room + known.used - size;
}

/* A stack that has code on it would be another one elsewhere. */
static bool may_be_kept(const struct stack *stack)
{
	uint64_t distance;

	for (unsigned i = 0; i < stack->count; i++)
		if (is_distance(stack->frames[i], &distance))
			return false;
	return !known.is_spoiled && stack->count;
}

void known_stacks_add(const struct stack *stack, uintptr_t caller)
{
	const size_t words = known.count * sizeof(*known.words);
	const size_t frames = stack->count * sizeof(*stack->frames);
	struct known *k, **bucket = bucket_of(caller);

	if (!may_be_kept(stack))
		return;
	k = take_room(sizeof(*k) + words + frames);
	if (!k)
		return;
	find_distances();
	k->next = *bucket;
	k->caller = caller;
	k->words = (uint16_t)known.count;
	k->frames = (uint16_t)stack->count;
	k->cut = stack->cut;
	k->broken = stack->broken;
	memcpy(k + 1, known.words, words);
	memcpy((char *)(k + 1) + words, stack->frames, frames);
	*bucket = k;
}

void known_stacks_forget(void)
{
	memset(known.buckets, 0, sizeof(known.buckets));
	known.used = 0;
}
