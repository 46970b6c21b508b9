/* SPDX-License-Identifier: MIT */
/*
 * patch_x86_64 - how instructions are displaced, for x86-64
 *
 * The rules.  An endbr64 stays where it is.  What follows is moved, instruction
 * by instruction, until there is room for a jump.  On its way
 *
 *  - data that is addressed from here is addressed from there;
 *  - a branch with a short distance gets a long one;
 *  - a call becomes a push of the address behind the original one, and a jump:
 *    no return address ever lies in moved code, where no unwinder knows it.
 *    Only the last of the moved instructions may be one.
 *
 * Refused is what jumps back into the displaced bytes, what has no long form
 * (loop, jrcxz), what is too short and not followed by padding, and anything
 * that cannot be decoded from its first to its last byte.
 */
#ifndef PRELOAD_PATCH_X86_64_H
#define PRELOAD_PATCH_X86_64_H

#include "preload/patch.h"

#define PATCH_JUMP 5u  /* bytes of the jump into a function */
#define PATCH_ROOM 96u /* bytes near it that it takes */

/*
 * Writes into `room`, where it is to stay, what the jump goes to, which goes
 * on to `stub`, and the original.  Fills in the patch, or returns why not.
 * The decoder must be open.
 */
const char *patch_move(struct patch *patch, uint8_t *room, const uint8_t *stub);

/* Whether one store can put in the jump, so that nobody sees half of it. */
bool patch_is_at_once(const struct patch *patch);

/* Puts in the jump: so, if it can be. */
void patch_write(const struct patch *patch);

#endif
