/* SPDX-License-Identifier: MIT */
/*
 * patch - a jump at the beginning of a function, and a way to call what it was
 *
 * For functions that no symbol look-up leads to: those linked into the program
 * itself, which calls them directly.
 *
 *	function:  jmp near  ---->  near:  jmp stub  ---->  stub: calls the hook
 *	           rest  <--------+
 *	                          |
 *	original:  the displaced instructions, made to work elsewhere; jmp rest
 *
 * `near` and `original` lie in memory close to the function, since a jump of
 * five bytes reaches 2 GiB.  The stub (stubs_x86_64.h) preserves all that a
 * caller may rely on.  No memory is writable and executable at a time, but for
 * the moment in which a jump is put into code that others may be running.
 *
 * A function is refused rather than patched by guess.  What no look at it can
 * tell: whether the compiler has inlined it elsewhere or made special copies
 * of it, whether code outside of it jumps into its first bytes, and whether a
 * thread is running in those just now.
 *
 * One thread at a time; inside a guard; where the loader may be called.
 */
#ifndef PRELOAD_PATCH_H
#define PRELOAD_PATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void patch_code(void);

enum patch_result {
	PATCH_RETURNS_NOTHING,
	PATCH_RETURNS_WORD, /* a number or a pointer */
	PATCH_RETURNS_WIDE, /* what takes two registers, or floating point */
};

struct patch {
	/* Set by the caller: */
	uint8_t *function;
	size_t size;	  /* as its symbol says */
	patch_code *hook; /* called in its place; as late as patch_apply() */
	enum patch_result result;
	unsigned stack_words; /* of its arguments, those on the stack */
	/* Set by patch_prepare(): */
	patch_code *original; /* NULL if it cannot be patched */
	const char *why;      /* a clause that says why it could not */
	uint8_t *jump;	      /* where the jump belongs */
	uint8_t *near;	      /* where it goes */
	unsigned stub;	      /* which one stands in between */
	int protection;	      /* of the code there */
};

/*
 * Makes the ways around the functions, all of which lie in one object.
 * Nothing is patched yet.  Returns how many have one.
 */
size_t patch_prepare(struct patch *list, size_t count);

/*
 * Puts the jumps in that were prepared: all, or, if the system does not let
 * us, none.  Then it returns false, and `why` of the first one says it.
 */
bool patch_apply(struct patch *list, size_t count);

/*
 * Whose call a hook is in: the return address of the hook's frame, which is
 * __builtin_frame_address(0) there; or, if it was reached by a stub, that of
 * the patched function.
 */
const void *patch_caller(const void *frame);

#endif
