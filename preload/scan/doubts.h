/* SPDX-License-Identifier: MIT */
/*
 * doubts - whether there was memory that could not be looked at
 *
 * A handle that nothing has led to is lost only where there was none.
 */
#ifndef PRELOAD_SCAN_DOUBTS_H
#define PRELOAD_SCAN_DOUBTS_H

#include "preload/scan/state.h"

/* To be asked before anything is read, which is a touch. */
bool doubts_is_wiped(const struct state *now);

/* Of all reasons, when all is done. */
bool doubts_any(const struct state *now);

#endif
