/* SPDX-License-Identifier: MIT */
/*
 * stubs_x86_64 - what stands between a function and whoever calls it
 *
 * A function that is hooked is called by code that the compiler may have
 * fitted to it: within one source file gcc knows which registers a function
 * leaves alone, keeps values in those, and does not align the stack for one
 * that needs no alignment.  What the shim does is ordinary C, which may use
 * them all.  So each hooked function has a stub, of one of two kinds:
 *
 * - instead of the function a hook is called, with its arguments.  What the
 *   hook returns is handed on; all other registers are as they were.
 *
 * - around it: something is called before it and after it (struct
 *   stub_around).  It gets every register as its caller left it, and up to
 *   STUB_COPIED words of the stack; its caller gets every register as it left
 *   it.  A stack word that cannot be read, as one above a stack, is no
 * argument.
 *
 * Both keep all registers that a call may change, the vector and x87 state
 * among them (vectors_x86_64.h), and align the stack.  They have a frame of
 * their own and unwind information for every instruction: debuggers,
 * profilers, C++ exceptions, thread cancellation and longjmp pass.
 */
#ifndef PRELOAD_STUBS_X86_64_H
#define PRELOAD_STUBS_X86_64_H

#define STUBS	    1024 /* functions that can be hooked in a process */
#define STUB_SIZE   32	 /* bytes of each */
#define STUB_COPIED 16

/* Of struct stub, for the assembler. */
#define STUB_FUNCTION	 0
#define STUB_AROUND	 8
#define STUB_STACK_WORDS 24
#define STUB_RESULT	 28
#define STUB_ENTRY_SHIFT 5

/* Of struct stub_around. */
#define AROUND_BEFORE 0
#define AROUND_AFTER  8

/* What a hook returns, and the stub therefore hands on. */
#define STUB_RESULT_NONE 0
#define STUB_RESULT_WORD 1 /* in %rax */

/* Of the frame, from %rbp: struct stub_frame begins at FRAME_BOTTOM. */
#define FRAME_BOTTOM -168
#define FRAME_STATE  -96

#ifndef __ASSEMBLER__

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define STUBS_HIDDEN __attribute__((visibility("hidden")))

/* The registers that a call may change, as they lie in a frame. */
struct stub_registers {
	uint64_t r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
};

/* The frame of a call by a stub of the second kind. */
struct stub_frame {
	struct stub_registers returned; /* once the function has */
	uint64_t state;			/* what was answered before */
	uint64_t function;
	struct stub_registers called; /* as its caller left them */
	const struct stub *stub;
	uint64_t rbp;
	const void *caller; /* the function's return address */
	uint64_t on_stack[];
};

static_assert(sizeof(struct stub_registers) == 72 &&
		      offsetof(struct stub_frame, state) ==
			      FRAME_STATE - FRAME_BOTTOM &&
		      offsetof(struct stub_frame, rbp) == -FRAME_BOTTOM,
	      "the assembler believes so");

/*
 * What is to be done around a function.  It runs while the caller's vector and
 * x87 registers are in use: it is compiled for general registers only, calls
 * nothing that is not, or goes by vectors_keep().
 */
struct stub_around {
	/* 0: nothing is to be done when the call ends. */
	uint64_t (*before)(struct stub_frame *frame);
	/* In that case: it has returned ... */
	void (*after)(struct stub_frame *frame);
	/* ... or an exception or a thread's end passes by; any C may run. */
	void (*left)(struct stub_frame *frame);
};

/* What the stub of the same number does. */
struct stub {
	void (*function)(void); /* or the hook that is called instead */
	const struct stub_around *around; /* NULL: called instead */
	const void *data;		  /* of whom `around` belongs to */
	uint32_t stack_words; /* instead: arguments that lie on the stack */
	uint32_t result;      /* instead: STUB_RESULT_* */
};

static_assert(offsetof(struct stub, function) == STUB_FUNCTION &&
		      offsetof(struct stub, around) == STUB_AROUND &&
		      offsetof(struct stub, stack_words) == STUB_STACK_WORDS &&
		      offsetof(struct stub, result) == STUB_RESULT &&
		      sizeof(struct stub) == 1 << STUB_ENTRY_SHIFT &&
		      offsetof(struct stub_around, before) == AROUND_BEFORE &&
		      offsetof(struct stub_around, after) == AROUND_AFTER,
	      "the assembler believes so");

/* One that nobody has; STUBS if there is none.  One thread at a time. */
unsigned stubs_take(void);
/* Nobody can come by it any more. */
void stubs_give(unsigned number);

void stubs_set(unsigned number, const struct stub *stub);
const struct stub *stubs_at(unsigned number);

/* Where its code begins. */
const uint8_t *stubs_code(unsigned number);

/* For stubs_x86_64.S: the table; how many words of a stack can be read. */
extern struct stub stubs_table[STUBS] STUBS_HIDDEN;
uint64_t stubs_readable(const uint64_t *words);

/* The code: stub N begins at stubs_start + N * STUB_SIZE. */
extern const uint8_t stubs_start[] STUBS_HIDDEN;
extern const uint8_t stubs_end[] STUBS_HIDDEN;
extern const uint8_t stubs_function_returns[] STUBS_HIDDEN;

/* Whether a stub returns there; asked at each call of libpq. */
static inline int stubs_is_code(const void *address)
{
	return (const uint8_t *)address >= stubs_start &&
	       (const uint8_t *)address < stubs_end;
}

#endif
#endif
