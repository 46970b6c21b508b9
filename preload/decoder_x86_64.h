/* SPDX-License-Identifier: MIT */
/*
 * decoder_x86_64 - what one machine instruction is, for who wants to move it
 *
 * The work is done by Zydis, opened privately and never linked: it is needed
 * for a moment, in the few programs that something is patched in, and is not
 * on every machine.
 */
#ifndef PRELOAD_DECODER_X86_64_H
#define PRELOAD_DECODER_X86_64_H

#include <stdbool.h>
#include <stdint.h>

#define INSTRUCTION_MAX 15u /* bytes; the processor takes no longer ones */

enum instruction_kind {
	INSTRUCTION_PLAIN, /* may refer to data by its own address */
	INSTRUCTION_NOP,
	INSTRUCTION_JUMP,	   /* to `target` */
	INSTRUCTION_JUMP_IF,	   /* to `target`, if `condition` */
	INSTRUCTION_CALL,	   /* of `target` */
	INSTRUCTION_CALL_INDIRECT, /* of what a register or a word says */
	INSTRUCTION_OTHER,	   /* loop, far call ...: not to be moved */
};

struct instruction {
	enum instruction_kind kind;
	uint8_t length;
	uint8_t condition;    /* the low four bits of its operation code */
	uint8_t modrm;	      /* where that byte is; 0 if it has none */
	uint8_t displacement; /* where 4 bytes relative to its end are, or 0 */
	bool by_stack; /* its operand is addressed by the stack pointer */
	const uint8_t *target; /* NULL unless it is relative */
};

/* False where there is no Zydis; *ret_why is a clause that says so. */
bool decoder_open(const char **ret_why);
void decoder_close(void);

/* False if the `room` bytes at `code` do not begin with an instruction. */
bool decoder_read(const uint8_t *code, uintptr_t room, struct instruction *out);

#endif
