/* SPDX-License-Identifier: MIT */
/*
 * known_stacks - stacks that the unwinder has walked before
 *
 * A walk depends on nothing but the words that the unwinder reads: registers,
 * and those on the stack.  Each is kept with the stack that came of it.  Where
 * all are there again, so is that stack, and nobody has to walk.  They are
 * compared in the order in which they were read, so that a word is looked at
 * only where the unwinder would have looked at it, too.
 *
 * What lies on the stack is kept relative to the stack pointer: the same calls
 * in another thread are the same stack.
 *
 * One thread at a time; inside a guard.
 */
#ifndef PRELOAD_KNOWN_STACKS_H
#define PRELOAD_KNOWN_STACKS_H

#include "preload/registers_x86_64.h"
#include "preload/stack.h"

/* The stack from `caller` outwards, if it is known from these registers. */
bool known_stacks_find(struct stack *ret, const struct registers *registers,
		       uintptr_t caller);

/* A walk begins; reads a register, or a word; one that it cannot read; ends. */
void known_stacks_begin(const struct registers *registers);
void known_stacks_read_register(unsigned number);
void known_stacks_read(uintptr_t address, uint64_t word);
void known_stacks_spoil(void);
void known_stacks_add(const struct stack *stack, uintptr_t caller);

/* Other code may be where it was. */
void known_stacks_forget(void);

#endif
