/* SPDX-License-Identifier: MIT */
/*
 * lifecycle - when the shim begins to work, and where it must not
 */
#ifndef PRELOAD_LIFECYCLE_H
#define PRELOAD_LIFECYCLE_H

#include <stdbool.h>

/*
 * True if the shim is at work, and this call is not its own (guard.h).  Every
 * hook asks: the constructor of a library may connect before our own
 * constructor has run.
 */
bool lifecycle_ready(void);

/*
 * The same, but begins nothing: a child of vfork() may ask, and what began
 * there would begin in its parent, under the child's pid.
 */
bool lifecycle_has_begun(void);

#endif
