/* SPDX-License-Identifier: MIT */
/*
 * patch - a jump at the beginning of a function, and a way to call what it was
 *
 * For functions that no symbol look-up leads to, because whoever calls them
 * was linked with them.
 *
 *	function:  jmp near  ---->  near:  jmp stub  ---->  stub: calls the hook
 *	           rest  <--------+                               or `original`
 *	                          |
 *	original:  the displaced instructions, made to work elsewhere; jmp rest
 *
 * `near` and `original` lie in memory close to the function, since a jump of
 * five bytes reaches 2 GiB.  The stub (stubs_x86_64.h) preserves all that a
 * caller may rely on.  No memory is writable and executable at a time, but for
 * the moment in which a jump is put into code that others may be running.
 *
 * A function is refused rather than patched by guess.  Where the process has
 * other threads, the jump is put in by one store that no processor sees half
 * of; where that is impossible, and where a thread is known to be in the bytes
 * that it displaces, the function is refused too.  What cannot be known: where
 * a thread is that runs just now, or that a signal has interrupted; whether
 * the compiler has inlined the function elsewhere or made special copies of it;
 * and whether code outside of it jumps into its first bytes.
 *
 * One thread at a time; inside a guard.  patch_open() is called where the
 * loader may be, all else where nothing can be unloaded meanwhile.
 */
#ifndef PRELOAD_PATCH_H
#define PRELOAD_PATCH_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/stubs_x86_64.h"

typedef void patch_code(void);

enum patch_result {
	PATCH_RETURNS_NOTHING = STUB_RESULT_NONE,
	PATCH_RETURNS_WORD = STUB_RESULT_WORD, /* a number or a pointer */
};

struct patch {
	/* Set by the caller: */
	uint8_t *function;
	size_t size; /* as its symbol says */
	/* What is done around it (stubs_x86_64.h), ... */
	const struct stub_around *around;
	const void *data;
	/* ... or, if that is NULL, in its place; as late as patch_apply() */
	patch_code *hook;
	enum patch_result result;
	unsigned stack_words; /* of its arguments, those on the stack */
	/* Set by patch_prepare(): */
	patch_code *original; /* NULL if it cannot be patched */
	const char *why;      /* a clause that says why it could not */
	uint8_t *jump;	      /* where the jump belongs */
	uint8_t *near;	      /* where it goes */
	uint8_t displaced;    /* bytes from there on */
	unsigned stub;	      /* which one stands in between */
	int protection;	      /* of the code there */
};

/* Memory near the functions of one call of patch_prepare(). */
struct patch_near {
	uint8_t *at; /* NULL: none */
	size_t size;
};

/* Around all calls of patch_prepare().  False, and why, if it cannot be. */
bool patch_open(const char **ret_why);
void patch_close(void);

/*
 * Makes the ways around the functions, all of which lie in one object.
 * Nothing is patched yet.  Returns how many have one.
 */
size_t patch_prepare(struct patch *list, size_t count,
		     const struct dl_phdr_info *object,
		     struct patch_near *ret_near);

/*
 * Puts the jumps in that were prepared: all, or, if the system does not let
 * us, none.  Then it returns false, `why` of each one says it, and none is
 * prepared any more.
 */
bool patch_apply(struct patch *list, size_t count, struct patch_near *near);

/* Whether the jump is there still; the object may have been loaded anew. */
bool patch_is_in(const struct patch *patch);

/* The functions are gone, and with them whoever could have been in them. */
void patch_forget(struct patch *list, size_t count, struct patch_near *near);

/*
 * Only a stub, for calls that are led to it by the loader's tables: where it
 * is, or NULL, and why.  patch_forget() takes it back.
 */
void *patch_detour(struct patch *patch);

/*
 * Whose call a hook is in: the return address of the hook's frame, which is
 * __builtin_frame_address(0) there; or, if it was reached by a stub, that of
 * the patched function.
 */
const void *patch_caller(const void *frame);

#endif
