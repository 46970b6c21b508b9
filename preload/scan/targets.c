/* SPDX-License-Identifier: MIT */
#include "preload/scan/targets.h"

#define DIGIT 30u /* bits of CPython's digits */

void targets_begin(struct targets *t, struct target *list, size_t count)
{
	*t = (struct targets){ .list = list,
			       .count = count,
			       .pending = count,
			       .low = list[0].handle,
			       .digits_low = UINTPTR_MAX };
	for (size_t i = 0; i < count; i++) {
		struct target *target = &list[i];
		const uintptr_t end = target->handle + target->size - t->low;

		target->answer = ANSWER_NONE;
		target->digits = (target->handle & ((1u << DIGIT) - 1)) |
				 target->handle >> DIGIT << 32;
		if (end > t->span)
			t->span = end;
		if (target->digits < t->digits_low)
			t->digits_low = target->digits;
		if (target->digits > t->digits_span)
			t->digits_span = target->digits;
	}
	t->digits_span -= t->digits_low - 1;
}

/* The last target that does not begin behind an address, if it reaches it. */
static struct target *target_at(const struct targets *t, uintptr_t address)
{
	size_t low = 0, high = t->count;
	struct target *target;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (t->list[middle].handle <= address)
			low = middle + 1;
		else
			high = middle;
	}
	target = low ? &t->list[low - 1] : NULL;
	return target && address - target->handle < target->size ? target
								 : NULL;
}

static struct target *target_with_digits(const struct targets *t,
					 uintptr_t digits)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->list[i].digits == digits)
			return &t->list[i];
	return NULL;
}

struct target *targets_of(const struct targets *t, uintptr_t value)
{
	struct target *target = target_at(t, value & POINTER_BITS);

	return target ? target : target_with_digits(t, value);
}

/* A certain root ends the search for a target; one of the others does not. */
void targets_found(struct targets *t, struct target *target,
		   const struct root *root, const struct block *block,
		   uintptr_t at)
{
	const enum record_answer answer =
		root->maybe ? ANSWER_MAYBE : ANSWER_HELD;

	if (target->answer == ANSWER_HELD || target->answer == answer)
		return;
	target->answer = answer;
	target->holder = root->holder;
	target->owner = root->owner;
	target->where = root->where;
	target->block_size = block ? block->end - block->start : 0;
	target->block_at = block ? at - block->start : 0;
	if (answer == ANSWER_HELD)
		t->pending--;
}
