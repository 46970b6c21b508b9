/* SPDX-License-Identifier: MIT */
#include "preload/patch_x86_64.h"

#include <string.h>

#include "preload/decoder_x86_64.h"

#define ALIGNMENT 16u /* compilers begin functions so, behind padding */

static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };

/* What a jump displaces. */
struct displaced {
	const uint8_t *start, *end;
	struct instruction list[PATCH_JUMP];
	unsigned count;
};

static const char unreadable[] = "it cannot be decoded";

static bool is_padding(const uint8_t *at, const uint8_t *end)
{
	struct instruction nop;

	for (; at < end; at += nop.length) {
		nop.length = 1;
		if (*at == 0xcc)
			continue;
		if (!decoder_read(at, (uintptr_t)(end - at), &nop) ||
		    nop.kind != INSTRUCTION_NOP)
			return false;
	}
	return at == end;
}

/* A short function may be followed by what nobody executes. */
static bool has_room(const uint8_t *start, const uint8_t *end)
{
	const uintptr_t past = (uintptr_t)end % ALIGNMENT;
	const uint8_t *next = end + (past ? ALIGNMENT - past : 0);

	return next - start >= (ptrdiff_t)PATCH_JUMP && is_padding(end, next);
}

static const char *find_displaced(const struct patch *patch,
				  struct displaced *out)
{
	const uint8_t *end = patch->function + patch->size;
	const uint8_t *at = patch->function;

	if (!patch->size)
		return "its size is not known";
	if (patch->size >= sizeof(endbr64) &&
	    !memcmp(at, endbr64, sizeof(endbr64)))
		at += sizeof(endbr64);
	out->start = at;
	out->count = 0;
	while (at < out->start + PATCH_JUMP && at < end) {
		struct instruction *new = &out->list[out->count++];

		if (!decoder_read(at, (uintptr_t)(end - at), new))
			return unreadable;
		at += new->length;
	}
	out->end = at;
	if (at < out->start + PATCH_JUMP && !has_room(out->start, end))
		return "it is too short";
	return NULL;
}

/* A loop to its beginning would come by the hook again; a call may. */
static bool is_entry(const struct patch *patch, const struct instruction *i)
{
	return i->kind == INSTRUCTION_CALL && i->target == patch->function;
}

static const char *find_branches(const struct patch *patch,
				 const struct displaced *displaced)
{
	const uint8_t *end = patch->function + patch->size;
	struct instruction i;

	for (const uint8_t *at = patch->function; at < end; at += i.length) {
		if (!decoder_read(at, (uintptr_t)(end - at), &i))
			return unreadable;
		if (i.target && i.target >= patch->function &&
		    i.target < displaced->end && !is_entry(patch, &i))
			return "it jumps back to its beginning";
	}
	return NULL;
}

/* Where moved code is written; `why` is set once something did not fit. */
struct writer {
	uint8_t *at, *end;
	const char *why;
};

static void put(struct writer *w, const void *bytes, size_t size)
{
	if (size > (size_t)(w->end - w->at)) {
		w->why = "it takes too much room";
		return;
	}
	memcpy(w->at, bytes, size);
	w->at += size;
}

/* The last part of an instruction: how far it is from its end to there. */
static void put_distance(struct writer *w, const uint8_t *target)
{
	const intptr_t distance =
		(intptr_t)((uintptr_t)target - (uintptr_t)w->at - 4);
	const int32_t value = (int32_t)distance;

	if (value != distance)
		w->why = "what it refers to is too far";
	put(w, &value, sizeof(value));
}

static void put_jump(struct writer *w, const uint8_t *target)
{
	put(w, (uint8_t[]){ 0xe9 }, 1);
	put_distance(w, target);
}

static void put_jump_if(struct writer *w, unsigned condition,
			const uint8_t *target)
{
	put(w, (uint8_t[]){ 0x0f, (uint8_t)(0x80 | condition) }, 2);
	put_distance(w, target);
}

/* push $low, which sets all of the word; movl $high, 4(%rsp) */
static void put_push(struct writer *w, const uint8_t *address)
{
	const uint32_t low = (uint32_t)(uintptr_t)address;
	const uint32_t high = (uint32_t)((uintptr_t)address >> 32);

	put(w, (uint8_t[]){ 0x68 }, 1);
	put(w, &low, sizeof(low));
	put(w, (uint8_t[]){ 0xc7, 0x44, 0x24, 0x04 }, 4);
	put(w, &high, sizeof(high));
}

/* An instruction of its own bytes, with what is relative in them put right. */
static void put_moved(struct writer *w, const uint8_t *code,
		      const struct instruction *i, uint8_t *bytes)
{
	const uint8_t at = i->displacement;
	int32_t distance;
	intptr_t moved;

	if (at) {
		memcpy(&distance, code + at, sizeof(distance));
		moved = distance + (intptr_t)(code - w->at);
		distance = (int32_t)moved;
		if (distance != moved)
			w->why = "what it refers to is too far";
		memcpy(bytes + at, &distance, sizeof(distance));
	}
	put(w, bytes, i->length);
}

