/* SPDX-License-Identifier: MIT */
/*
 * Compiled for general registers only: stubs_readable() is called while the
 * others belong to somebody else.
 */
#include "preload/stubs_x86_64.h"

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <unwind.h>

#include "preload/elf.h"
#include "preload/readable.h"

#define PAGE	     4096u
#define REGISTER_RBP 6

struct stub stubs_table[STUBS];

static bool taken[STUBS];

unsigned stubs_take(void)
{
	unsigned number = 0;

	while (number < STUBS && taken[number])
		number++;
	if (number < STUBS)
		taken[number] = true;
	return number;
}

void stubs_give(unsigned number)
{
	taken[number] = false;
}

void stubs_set(unsigned number, const struct stub *stub)
{
	stubs_table[number] = *stub;
}

const struct stub *stubs_at(unsigned number)
{
	return &stubs_table[number];
}

const uint8_t *stubs_code(unsigned number)
{
	return stubs_start + number * STUB_SIZE;
}

/*
 * The function may be the first on a stack, and that end with its page.  No
 * answer is kept: what lies above a stack that the program has made itself
 * comes and goes.
 */
uint64_t stubs_readable(const uint64_t *words)
{
	const uintptr_t start = (uintptr_t)words;
	const uintptr_t last = start + (STUB_COPIED - 1) * sizeof(*words);
	const uintptr_t page = last & ~(uintptr_t)(PAGE - 1);

	/* Below them is the return address, which is there. */
	if (page < start && page + PAGE > start)
		return STUB_COPIED;
	if (readable(page))
		return STUB_COPIED;
	return page > start ? (page - start) / sizeof(*words) : 0;
}

/*
 * A function of the unwinder that calls the personality: there may be several,
 * with frames that only they understand.  One that is linked into the program
 * exports none; then the call is known to have ended when the next one begins.
 */
static void *of_unwinder(const void *code, const char *name)
{
	struct dl_find_object found;

	if (_dl_find_object((void *)(uintptr_t)code, &found) ||
	    !found.dlfo_link_map)
		return NULL;
	return elf_symbol_of(found.dlfo_link_map->l_addr,
			     found.dlfo_link_map->l_ld, name);
}

/*
 * Of call_by_stub.  There is nothing to be cleaned up in that frame: whoever
 * is around the function is told that it is left, and the search goes on.
 */
_Unwind_Reason_Code stubs_personality(int version, _Unwind_Action actions,
				      _Unwind_Exception_Class kind,
				      struct _Unwind_Exception *exception,
				      struct _Unwind_Context *context)
	__attribute__((visibility("hidden")));

_Unwind_Reason_Code stubs_personality(int version, _Unwind_Action actions,
				      _Unwind_Exception_Class kind,
				      struct _Unwind_Exception *exception,
				      struct _Unwind_Context *context)
{
	const void *caller = __builtin_return_address(0);
	__typeof__(&_Unwind_GetGR) get_register;
	__typeof__(&_Unwind_GetIP) get_ip;
	struct stub_frame *frame;

	(void)version;
	(void)kind;
	(void)exception;
	*(void **)&get_register = of_unwinder(caller, "_Unwind_GetGR");
	*(void **)&get_ip = of_unwinder(caller, "_Unwind_GetIP");
	if (!(actions & _UA_CLEANUP_PHASE) || !get_register || !get_ip ||
	    get_ip(context) != (_Unwind_Ptr)stubs_function_returns)
		return _URC_CONTINUE_UNWIND;
	frame = (void *)(get_register(context, REGISTER_RBP) + FRAME_BOTTOM);
	if (frame->state)
		frame->stub->around->left(frame);
	return _URC_CONTINUE_UNWIND;
}
