/* SPDX-License-Identifier: MIT */
/*
 * choice - which libpq a call means that came by the symbol's name
 *
 * The loader found the shim before every libpq.  Without it, it would have
 * found, in this order: the libpq that everybody sees (needed by the program,
 * or loaded with RTLD_GLOBAL), or else the nearest one among what the caller
 * needs.  Who came through a thunk (hooks.h) has said already which it means.
 *
 * A caller's choice is made once: the loader, too, binds a name for good.
 */
#ifndef PRELOAD_CHOICE_H
#define PRELOAD_CHOICE_H

#include "preload/libpq.h"

/* Any thread, any time; NULL if there is no libpq. */
const struct libpq *choice_of(const void *caller);

/* The one that a call from there is bound to already; NULL if none is. */
const struct libpq *choice_made(const void *caller);

/*
 * The loader has bound a name in there to us: the choice is made, whatever
 * everybody sees by the time of the first call.  In a job of objects_hold().
 */
void choice_bind(const struct object *object);

/* A choice for good: neither the caller's object nor the copy can go. */
struct choice_known {
	const struct libpq *copy;
	bool is_libpq;		  /* the caller is, in a library of its own */
	_Atomic(bool) is_program; /* it is none, nor a shim, nor in front */
	bool has_front;		  /* libpq_front() is to be asked */
};

/* The same, sooner, for most callers; NULL for any other. */
const struct choice_known *choice_known(const void *caller);

/*
 * Forgets what was unloaded, since another library may come in its place.  A
 * job of objects_hold().
 */
void choice_refresh(void);

/*
 * The same by what is visible from there alone: NULL if no libpq is, even if
 * somebody else's is loaded.  In a job of objects_hold().
 */
const struct libpq *choice_visible(const void *caller);

/* The nearest among what is needed there, whatever everybody sees. */
const struct libpq *choice_nearest(const void *caller);

/* Whether a call from anywhere would mean this one. */
bool choice_is_everybodys(const struct libpq *copy);

/* The copy of which everybody sees a function, as dlsym has found it. */
void choice_set_global(const void *address);

#endif
