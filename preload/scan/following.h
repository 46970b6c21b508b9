/* SPDX-License-Identifier: MIT */
/*
 * following - which roots lead to the blocks that have the handles
 *
 * After looking, for the handles of which there are hits but no certain root.
 */
#ifndef PRELOAD_SCAN_FOLLOWING_H
#define PRELOAD_SCAN_FOLLOWING_H

#include "preload/scan/state.h"

/* Before any looking.  False: no room. */
bool following_begin(struct state *now);

/* False: it did not come to an end. */
bool following_run(struct state *now);

#endif
