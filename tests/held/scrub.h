/* SPDX-License-Identifier: MIT */
/*
 * scrub - a stack without what went before
 *
 * The frames of calls that have returned have pointers in them, and what comes
 * next may leave holes there.  It is wiped deeper than any end goes.  Nobody
 * reads the frame, and without the asm an optimiser would not write it either.
 */
#ifndef TESTS_HELD_SCRUB_H
#define TESTS_HELD_SCRUB_H

#include <string.h>

static __attribute__((noinline, unused)) void scrub(void)
{
	char frame[1 << 20];

	memset(frame, 0, sizeof(frame));
	__asm__ volatile("" : : "r"(frame) : "memory");
}

#endif
