/* SPDX-License-Identifier: MIT */
/*
 * home_pool - a pool as people write it, in static functions that the compiler
 * may fit to their callers
 *
 * Two handles, 11 and 12, of the pool at 5.  Compiled with -DLIBRARY it is a
 * library that exports only use_pool(); else a program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#define APART	__attribute__((noinline))
#define HIDE(x) __asm__ volatile("" : "+r"(x))

static int out[2];
static jmp_buf back;

/* Arguments on the stack and in vector registers. */
static APART int pool_take(void *pool, double a, int how, int c, int d, int e,
			   int f, int g, int h)
{
	HIDE(pool);
	HIDE(how);
	if (how == 2)
		longjmp(back, 1);
	for (int i = 0; i < 2 && !how; i++)
		if (!out[i]) {
			out[i] = 1;
			return 11 + i + (a > 9) * (c + d + e + f + g + h);
		}
	return 0;
}

static APART void pool_drop(int handle, void *pool)
{
	HIDE(pool);
	HIDE(handle);
	if (handle)
		out[handle - 11] = 0;
}

/* Small enough that what surrounds a call of it stays in registers. */
static APART long pool_size(long *sum)
{
	*sum += 1;
	return 2;
}

static APART double mix(double x, long a, long b, long c, long d)
{
	long sum = 0;

	for (int i = 0; i < 5; i++) {
		x = x * 1.25 + (double)pool_size(&sum);
		a += b * pool_size(&sum);
		b ^= c + d;
		HIDE(a);
	}
	return x + (double)(a + b + c + d + sum);
}

int use_pool(void);

int use_pool(void)
{
	volatile int first, second;
	void *volatile pool = (void *)5; /* no constant, or there are copies */

	first = pool_take(pool, 0.5, 0, 1, 2, 3, 4, 5, 6);
	second = pool_take(pool, 0.25, 0, 6, 5, 4, 3, 2, 1);
	printf("%d %d %d\n", first, second,
	       pool_take(pool, 0.5, 0, 1, 1, 1, 1, 1, 1));
	pool_drop(first, pool);
	if (!setjmp(back))
		pool_take(pool, 0.75, 2, 0, 0, 0, 0, 0, 0);
	printf("%d\n", pool_take(pool, 0.5, 0, 0, 0, 0, 0, 0, 0));
	pool_drop(second, pool);
	printf("%.6f\n", mix(1.5, 2, 3, 4, 5));
	return 0;
}

#ifndef LIBRARY
int main(void)
{
	return use_pool();
}
#endif
