/* SPDX-License-Identifier: MIT */
/*
 * connleak.h - what a program may tell connleak about its connections
 *
 * To be included by any program in C or C++; nothing is to be linked.  Where
 * connleak does not ride along these do nothing, and cost no more than to look
 * whether it does.
 *
 *	#include <connleak.h>
 *
 *	static PGconn *shared;
 *
 *	shared = PQconnectdb(info);
 *	connleak_by_design(shared);	it stays open until the end: no finding
 */
#ifndef CONNLEAK_H
#define CONNLEAK_H

typedef void connleak_hook(const void *);

/*
 * What libconnleak.so has by this name, or NULL where that is not loaded.  The
 * linker makes the address of a weak function 0 for good in a program with a
 * fixed address (-no-pie), unless it is fetched from the table that the loader
 * fills.
 */
#ifdef __x86_64__
#define CONNLEAK_FIND(hook, name)                    \
	__asm__(".weak " #name "\n\t"                \
		"movq " #name "@GOTPCREL(%%rip), %0" \
		: "=r"(hook))
#else
#ifdef __cplusplus
extern "C"
#endif
	void
	connleak_shim_by_design(const void *handle) __attribute__((weak));
#define CONNLEAK_FIND(hook, name) ((hook) = name)
#endif

/*
 * The program keeps this connection (or cancel handle) until its end, and means
 * to.  It may be told again after the handle was given back and acquired anew.
 */
__attribute__((unused)) static __inline__ void
connleak_by_design(const void *handle)
{
	connleak_hook *hook;

	CONNLEAK_FIND(hook, connleak_shim_by_design);
	if (hook)
		hook(handle);
}

#undef CONNLEAK_FIND

#endif
