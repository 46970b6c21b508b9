/* SPDX-License-Identifier: MIT */
/*
 * hooked - the functions of pools, in whatever is loaded
 *
 * Each object is compared with the rules once, when it is new: at the start,
 * and after a dlopen.  A function that one of them names is patched where it
 * begins (patch.h), so that every call of it is seen.  Where that cannot be
 * done, calls by way of the loader's tables are led to its stub instead, and
 * the rule's outcome says what is not seen: calls inside of the object that has
 * it, and calls through pointers.  What is seen of neither: objects in a
 * namespace of dlmopen(), and copies that a compiler has made of a function.
 *
 * Functions of the C library and of the shim are left alone.
 *
 * What was done to an object is forgotten when it has been unloaded.
 */
#ifndef PRELOAD_HOOKED_H
#define PRELOAD_HOOKED_H

#include <stdbool.h>

/*
 * Looks at what is new.  Where the loader may be called, under no lock.  True
 * if a function of a pool is in this process.
 */
bool hooked_notice(void);

#endif
