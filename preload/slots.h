/* SPDX-License-Identifier: MIT */
/*
 * slots - repairs what the loader bound past the shim, or to it in vain
 *
 * A library loaded with RTLD_DEEPBIND is bound to its own libpq, and to the C
 * library's own dlopen and dlsym, before the shim is looked at; so is all that
 * is bound to a libpq that stands in LD_PRELOAD before us.  Those words are
 * made to point to thunks, or to our exports; the flag keeps its meaning for
 * all other names.
 *
 * And a weak reference to a function that no libpq has, or where there is no
 * libpq, is bound to the shim: it is made NULL, as the program would see it.
 */
#ifndef PRELOAD_SLOTS_H
#define PRELOAD_SLOTS_H

/*
 * Goes through all objects that it has not seen, or through all if there is a
 * new libpq.  A job of objects_hold(), after libpq_refresh().
 */
void slots_repair(void);

#endif
