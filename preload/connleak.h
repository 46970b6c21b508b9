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
 *
 * A pool of the program's own says what it hands out, in its own functions:
 * where they are called from is what the report names.
 *
 *	PGconn *pool_take(struct pool *pool)
 *	{
 *		PGconn *conn;
 *
 *		connleak_waiting(pool);
 *		conn = find_free_one(pool);
 *		connleak_acquired(pool, conn);
 *		return conn;
 *	}
 *
 *	void pool_drop(struct pool *pool, PGconn *conn)
 *	{
 *		connleak_releasing(pool, conn);
 *		make_free(pool, conn);
 *	}
 */
#ifndef CONNLEAK_H
#define CONNLEAK_H

typedef void connleak_hook(const void *handle);
typedef void connleak_pool_hook(const void *pool, const char *function);
typedef void connleak_lease_hook(const void *pool, const void *handle,
				 const char *function);
typedef void connleak_number_hook(const void *pool, unsigned long n);

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
extern "C" {
#endif
connleak_hook connleak_shim_by_design __attribute__((weak));
connleak_pool_hook connleak_shim_waiting __attribute__((weak));
connleak_lease_hook connleak_shim_acquired __attribute__((weak));
connleak_lease_hook connleak_shim_releasing __attribute__((weak));
connleak_number_hook connleak_shim_capacity __attribute__((weak));
#ifdef __cplusplus
}
#endif
#define CONNLEAK_FIND(hook, name) ((hook) = name)
#endif

#define CONNLEAK_CALL(type, name, arguments)         \
	do {                                         \
		type *connleak_found;                \
                                                     \
		CONNLEAK_FIND(connleak_found, name); \
		if (connleak_found)                  \
			connleak_found arguments;    \
	} while (0)

/*
 * The program keeps this connection (or cancel handle, or what a pool has
 * handed out) until its end, and means to.  It may be told again after the
 * handle was given back and acquired anew.
 */
__attribute__((unused)) static __inline__ void
connleak_by_design(const void *handle)
{
	CONNLEAK_CALL(connleak_hook, connleak_shim_by_design, (handle));
}

/* The pool hands out so many at once, at most; that may change. */
__attribute__((unused)) static __inline__ void
connleak_capacity(const void *pool, unsigned long n)
{
	CONNLEAK_CALL(connleak_number_hook, connleak_shim_capacity, (pool, n));
}

/*
 * These are macros, so that connleak sees the function that has them: it names
 * the pool.  `pool` is the address of anything that tells it from others, NULL
 * if there is one only; `handle` is what the pool hands out, mostly a PGconn or
 * an object that has one.
 */

/* This thread begins to acquire: from here on it waits. */
#define connleak_waiting(pool)                                   \
	CONNLEAK_CALL(connleak_pool_hook, connleak_shim_waiting, \
		      (pool, __extension__ __FUNCTION__))

/* It has acquired, which ends the wait, if it has begun one; NULL: in vain. */
#define connleak_acquired(pool, handle)                            \
	CONNLEAK_CALL(connleak_lease_hook, connleak_shim_acquired, \
		      (pool, handle, __extension__ __FUNCTION__))

/* About to be released: afterwards another thread may have acquired it. */
#define connleak_releasing(pool, handle)                            \
	CONNLEAK_CALL(connleak_lease_hook, connleak_shim_releasing, \
		      (pool, handle, __extension__ __FUNCTION__))

#endif
