/* SPDX-License-Identifier: MIT */
/*
 * stubs_x86_64 - what stands between a patched function and its hook
 *
 * A patched function is called by code that the compiler may have fitted to
 * it: within one source file gcc knows which registers a function leaves
 * alone, keeps values in those, and does not align the stack for one that
 * needs no alignment.  A hook is an ordinary C function, which may use them
 * all.  So each patched function has a stub: it keeps every register that a
 * call may change but those that return the result, aligns the stack, copies
 * the arguments that lie there, and calls the hook.  Not kept are what no
 * function can rely on that calls into another library, as libpq's do: the
 * flags, the x87 stack, and the upper halves of vector registers.
 *
 * The stub has a frame of its own, so debuggers, profilers and C++ exceptions
 * find their way through it.
 */
#ifndef PRELOAD_STUBS_X86_64_H
#define PRELOAD_STUBS_X86_64_H

#define STUBS	  256 /* functions that can be patched in a process */
#define STUB_SIZE 32  /* bytes of each */

/* Of struct stub, for the assembler. */
#define STUB_HOOK	 0
#define STUB_STACK_WORDS 8
#define STUB_RESULT	 12
#define STUB_ENTRY_SHIFT 4

/* What the hook returns, and the stub therefore hands on. */
#define STUB_RESULT_NONE 0
#define STUB_RESULT_WORD 1 /* in %rax */
#define STUB_RESULT_WIDE 2 /* also in %rdx, %xmm0, %xmm1 */

#ifndef __ASSEMBLER__

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* What the stub of the same number does. */
struct stub {
	void (*hook)(void);
	uint32_t stack_words; /* arguments that lie on the stack */
	uint32_t result;      /* STUB_RESULT_* */
};

static_assert(offsetof(struct stub, hook) == STUB_HOOK &&
		      offsetof(struct stub, stack_words) == STUB_STACK_WORDS &&
		      offsetof(struct stub, result) == STUB_RESULT &&
		      sizeof(struct stub) == 1 << STUB_ENTRY_SHIFT,
	      "the assembler believes so");

#define STUBS_HIDDEN __attribute__((visibility("hidden")))

extern struct stub stubs_table[STUBS] STUBS_HIDDEN;

/* The code: stub N begins at stubs_start + N * STUB_SIZE. */
extern const uint8_t stubs_start[] STUBS_HIDDEN;
extern const uint8_t stubs_end[] STUBS_HIDDEN;

#endif
#endif
