/* SPDX-License-Identifier: MIT */
/*
 * hooked - what a call of a hooked function costs where its rule has nothing to
 * do, over a bare one
 *
 * Run with rules on hold() and hooked(): a call inside of another one that
 * counts is none.  The two kinds of call are measured in turn, in pieces that
 * a busy machine leaves alone now and then, and the best of each counts; status
 * 1 if the difference is above LIMIT, or none at all.
 */
#include <stdio.h>
#include <time.h>

#define APART  __attribute__((noinline))
#define CALLS  10000
#define ROUNDS 3000
#define LIMIT  12.0 /* ns */

/* As long as a small function of a pool; not one function, nor to be known. */
static APART long bare(long number)
{
	__asm__ volatile("nopl 0(%%rax)" : "+r"(number)::"memory");
	return number + 1;
}

static APART long hooked(long number)
{
	__asm__ volatile("nopl 8(%%rax)" : "+r"(number)::"memory");
	return number + 1;
}

static double now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec * 1e9 + (double)at.tv_nsec;
}

#define MEASURE(function)                           \
	static double measure_##function(long *sum) \
	{                                           \
		const double start = now();         \
                                                    \
		for (int i = 0; i < CALLS; i++)     \
			*sum = function(*sum);      \
		return (now() - start) / CALLS;     \
	}

MEASURE(bare)
MEASURE(hooked)

static double least(double a, double b)
{
	return a < b ? a : b;
}

/* It returns no handle that anybody would miss. */
static APART int hold(volatile int rounds)
{
	double without = 1e9, with = 1e9;
	long sum = 0;

	while (rounds--) {
		without = least(without, measure_bare(&sum));
		with = least(with, measure_hooked(&sum));
	}
	printf("bare %.1f ns, hooked %.1f ns: %.1f ns more, at most %.0f\n",
	       without, with, with - without, LIMIT);
	return with - without > LIMIT || with - without < 1;
}

int main(void)
{
	return hold(ROUNDS);
}
