/* SPDX-License-Identifier: MIT */
/*
 * hooks - the functions of libpq that the shim stands in front of
 *
 * The rows of hooks.def.  By their names they are the shim's exports, which
 * the loader finds before any libpq's.  What it would find elsewhere (a
 * library loaded with RTLD_DEEPBIND looks at its own libpq first) or what is
 * asked for by name (dlsym) is given a thunk instead.
 */
#ifndef PRELOAD_HOOKS_H
#define PRELOAD_HOOKS_H

#include "preload/libpq.h"

/*
 * What to call instead of a copy's function: the hook, knowing its copy.  NULL
 * if too many copies are there: what calls this one past us stays unseen, but
 * not whom it connects to.
 */
void *hooks_thunk(const struct libpq *copy, enum libpq_function function);

#endif
