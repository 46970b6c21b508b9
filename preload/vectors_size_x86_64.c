/* SPDX-License-Identifier: MIT */
/*
 * How much room the registers' state takes here: that is found out when the
 * shim is loaded.
 */
#include "preload/vectors_x86_64.h"

#include <cpuid.h>

#define XSAVE_LEAF 13u
#define LEGACY	   (512u + 64u) /* with the head */

/* x87, SSE, AVX, and the three parts of AVX-512. */
#define STATES 0xe7u

/* For the assembler. */
__attribute__((visibility("hidden"))) uint64_t vectors_size = LEGACY;
uint32_t vectors_mask;

static uint32_t enabled_states(void)
{
	uint32_t low, high;

	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}

/* The first constructor of the shim: a stub needs it. */
__attribute__((constructor(101))) static void measure(void)
{
	unsigned a, b, c, d, size = LEGACY;
	uint32_t mask;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return;
	mask = enabled_states() & STATES;
	for (unsigned state = 2; state < 32; state++) {
		if (!(mask >> state & 1))
			continue;
		__cpuid_count(XSAVE_LEAF, state, a, b, c, d);
		if (b + a > size)
			size = b + a;
	}
	vectors_size = size;
	vectors_mask = mask;
}