/* From "call" to "jmp" it is one bit pattern in the ModRM byte. */
static void put_call_indirect(struct writer *w, const uint8_t *code,
			      const struct instruction *i, uint8_t *bytes)
{
	if (i->by_stack)
		w->why = "it calls by the stack";
	put_push(w, code + i->length);
	bytes[i->modrm] = (uint8_t)((bytes[i->modrm] & ~0x38) | 4 << 3);
	put_moved(w, code, i, bytes);
}

static void put_instruction(struct writer *w, const uint8_t *code,
			    const struct instruction *i, bool last)
{
	uint8_t bytes[INSTRUCTION_MAX];

	memcpy(bytes, code, i->length);
	switch (i->kind) {
	case INSTRUCTION_NOP:
	case INSTRUCTION_PLAIN:
		put_moved(w, code, i, bytes);
		return;
	case INSTRUCTION_JUMP:
		put_jump(w, i->target);
		return;
	case INSTRUCTION_JUMP_IF:
		put_jump_if(w, i->condition, i->target);
		return;
	case INSTRUCTION_CALL:
		put_push(w, code + i->length);
		put_jump(w, i->target);
		return;
	case INSTRUCTION_CALL_INDIRECT:
		if (!last)
			w->why = "it goes on behind a call too early";
		put_call_indirect(w, code, i, bytes);
		return;
	case INSTRUCTION_OTHER:
		w->why = "it begins with what cannot be moved";
		return;
	}
}

static void put_original(struct writer *w, const struct displaced *displaced)
{
	const uint8_t *at = displaced->start;

	put(w, endbr64, sizeof(endbr64)); /* it is called by a pointer */
	for (unsigned i = 0; i < displaced->count; i++) {
		put_instruction(w, at, &displaced->list[i],
				i == displaced->count - 1);
		at += displaced->list[i].length;
	}
	put_jump(w, displaced->end);
}

/* jmp *0(%rip): the address follows. */
static void put_far_jump(struct writer *w, const uint8_t *target)
{
	put(w, (uint8_t[]){ 0xff, 0x25, 0, 0, 0, 0 }, 6);
	put(w, &target, sizeof(target));
}

const char *patch_move(struct patch *patch, uint8_t *room, const uint8_t *stub)
{
	struct writer w = { .at = room, .end = room + PATCH_ROOM };
	struct displaced displaced;
	const char *why = find_displaced(patch, &displaced);
	uint8_t *original;

	if (!why)
		why = find_branches(patch, &displaced);
	if (why)
		return why;
	put_far_jump(&w, stub);
	original = w.at;
	put_original(&w, &displaced);
	if (w.why)
		return w.why;
	patch->jump = patch->function + (displaced.start - patch->function);
	patch->displaced = (uint8_t)(displaced.end - displaced.start);
	patch->near = room;
	*(void **)&patch->original = original;
	return NULL;
}

/* What the processor stores at once, if it is aligned to its own size. */
#define WORD  8u
#define WORDS 16u

static bool is_within(const struct patch *patch, uintptr_t size)
{
	return (uintptr_t)patch->jump % size + PATCH_JUMP <= size;
}

bool patch_is_at_once(const struct patch *patch)
{
	return is_within(patch, WORDS);
}

static void write_word(uint64_t *at, uint64_t new)
{
	__atomic_store_n(at, new, __ATOMIC_RELEASE);
}

/* cmpxchg16b; nobody else writes there. */
static void write_words(uint64_t *at, const uint64_t new[2])
{
	uint64_t low = at[0], high = at[1];

	__asm__ volatile("lock cmpxchg16b %0"
			 : "+m"(*(uint64_t(*)[2])at), "+a"(low), "+d"(high)
			 : "b"(new[0]), "c"(new[1])
			 : "cc");
}

static void put_jump_in(const struct patch *patch, uint8_t *bytes)
{
	struct writer w = { .at = bytes, .end = bytes + PATCH_JUMP };
	const intptr_t distance = patch->near - (patch->jump + PATCH_JUMP);
	const int32_t value = (int32_t)distance;

	put(&w, (uint8_t[]){ 0xe9 }, 1);
	put(&w, &value, sizeof(value));
}

bool patch_is_in(const struct patch *patch)
{
	uint8_t jump[PATCH_JUMP];

	put_jump_in(patch, jump);
	/* The first byte may be a breakpoint: a debugger's, or the kernel's. */
	return !memcmp(patch->jump + 1, jump + 1, sizeof(jump) - 1);
}

void patch_write(const struct patch *patch)
{
	const uintptr_t past = (uintptr_t)patch->jump % WORDS;
	uint64_t words[2], *at = (void *)(patch->jump - past);

	if (!patch_is_at_once(patch)) {
		put_jump_in(patch, patch->jump);
		return;
	}
	memcpy(words, at, sizeof(words));
	put_jump_in(patch, (uint8_t *)words + past);
	if (!is_within(patch, WORD))
		write_words(at, words);
	else if (past < WORD)
		write_word(at, words[0]);
	else
		write_word(at + 1, words[1]);
}
