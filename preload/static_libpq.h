/* SPDX-License-Identifier: MIT */
/*
 * static_libpq - a libpq that is linked into the program
 *
 * No symbol look-up leads there, so it is patched (patch.h): each function of
 * hooks.def that the program has gets a jump to the thunk of this copy, which
 * calls what the function was.  All of them, or none: half of the events would
 * be worse than being blind.  Why it could not be hooked is said in the log.
 *
 * What the linker has found superfluous is missing: a question that nobody
 * answers is answered by 0 or NULL.  PQstatus must be there.
 */
#ifndef PRELOAD_STATIC_LIBPQ_H
#define PRELOAD_STATIC_LIBPQ_H

/*
 * Hooks it, if there is one.  In the shim's constructor: the loader may be
 * called, and no thread of the program is in libpq yet.
 */
void static_libpq_hook(void);

#endif
