/* SPDX-License-Identifier: MIT */
/*
 * scrub - a stack and registers without what went before
 *
 * The frames of calls that have returned have pointers in them, and what comes
 * next may leave holes there.  It is wiped deeper than any end goes.  Nobody
 * reads the frame, and without the asm an optimiser would not write it either.
 *
 * The registers that no function has to keep may have a pointer long after the
 * call that used them, and a signal puts all registers on the stack.
 */
#ifndef TESTS_HELD_SCRUB_H
#define TESTS_HELD_SCRUB_H

#include <string.h>

static __attribute__((noinline, unused)) void scrub(void)
{
	char frame[1 << 20];

	memset(frame, 0, sizeof(frame));
	__asm__ volatile("" : : "r"(frame) : "memory");
	__asm__ volatile("xor %%r8d, %%r8d\n\txor %%r9d, %%r9d\n\t"
			 "xor %%r10d, %%r10d\n\txor %%r11d, %%r11d"
			 :
			 :
			 : "r8", "r9", "r10", "r11", "cc");
}

#endif
